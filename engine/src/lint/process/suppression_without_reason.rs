//! PAL804 suppression-without-reason: a suppression without a reason.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds suppressions without text after ` -- `.
    ///
    /// ## Why it bites
    ///
    /// Nobody knows whether it still holds.
    ///
    /// ## How it is decided
    ///
    /// By the comment.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// # palisade: ignore[PAL102]
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// # palisade: ignore[PAL102] -- everything is meant, see the wiki
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where reasons are kept elsewhere.
    pub(crate) static SUPPRESSION_WITHOUT_REASON = "PAL804" "suppression-without-reason" Note Never Off,
        "a suppression without a reason", Check::Elsewhere;
}
