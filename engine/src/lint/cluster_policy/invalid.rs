//! PAL901 cluster-policy-invalid: a field of a ClusterNetworkPolicy that the server refuses, or a required one that is missing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds missing `tier`, `priority`, `subject` or actions, and values that the server refuses.
    ///
    /// ## Why it bites
    ///
    /// A policy that the server refuses guards nothing.
    ///
    /// ## How it is decided
    ///
    /// By the rules of policy.networking.k8s.io/v1alpha2.
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
    ///   egress: [{action: Drop, to: [{networks: [10.0.0.0/8]}]}]
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
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static INVALID = "PAL901" "cluster-policy-invalid" Error Never On,
        "a field of a ClusterNetworkPolicy that the server refuses, or a required one that is missing", Check::Elsewhere;
}
