//! PAL006 quoted-port-number: a port number in quotes is a name without letters.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `port: "80"`.
    ///
    /// ## Why it bites
    ///
    /// In quotes it is a port name, and a name needs a letter: the server refuses it. Engines that do not validate
    /// look for a container port of that name, and the rule admits nothing.
    ///
    /// ## How it is decided
    ///
    /// A text of digits only where a port belongs.
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
    ///   - ports: [{port: "80"}]
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
    ///   - ports: [{port: 80}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static QUOTED_PORT_NUMBER = "PAL006" "quoted-port-number" Error Safe On,
        "a port number in quotes is a name without letters", Check::Elsewhere;
}
