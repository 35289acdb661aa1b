//! PAL013 ipblock-mixed-with-selector: `ipBlock` and a selector in one peer.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds peers with an `ipBlock` beside a selector.
    ///
    /// ## Why it bites
    ///
    /// The server refuses it. As two items it means either of them, as was probably meant.
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
    ///   - from:
    ///     - ipBlock: {cidr: 10.0.0.0/8}
    ///       podSelector: {}
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
    ///   - from:
    ///     - ipBlock: {cidr: 10.0.0.0/8}
    ///     - podSelector: {}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static IP_BLOCK_MIXED = "PAL013" "ipblock-mixed-with-selector" Error Never On,
        "`ipBlock` and a selector in one peer", Check::Elsewhere;
}
