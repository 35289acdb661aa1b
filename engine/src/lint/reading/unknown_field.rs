//! PAL002 unknown-field: a field that the schema does not have.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds keys that no field of the object has, with the field that was probably meant.
    ///
    /// ## Why it bites
    ///
    /// `kubectl` refuses them; other clients drop them in silence, and a rule without its `from` admits everybody.
    ///
    /// ## How it is decided
    ///
    /// By the schema of the object. A suggestion is at most two slips away, or differs in case only; it is a safe
    /// fix if that field is not written yet.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingres: []
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress: []
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static UNKNOWN_FIELD = "PAL002" "unknown-field" Error Safe On,
        "a field that the schema does not have", Check::Elsewhere;
}
