//! Whether policies close something, as far as the input says: `true` only where nothing could open it.

use ipnet::IpNet;
use policy_lang::name::Labels;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::{Namespaces, Peer};
use policy_lang::policy::{Action, Direction};
use policy_lang::port::Protocol;

use crate::lint::environment::Pods;
use crate::lint::manifests::targets;
use crate::lint::world::{Class, World};

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Party<'p> {
    /// Workloads of the input, by the index of their class.
    Class(u32),
    /// Pods that the configuration tells of; any of them.
    Pods(&'p [Pods]),
    /// Nodes, by their addresses; any of them.
    Nodes(&'p [IpNet]),
}

/// A port of pods, or of whoever is connected to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'t> {
    pub(crate) protocol: Protocol,
    /// Any of these.
    pub(crate) numbers: &'t [u16],
}

/// Whether a rule of a layer above or below may accept what policies close.
pub(crate) fn accepts_above(world: &World<'_>, direction: Direction) -> bool {
    world
        .upper
        .iter()
        .any(|policy| policy.rules(direction).unwrap_or_default().iter().any(|rule| rule.action == Action::Accept))
}

/// Whether the policies of a class close a port in one direction towards somebody.
pub(crate) fn is_closed(
    world: &World<'_>,
    index: u32,
    direction: Direction,
    party: Party<'_>,
    target: Target<'_>,
) -> bool {
    let Some(own) = world.class(index) else { return false };
    // Ports by name are those of whoever is connected to.
    let asked = match (direction, party) {
        (Direction::Ingress, _) => Some(own),
        (Direction::Egress, Party::Class(other)) => world.class(other),
        (Direction::Egress, Party::Pods(_) | Party::Nodes(_)) => None,
    };
    let opens = |rule: &RuleSpec| has_port(rule, asked, target) && has_party(world, rule, party);
    let mut isolating = world.isolating(index, direction).peekable();
    isolating.peek().is_some()
        && !accepts_above(world, direction)
        && !world.broken.contains(own.namespace)
        && !isolating.any(|policy| policy.rules(direction).iter().any(opens))
}

fn has_port(rule: &RuleSpec, asked: Option<&Class<'_>>, Target { protocol, numbers }: Target<'_>) -> bool {
    let nobody = Labels::default();
    let namespace = std::sync::Arc::from("");
    let unknown = Class { namespace: &namespace, labels: &nobody, ports: &[], members: Vec::new() };
    let class = asked.unwrap_or(&unknown);
    rule.ports.is_empty() || rule.ports.iter().any(|port| targets::has(&port.value, class, protocol, numbers))
}

fn has_party(world: &World<'_>, rule: &RuleSpec, party: Party<'_>) -> bool {
    let is_it = |peer: &Peer| match (peer, party) {
        (Peer::Pods(selector), Party::Class(class)) => world.selects(selector, class),
        (Peer::Pods(_), Party::Pods(pods)) => pods.iter().any(|pods| may_be(world, peer, pods)),
        // A node is no pod, whatever a selector says.
        (Peer::Pods(_), Party::Nodes(_)) => false,
        (Peer::Addresses { cidr, except }, Party::Nodes(nodes)) => nodes
            .iter()
            .any(|node| (cidr.contains(node) || node.contains(cidr)) && !except.iter().any(|hole| hole.contains(node))),
        // The addresses of pods are seldom in manifests.
        (Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. }, _) => true,
    };
    rule.peers.is_empty() || rule.peers.iter().any(|peer| is_it(&peer.value))
}

/// Whether a peer may be some pods, as far as is known of them.
pub(crate) fn may_be(world: &World<'_>, peer: &Peer, pods: &Pods) -> bool {
    let Peer::Pods(selector) = peer else { return true };
    let known = world.namespaces.get(&pods.namespace).map(|known| known.labels.clone());
    let labels = known.unwrap_or_else(|| Labels::of_namespace(&pods.namespace));
    let in_namespace = match &selector.namespaces {
        Namespaces::Named(name) => *name == pods.namespace,
        Namespaces::Matching(namespaces) => namespaces.matches(&labels),
    };
    // Without labels in the configuration nothing is known of the pods themselves.
    in_namespace && (pods.labels.is_empty() || selector.pods.matches(&pods.labels))
}
