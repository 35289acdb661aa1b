//! PAL008 endport-without-port: `endPort` without `port`.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds an `endPort` that has no `port` beside it.
    ///
    /// ## Why it bites
    ///
    /// The server refuses the object: a range needs its beginning.
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
    ///   - ports: [{endPort: 90}]
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
    pub(crate) static END_PORT_WITHOUT_PORT = "PAL008" "endport-without-port" Error Never On,
        "`endPort` without `port`", Check::Elsewhere;
}
