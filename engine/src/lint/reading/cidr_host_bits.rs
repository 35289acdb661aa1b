//! PAL016 cidr-host-bits: a CIDR that is read in more than one way.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds CIDRs with host bits (`10.0.0.5/24`), leading zeros (`010.0.0.0/8`) or IPv4 written as IPv6.
    ///
    /// ## Why it bites
    ///
    /// Servers have taken them for years and read the network; newer ones refuse them, and other programs read
    /// leading zeros as octal.
    ///
    /// ## How it is decided
    ///
    /// The text is compared with the canonical form, which is the safe fix.
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.5/24}}]
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/24}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While objects of old clusters are migrated.
    pub(crate) static CIDR_HOST_BITS = "PAL016" "cidr-host-bits" Warning Safe On,
        "a CIDR that is read in more than one way", Check::Elsewhere;
}
