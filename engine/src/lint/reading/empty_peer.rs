//! PAL012 empty-peer: a peer that says nothing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `- {}` in `from` or `to`.
    ///
    /// ## Why it bites
    ///
    /// The server refuses it. It means neither everybody nor nobody.
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
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{}]
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
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static EMPTY_PEER = "PAL012" "empty-peer" Error Never On,
        "a peer that says nothing", Check::Elsewhere;
}
