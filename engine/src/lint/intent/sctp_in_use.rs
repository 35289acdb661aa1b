//! PAL130 sctp-in-use: a rule for SCTP.

use policy_lang::port::Protocol;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds ports of SCTP.
    ///
    /// ## Why it bites
    ///
    /// Nodes need the protocol in their kernel, and connection tracking for it.
    ///
    /// ## How it is decided
    ///
    /// By the protocol.
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
    ///   - ports: [{port: 9, protocol: SCTP}]
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
    ///   - ports: [{port: 9}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the nodes have it.
    pub(crate) static SCTP_IN_USE = "PAL130" "sctp-in-use" Note Never Off,
        "a rule for SCTP", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for port in written.live_rules().flat_map(|(_, rule)| &rule.ports) {
        if port.value.protocol == Protocol::Sctp {
            report.at(port.span, "SCTP needs support in the kernel of every node");
        }
    }
}
