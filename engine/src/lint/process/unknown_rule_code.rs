//! PAL805 unknown-rule-code: a code that no rule has, or a suppression without codes.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds codes and names in comments, annotations and the configuration that no rule has, comments without any,
    /// and suppressing annotations on a pod template, where they have no effect.
    ///
    /// ## Why it bites
    ///
    /// It suppresses nothing, or not what was meant.
    ///
    /// ## How it is decided
    ///
    /// By the catalogue, with the nearest name.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// # palisade: ignore[selector-or] -- meant
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// # palisade: ignore[PAL101] -- meant
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_RULE_CODE = "PAL805" "unknown-rule-code" Warning Safe On,
        "a code that no rule has, or a suppression without codes", Check::Elsewhere;
}
