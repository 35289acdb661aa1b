//! PAL903 cluster-policy-named-port: a named port without a peer whose pods tell its number.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds named ports of egress rules beside peers that are no pods.
    ///
    /// ## Why it bites
    ///
    /// A name is resolved by the pod that is connected to, and a network has none.
    ///
    /// ## How it is decided
    ///
    /// A rule names a port and no peer of it selects pods.
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
    ///   egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: web}]}]
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
    ///   egress: [{action: Deny, to: [{namespaces: {}}], protocols: [{destinationNamedPort: web}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static NAMED_PORT = "PAL903" "cluster-policy-named-port" Error Never On,
        "a named port without a peer whose pods tell its number", Check::Elsewhere;
}
