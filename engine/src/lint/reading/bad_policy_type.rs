//! PAL017 bad-policy-type: a policy type that is none, or more than two.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `policyTypes` other than Ingress and Egress, and more than two of them.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object.
    ///
    /// ## How it is decided
    ///
    /// The rule of the API server, read with the place of every key and value. A slip of case or of a letter is a
    /// safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [ingress]
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
    ///   policyTypes: [Ingress]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_POLICY_TYPE = "PAL017" "bad-policy-type" Error Safe On,
        "a policy type that is none, or more than two", Check::Elsewhere;
}
