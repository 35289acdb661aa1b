//! PAL009 endport-with-named-port: `endPort` beside a port name.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds an `endPort` beside a port that is a name.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object: no range begins with a name.
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
    ///   - ports: [{port: http, endPort: 90}]
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
    ///   - ports: [{port: 80, endPort: 90}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static END_PORT_WITH_NAMED_PORT = "PAL009" "endport-with-named-port" Error Never On,
        "`endPort` beside a port name", Check::Elsewhere;
}
