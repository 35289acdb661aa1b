//! PAL018 bad-selector: a selector that the server refuses.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `In` and `NotIn` without values, `Exists` and `DoesNotExist` with some, unknown operators, and label
    /// keys and values that no object can have.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object. An engine that reads an old one compares the value as it is: it matches
    /// nothing.
    ///
    /// ## How it is decided
    ///
    /// The rule of the API server, read with the place of every key and value.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector:
    ///     matchExpressions: [{key: app, operator: In}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector:
    ///     matchExpressions: [{key: app, operator: In, values: [web]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_SELECTOR = "PAL018" "bad-selector" Error Never On,
        "a selector that the server refuses", Check::Elsewhere;
}
