//! PAL023 pod-selector-missing: no `spec.podSelector`: every pod of the namespace.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds policies without a `podSelector`.
    ///
    /// ## Why it bites
    ///
    /// Older servers refuse them, newer ones take them for every pod of the namespace.
    ///
    /// ## How it is decided
    ///
    /// The field is missing or `null`. Writing `podSelector: {}` says the same and is a safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {policyTypes: [Ingress]}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}, policyTypes: [Ingress]}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: the safe fix costs nothing.
    pub(crate) static POD_SELECTOR_MISSING = "PAL023" "pod-selector-missing" Warning Safe On,
        "no `spec.podSelector`: every pod of the namespace", Check::Elsewhere;
}
