//! PAL014 bad-cidr: not a CIDR.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds a `cidr` or an `except` that is none, and addresses without a prefix length.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object.
    ///
    /// ## How it is decided
    ///
    /// The rule of the API server, read with the place of every key and value. The prefix length of one address is
    /// a safe fix.
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
    ///   - from: [{ipBlock: {cidr: 192.0.2.1}}]
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
    ///   - from: [{ipBlock: {cidr: 192.0.2.1/32}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_CIDR = "PAL014" "bad-cidr" Error Safe On,
        "not a CIDR", Check::Elsewhere;
}
