//! What the baseline does with a peer, by its words: the entries in their order.

use ipnet::IpNet;
use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Direction, Effect, Peers, Policy, PortMatches, Rule};
use policy_lang::port::PortMatch;
use policy_lang::selector::Selector;

use crate::lint::containment::{contradiction, peer_within, port_within, ports_meet};
use crate::lint::world::World;

/// What comes first.
pub(crate) enum Met<'p> {
    /// A rule that denies all of it.
    Denied(&'p Rule),
    /// A rule that may accept it, or let it past.
    Open,
}

/// Where addresses of pods come from when nothing is configured.
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/// The first entry of these policies that decides a peer and a port; no port means all of them.
pub(crate) fn first<'p>(
    world: &World<'_>,
    policies: &[&'p Policy],
    peer: &Peer,
    port: Option<&PortMatch>,
) -> Option<Met<'p>> {
    let rules = policies.iter().flat_map(|policy| policy.rules(Direction::Egress).unwrap_or_default());
    for rule in rules.filter(|rule| rule.effect == Effect::Enforced) {
        match rule.action {
            Action::Deny if contains(rule, peer, port) => return Some(Met::Denied(rule)),
            Action::Deny => {}
            Action::Accept | Action::Pass => {
                if may_meet(world, rule, peer, port) {
                    return Some(Met::Open);
                }
            }
        }
    }
    None
}

fn contains(rule: &Rule, peer: &Peer, port: Option<&PortMatch>) -> bool {
    let peers = match &rule.peers {
        Peers::Any => true,
        Peers::AnyOf(peers) => peers.iter().any(|other| peer_within(peer, other)),
    };
    let ports = match (&rule.ports, port) {
        (PortMatches::Any, _) => true,
        (PortMatches::AnyOf(_), None) => false,
        (PortMatches::AnyOf(ports), Some(port)) => port_within(port, &ports.iter().collect::<Vec<_>>()),
    };
    peers && ports
}

fn may_meet(world: &World<'_>, rule: &Rule, peer: &Peer, port: Option<&PortMatch>) -> bool {
    let ports = match (&rule.ports, port) {
        (PortMatches::Any, _) => true,
        // Kinds of ICMP only.
        (PortMatches::AnyOf(ports), _) if ports.is_empty() => false,
        (PortMatches::AnyOf(_), None) => true,
        (PortMatches::AnyOf(ports), Some(port)) => ports_meet(&[port], &ports.iter().collect::<Vec<_>>()),
    };
    let peers = || match &rule.peers {
        Peers::Any => true,
        Peers::AnyOf(peers) => peers.iter().any(|other| peers_may_meet(world, peer, other)),
    };
    ports && peers()
}

/// Whether two peers may have an address in common: `false` only where that is known.
fn peers_may_meet(world: &World<'_>, a: &Peer, b: &Peer) -> bool {
    match (a, b) {
        (Peer::Addresses { cidr: a, .. }, Peer::Addresses { cidr: b, .. }) => a.contains(b) || b.contains(a),
        (Peer::Pods(a), Peer::Pods(b)) => pods_may_meet(a, b),
        (Peer::Pods(_), Peer::Nodes(_)) | (Peer::Nodes(_), Peer::Pods(_)) => false,
        (Peer::Pods(_), Peer::Addresses { cidr, .. }) | (Peer::Addresses { cidr, .. }, Peer::Pods(_)) => {
            may_be_pods(world, *cidr)
        }
        // Behind it are nodes, not pods with a network of their own.
        (Peer::Pods(_), Peer::Service { name, .. }) | (Peer::Service { name, .. }, Peer::Pods(_)) => {
            *name != NamespacedName::new("default", "kubernetes")
        }
        (Peer::Nodes(_) | Peer::Service { .. } | Peer::Addresses { .. }, _) => true,
    }
}

fn pods_may_meet(a: &PodSelector, b: &PodSelector) -> bool {
    let both = |a: &Selector, b: &Selector| Selector::new(a.requirements().iter().chain(b.requirements()).cloned());
    let namespaces = match (&a.namespaces, &b.namespaces) {
        (Namespaces::Named(a), Namespaces::Named(b)) => a == b,
        (Namespaces::Matching(a), Namespaces::Matching(b)) => contradiction(&both(a, b)).is_none(),
        (Namespaces::Named(_), Namespaces::Matching(_)) | (Namespaces::Matching(_), Namespaces::Named(_)) => true,
    };
    namespaces && contradiction(&both(&a.pods, &b.pods)).is_none()
}

fn may_be_pods(world: &World<'_>, cidr: IpNet) -> bool {
    let overlaps = |range: &IpNet| range.contains(&cidr) || cidr.contains(range);
    let configured = &world.environment.pod_cidrs;
    if configured.is_empty() {
        PRIVATE.iter().filter_map(|range| range.parse().ok()).any(|range| overlaps(&range))
    } else {
        configured.iter().any(overlaps)
    }
}
