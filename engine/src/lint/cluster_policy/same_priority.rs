//! PAL905 cluster-policy-same-priority: ClusterNetworkPolicies of one priority with different actions.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds policies of one tier and one priority that act differently in one direction.
    ///
    /// ## Why it bites
    ///
    /// The API leaves open which of them is asked first. Here their names decide; elsewhere something else may.
    ///
    /// ## How it is decided
    ///
    /// Tier, priority and actions are compared.
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
    ///   egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}]}]
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: b}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Accept, to: [{networks: [10.1.0.0/16]}]}]
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
    ///   egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}]}]
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: b}
    /// spec:
    ///   tier: Admin
    ///   priority: 11
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Accept, to: [{networks: [10.1.0.0/16]}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where their peers do not overlap.
    pub(crate) static SAME_PRIORITY = "PAL905" "cluster-policy-same-priority" Warning Never On,
        "ClusterNetworkPolicies of one priority with different actions", Check::Elsewhere;
}
