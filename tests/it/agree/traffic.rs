//! What is asked about a drawn cluster: connections for the oracle, and the same as packets for the simulator.

use std::collections::BTreeSet;
use std::net::IpAddr;

use engine::eval::policy::{self, Connection, PodInterfaces, Way};
use engine::eval::ruleset as simulator;
use engine::inventory::Inventory;
use engine::ruleset::Hook;
use policy_lang::port::Protocol;

use super::draw::PORTS;
use super::plan::{self, NODES, OUTSIDE};

/// Every pair of addresses of one family, by every transport, on every way through a node; of what is none of its pods'
/// business, one transport.
///
/// By which interfaces packets of known pods pass follows from where they are; those of unknown addresses are asked
/// about by both kinds.
pub(super) fn connections(inventory: &Inventory, node: &str) -> Vec<Connection> {
    let spots = plan::pods().map(|(_, spot)| spot).chain(OUTSIDE).chain(NODES.map(|node| node.host));
    let link_local = "fe80::9".parse().expect("an address");
    let addresses = spots.flat_map(plan::Spot::addresses).chain([link_local]);
    let plan = NODES.iter().filter(|plan| plan.host.name == node);
    let spots = plan.flat_map(|plan| plan.pods).flat_map(plan::Spot::addresses);
    let pods = inventory.pods.values().filter(|pod| pod.node.as_deref() == Some(node));
    let ours: BTreeSet<IpAddr> = pods.flat_map(|pod| &pod.addresses).copied().chain(spots).collect();
    let first = policy::Transport::Port { protocol: Protocol::Tcp, destination: PORTS[0] };
    let ends: Vec<End> = addresses
        .map(|address| End { address, is_ours: ours.contains(&address), wires: wires(inventory, node, address) })
        .collect();
    let mut connections = Vec::new();
    for source in &ends {
        for destination in ends.iter().filter(|other| other.address.is_ipv4() == source.address.is_ipv4()) {
            for transport in transports() {
                if transport == first || source.is_ours || destination.is_ours {
                    push(source, destination, transport, Way::Forwarded, &mut connections);
                }
                if transport == first || source.is_ours {
                    push(source, destination, transport, Way::ToNode, &mut connections);
                }
            }
            push(source, destination, first, Way::FromNode, &mut connections);
        }
    }
    connections
}

/// An address, and what the node knows of it.
struct End {
    address: IpAddr,
    /// A pod of the node has it, or may have it.
    is_ours: bool,
    /// Whether it is reached by a pod's interface.
    wires: &'static [bool],
}

fn push(from: &End, to: &End, transport: policy::Transport, way: Way, connections: &mut Vec<Connection>) {
    let connection = Connection::new(from.address, to.address, transport, way);
    let inputs = if way == Way::FromNode { &[false] } else { from.wires };
    let outputs = if way == Way::ToNode { &[false] } else { to.wires };
    for input in inputs.iter().copied() {
        for output in outputs.iter().copied() {
            connections.push(Connection { interfaces: PodInterfaces { input, output }, ..connection });
        }
    }
}

/// Whether an address is reached by a pod's interface.
fn wires(inventory: &Inventory, node: &str, address: IpAddr) -> &'static [bool] {
    let mut owners = inventory.pods.values().filter(|pod| pod.addresses.contains(&address)).peekable();
    if owners.peek().is_none() {
        return &[false, true];
    }
    if owners.any(|pod| pod.node.as_deref() == Some(node)) { &[true] } else { &[false] }
}

fn transports() -> impl Iterator<Item = policy::Transport> {
    let port = |protocol, destination| policy::Transport::Port { protocol, destination };
    let icmp = |icmp_type, code, hop_limit| policy::Transport::Icmp { icmp_type, code, hop_limit };
    PORTS.into_iter().map(move |number| port(Protocol::Tcp, number)).chain([
        port(Protocol::Udp, 53),
        port(Protocol::Udp, 80),
        port(Protocol::Udp, 8080),
        port(Protocol::Sctp, 80),
        port(Protocol::Sctp, 9000),
        icmp(8, 0, 63),
        icmp(8, 1, 63),
        icmp(13, 0, 63),
        icmp(128, 0, 63),
        icmp(135, 0, 255),
        icmp(135, 0, 64),
        icmp(134, 0, 255),
        icmp(137, 0, 255),
        icmp(143, 0, 1),
        icmp(2, 0, 63),
        icmp(3, 4, 63),
        icmp(3, 1, 63),
        policy::Transport::Other(47),
    ])
}

/// The hook at which a connection's first packet is judged.
pub(super) fn hook(way: Way) -> Hook {
    match way {
        Way::Forwarded => Hook::Forward,
        Way::ToNode => Hook::Input,
        Way::FromNode => Hook::Output,
    }
}

/// A connection's first packet.
pub(super) fn packet(connection: &Connection) -> simulator::Packet {
    let mut packet = simulator::Packet::new(connection.source, connection.destination, header(connection.transport));
    if let policy::Transport::Icmp { hop_limit, .. } = connection.transport {
        packet.ttl = hop_limit;
    }
    let interface = |is_pods: bool| Some(if is_pods { "cali1" } else { "eth0" }.into());
    match connection.way {
        Way::Forwarded => {
            packet.input = interface(connection.interfaces.input);
            packet.output = interface(connection.interfaces.output);
        }
        Way::ToNode => packet.input = interface(connection.interfaces.input),
        Way::FromNode => packet.output = interface(connection.interfaces.output),
    }
    packet
}

fn header(transport: policy::Transport) -> simulator::Transport {
    match transport {
        policy::Transport::Port { protocol: Protocol::Tcp, destination } => {
            simulator::Transport::syn(40_000, destination)
        }
        policy::Transport::Port { protocol: Protocol::Udp, destination } => {
            simulator::Transport::udp(40_000, destination)
        }
        policy::Transport::Port { protocol: Protocol::Sctp, destination } => {
            simulator::Transport::Sctp(simulator::Ports { source: 40_000, destination })
        }
        policy::Transport::Icmp { icmp_type, code, .. } => simulator::Transport::Icmp { icmp_type, code },
        policy::Transport::Other(protocol) => simulator::Transport::Other(protocol),
    }
}
