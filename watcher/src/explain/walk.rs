//! The way of a connection through the simulated nodes.

use std::net::IpAddr;
use std::sync::Arc;

use engine::eval::policy::{Decision, Outcome, Way};
use engine::eval::ruleset::{
    Conntrack, End, Entry, FlowDirection, Host, Interface, Journey, Owner, Packet, Route, State, receive, send,
};
use engine::ruleset::Ruleset;
use ipnet::IpNet;

use super::doubt::{self, Doubt, Granted};
use super::origins::{names, origins};
use super::{About, Denied, HostDenial, Party, Place, Step, World};

/// The interface of every node towards the other nodes and the outside, as host rules may name it.
const UPLINK: &str = "eth0";
/// The beginning of the names of pods' interfaces.
const POD_INTERFACE: &str = "cali";
/// Whose processes on a node are: most that are of the cluster's run as root.
const ROOT: Owner = Owner { uid: 0, gid: 0 };
/// `IPS_SEEN_REPLY` and `IPS_CONFIRMED`.
const ANSWERED: u32 = 10;

/// The nodes on the way, and how the packet passes through each.
pub(super) fn ways(from: &Party, to: &Party, to_itself: bool) -> Vec<(Arc<str>, Way)> {
    let mut ways = Vec::new();
    match (&from.place, from.node()) {
        (Place::Pod { .. }, Some(node)) if to.place == Place::Node(Arc::clone(node)) => {
            return vec![(Arc::clone(node), Way::ToNode)];
        }
        (Place::Pod { .. }, Some(node)) => ways.push((Arc::clone(node), Way::Forwarded)),
        (Place::Node(_), Some(node)) => ways.push((Arc::clone(node), Way::FromNode)),
        (Place::Pod { .. } | Place::Node(_) | Place::Outside, _) => {}
    }
    if to_itself || (from.node().is_some() && from.node() == to.node()) {
        return ways;
    }
    match (&to.place, to.node()) {
        (Place::Pod { .. }, Some(node)) => ways.push((Arc::clone(node), Way::Forwarded)),
        (Place::Node(_), Some(node)) => ways.push((Arc::clone(node), Way::ToNode)),
        (Place::Pod { .. } | Place::Node(_) | Place::Outside, _) => {}
    }
    ways
}

/// The first packet.
pub(super) fn packet(source: IpAddr, destination: IpAddr, about: About) -> Packet {
    Packet { owner: Some(ROOT), ..Packet::new(source, destination, about.simulated(destination)) }
}

/// A packet's way through one node.
pub(super) fn through(world: &World<'_>, ruleset: &Ruleset, node: &Arc<str>, way: Way, mut packet: Packet) -> Journey {
    let host = host(world, node);
    match way {
        Way::FromNode => send(ruleset, &host, packet),
        Way::Forwarded | Way::ToNode => {
            packet.owner = None;
            packet.input = Some(host.route(packet.source).map_or_else(|| UPLINK.into(), Arc::clone));
            receive(ruleset, &host, packet)
        }
    }
}

/// How pod policy as compiled contradicts the oracle on one node, if it does.
pub(super) fn contradiction(node: &str, decision: &Decision, simulated: &Journey) -> Option<String> {
    let line = denial(simulated);
    let told = || line.as_deref().map(|line| format!(" by {line}")).unwrap_or_default();
    match (decision.outcome, &line) {
        (Outcome::Allowed | Outcome::Observed, None) => None,
        (Outcome::Denied, None) => {
            Some(format!("on {node} the oracle denies it by {}, the compiled policy permits it", origins(decision)))
        }
        (Outcome::Allowed | Outcome::Observed, Some(_)) => Some(format!(
            "on {node} the oracle permits it by {}, the compiled policy denies it{}",
            origins(decision),
            told()
        )),
        (Outcome::Denied, Some(line)) => {
            let named = decision.cause.origins();
            let is_same = line.is_empty() || named.is_empty() || named.iter().any(|origin| names(line, origin));
            (!is_same).then(|| {
                format!("on {node} the oracle denies it by {}, the compiled policy{}", origins(decision), told())
            })
        }
    }
}

/// What host rules do with a connection on its way.
#[derive(Debug, Default)]
pub(super) struct ByHost {
    /// The first step on which a host rule denies the packet or, on the way back, its answer. Where pod policy denies, what
    /// stands behind it is not asked.
    pub(super) denial: Option<(usize, HostDenial)>,
    /// What could not be known on the way there, and was not granted.
    pub(super) doubts: Granted,
}

/// Asks the host rules, of which some are granted what cannot be known.
pub(super) fn by_host<'a>(
    world: &World<'_>,
    ways: &[(Arc<str>, Way)],
    ruleset: &dyn Fn(&Arc<str>) -> Option<&'a Ruleset>,
    (source, destination, about): (IpAddr, IpAddr, About),
    steps: &[Step],
    granted: &Granted,
) -> ByHost {
    let mut found = ByHost::default();
    if world.host.is_none() {
        return found;
    }
    let mut ask = |step: usize, node: &Arc<str>, way: Way, of: Denied, mut packet: Packet| {
        packet.granted = doubt::granted_at(granted, step, of);
        let journey = through(world, ruleset(node)?, node, way, packet);
        let unknown = journey.stages.iter().flat_map(|stage| &stage.evaluation.unknown);
        found.doubts.extend(unknown.map(|rule| Doubt { step, packet: of, rule: rule.clone() }));
        Some(journey)
    };
    let mut asked = packet(source, destination, about);
    for (idx, ((node, way), step)) in ways.iter().zip(steps).enumerate() {
        let Some(journey) = ask(idx, node, *way, Denied::First, asked.clone()) else { return found };
        if let Some(line) = denial(&journey) {
            let by_policy = step.decision.outcome == Outcome::Denied
                && step.decision.cause.origins().iter().any(|origin| names(&line, origin));
            found.denial = (!by_policy).then(|| (idx, HostDenial { line: line.into(), packet: Denied::First }));
            return found;
        }
        if step.decision.outcome == Outcome::Denied {
            return found;
        }
        // Behind a translation it is another connection, which the caller is told about as a hint.
        if (journey.packet.source, journey.packet.destination) != (source, destination) {
            return found;
        }
        asked.ttl = asked.ttl.saturating_sub(1);
    }
    let answer = answer(source, destination, about);
    for (idx, (node, way)) in ways.iter().enumerate().rev() {
        let Some(journey) = ask(idx, node, back(*way), Denied::Answer, answer.clone()) else { return found };
        if let Some(line) = denial(&journey) {
            found.denial = Some((idx, HostDenial { line: line.into(), packet: Denied::Answer }));
            return found;
        }
    }
    found
}

/// The way of an answer through the same node.
fn back(way: Way) -> Way {
    match way {
        Way::Forwarded => Way::Forwarded,
        Way::FromNode => Way::ToNode,
        Way::ToNode => Way::FromNode,
    }
}

/// The first packet back, of a connection that is established.
fn answer(source: IpAddr, destination: IpAddr, about: About) -> Packet {
    let asked = packet(source, destination, about);
    let mut packet = Packet::new(destination, source, about.answered(destination));
    packet.owner = match about {
        About::Port(..) => Some(ROOT),
        // The kernel answers by itself.
        About::Echo => None,
    };
    if let Conntrack::Tracked(entry) = asked.conntrack {
        let (state, direction) = (State::Established, FlowDirection::Reply);
        packet.conntrack = Conntrack::Tracked(Entry { state, direction, status: ANSWERED, ..entry });
    }
    packet
}

/// The line of the rule that ended a journey; empty for a rule without one, nothing if none did.
fn denial(journey: &Journey) -> Option<String> {
    match &journey.end {
        End::Dropped(_) | End::Rejected(..) => {}
        End::Delivered | End::Sent(_) | End::Unroutable | End::Expired => return None,
    }
    let rule = journey.stages.last().and_then(|stage| stage.evaluation.decided_by.as_ref());
    Some(rule.and_then(|rule| rule.comment.as_ref()).map(ToString::to_string).unwrap_or_default())
}

/// A node: an uplink, and an interface for each of its pods.
fn host(world: &World<'_>, node: &Arc<str>) -> Host {
    let interface = |name: Arc<str>, addresses| Interface { name, addresses, broadcast: Vec::new() };
    let uplink: Arc<str> = UPLINK.into();
    let own = world.inventory.nodes.get(node).map(|node| node.addresses.clone()).unwrap_or_default();
    let mut host = Host {
        interfaces: vec![interface(Arc::clone(&uplink), own)],
        routes: [IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())]
            .map(|to| Route { to, interface: Arc::clone(&uplink) })
            .into(),
    };
    let pods = world.inventory.pods.values().filter(|pod| pod.node.as_ref() == Some(node));
    for (number, pod) in (1..).zip(pods) {
        let name: Arc<str> = format!("{POD_INTERFACE}{number}").into();
        host.interfaces.push(interface(Arc::clone(&name), Vec::new()));
        let routes = pod.addresses.iter();
        host.routes.extend(routes.map(|to| Route { to: (*to).into(), interface: Arc::clone(&name) }));
    }
    host
}
