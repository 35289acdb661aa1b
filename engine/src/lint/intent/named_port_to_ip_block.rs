//! PAL114 named-port-to-ipblock: a named port to addresses.

use policy_lang::peer::Peer;
use policy_lang::policy::Direction;
use policy_lang::port::Ports;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds egress rules with a port name whose only peers are `ipBlock`.
    ///
    /// ## Why it bites
    ///
    /// A name is resolved by the pod that is connected to. An address outside of the cluster declares no ports, so
    /// the rule admits nothing there.
    ///
    /// ## How it is decided
    ///
    /// By the rule alone.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ///     ports: [{port: https}]
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
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ///     ports: [{port: 443}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the block is of pods.
    pub(crate) static NAMED_PORT_TO_IP_BLOCK = "PAL114" "named-port-to-ipblock" Warning Never On,
        "a named port to addresses", Check::Policy(check);
}

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        let is_block = |peer: &Peer| match peer {
            Peer::Addresses { .. } => true,
            Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
        };
        let only_blocks = !rule.peers.is_empty() && rule.peers.iter().all(|peer| is_block(&peer.value));
        if direction != Direction::Egress || !only_blocks {
            continue;
        }
        for port in &rule.ports {
            if let Ports::Named(name) = &port.value.ports {
                let finding = report.at(port.span, format!("no address declares a port named `{name}`"));
                finding.help = Some("write the number of the port".into());
            }
        }
    }
}
