//! PAL022 namespace-implicit: no namespace is written: `default` is assumed.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds namespaced objects without `metadata.namespace`.
    ///
    /// ## Why it bites
    ///
    /// Where they are applied decides what they mean, and here `default` is assumed.
    ///
    /// ## How it is decided
    ///
    /// The field is missing.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For manifests whose namespace is given when they are applied.
    pub(crate) static NAMESPACE_IMPLICIT = "PAL022" "namespace-implicit" Note Never Off,
        "no namespace is written: `default` is assumed", Check::Elsewhere;
}
