//! PAL005 wrong-type: a value of another type than the field has.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds lists where a mapping belongs, numbers and booleans where a text belongs, and required fields that are
    /// missing.
    ///
    /// ## Why it bites
    ///
    /// A label value `true` or `1` without quotes is no text, and the server refuses the object.
    ///
    /// ## How it is decided
    ///
    /// By the schema, with the types that YAML 1.1 gives to bare words, as servers read them. Quotes around a value
    /// are a safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {canary: true}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {canary: "true"}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static WRONG_TYPE = "PAL005" "wrong-type" Error Safe On,
        "a value of another type than the field has", Check::Elsewhere;
}
