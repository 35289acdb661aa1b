//! PAL904 cluster-policy-domain-names: `domainNames`, which are not enforced.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds peers by domain names.
    ///
    /// ## Why it bites
    ///
    /// They are not enforced here, so the rule would not do what it says.
    ///
    /// ## How it is decided
    ///
    /// A peer has `domainNames`.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Accept, to: [{domainNames: ["example.com"]}]}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Accept, to: [{networks: [203.0.113.0/24]}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static DOMAIN_NAMES = "PAL904" "cluster-policy-domain-names" Error Never On,
        "`domainNames`, which are not enforced", Check::Elsewhere;
}
