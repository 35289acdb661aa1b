//! PAL010 endport-below-port: `endPort` below `port`.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds ranges whose end is below their beginning.
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
    ///   - ports: [{port: 90, endPort: 80}]
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
    pub(crate) static END_PORT_BELOW_PORT = "PAL010" "endport-below-port" Error Unsafe On,
        "`endPort` below `port`", Check::Elsewhere;
}
