//! PAL011 bad-protocol: none of TCP, UDP and SCTP.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds protocols other than TCP, UDP and SCTP, in exactly these letters.
    ///
    /// ## Why it bites
    ///
    /// `tcp` is refused. `ICMP` cannot be said in a NetworkPolicy at all.
    ///
    /// ## How it is decided
    ///
    /// The rule of the API server, read with the place of every key and value. Upper case is a safe fix where it
    /// makes a protocol.
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
    ///   - ports: [{port: 80, protocol: tcp}]
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
    ///   - ports: [{port: 80, protocol: TCP}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static BAD_PROTOCOL = "PAL011" "bad-protocol" Error Safe On,
        "none of TCP, UDP and SCTP", Check::Elsewhere;
}
