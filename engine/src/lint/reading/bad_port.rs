//! PAL007 bad-port: a number that is no port, or a name that no port can have.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds numbers outside of 1 to 65535, and names that are longer than 15 characters, have no letter, or other
    /// characters than lower case letters, digits and single hyphens inside.
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
    ///   - ports: [{port: 0}, {port: WEB}]
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
    ///   - ports: [{port: 80}, {port: web}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_PORT = "PAL007" "bad-port" Error Never On,
        "a number that is no port, or a name that no port can have", Check::Elsewhere;
}
