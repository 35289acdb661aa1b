//! PAL902 cluster-policy-limit: more rules, peers, protocols or networks than the server takes.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds lists of a ClusterNetworkPolicy that are longer than 25, and rule names that are too long.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object.
    ///
    /// ## How it is decided
    ///
    /// By the limits of the API.
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
    ///   egress: [{name: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", action: Deny, to: [{networks: [10.0.0.0/8]}]}]
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
    ///   egress: [{name: short, action: Deny, to: [{networks: [10.0.0.0/8]}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static LIMITS = "PAL902" "cluster-policy-limit" Error Never On,
        "more rules, peers, protocols or networks than the server takes", Check::Elsewhere;
}
