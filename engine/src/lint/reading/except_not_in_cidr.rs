//! PAL015 except-not-in-cidr: an exception that is not a part of its CIDR.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds an `except` that is not a strict part of the `cidr`: outside of it, equal to it, or of the other
    /// family.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object.
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}}]
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
    ///   - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static EXCEPT_NOT_IN_CIDR = "PAL015" "except-not-in-cidr" Error Never On,
        "an exception that is not a part of its CIDR", Check::Elsewhere;
}
