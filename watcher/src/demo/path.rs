//! The way of a question through the simulated nodes, and of its answer back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use engine::eval::ruleset::{
    Conntrack, End, Entry, FlowDirection, Host, Interface, Journey, Owner, Packet, Route, State, Transport, receive,
    send,
};
use engine::ruleset::{RejectWith, Ruleset};
use ipnet::IpNet;

use super::judge::Denial;
use super::scene::{Party, Place, Scene};
use crate::lab::{Outcome, Service};

/// The interface of every node towards the other nodes and the outside.
const UPLINK: &str = "eth0";
/// The port that questions come from: above all that anybody listens on.
const ASKING_PORT: u16 = 40_000;
/// Most nodes on one way: a packet that has passed more goes round in a circle.
const NODES_MAX: usize = 8;
/// `SYN` and `ACK` in the flags of TCP.
const SYN_ACK: u8 = 18;
/// `IPS_SEEN_REPLY` and `IPS_CONFIRMED`.
const ANSWERED: u32 = 10;

/// The nodes as the simulator sees them.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    scene: &'a Scene,
    hosts: BTreeMap<Arc<str>, Host>,
    /// Who owns the sockets that ask and answer.
    owner: Owner,
}

/// What the rulesets make of a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fate {
    pub(super) outcome: Outcome,
    /// Whose rule it was that kept it from being open.
    pub(super) denial: Option<Denial>,
    /// Who gets to answer it; translation may make it another than who was asked.
    pub(super) answered_by: Option<Box<str>>,
    /// Whether it arrived with the addresses that it was sent with.
    pub(super) addresses: Addresses,
}

/// What became of a packet's addresses on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Addresses {
    /// They are as they were, as far as the packet came.
    Kept,
    /// A host rule translated them.
    Translated,
}

/// Where a packet is between two steps.
enum Step<'a> {
    /// On the wires between nodes and the outside, or at the node that it is sent from.
    At(&'a Arc<str>, Entrance),
    /// Arrived.
    Arrived(&'a Party),
    /// Nobody has its address.
    Lost,
}

/// How a packet comes to a node.
#[derive(Clone)]
enum Entrance {
    /// By an interface.
    By(Arc<str>),
    /// From a process.
    Inside,
}

/// How one way ended.
enum Way<'a> {
    Arrived(&'a Party, Box<Packet>),
    Denied(Denial, Option<RejectWith>),
    Lost,
}

impl<'a> Paths<'a> {
    pub(super) fn new(scene: &'a Scene, owner: Owner) -> Self {
        let hosts = scene.topology.nodes.iter().map(|node| {
            let name: Arc<str> = (*node.host.name).into();
            let host = host(&node.host.addresses, scene.parties.iter().filter(|party| party.node() == Some(&name)));
            (name, host)
        });
        Self { scene, hosts: hosts.collect(), owner }
    }

    /// What becomes of a question with these rulesets on the nodes.
    pub(super) fn fate(
        &self,
        rulesets: &BTreeMap<Arc<str>, Ruleset>,
        from: &'a Party,
        to: IpAddr,
        service: Service,
    ) -> Option<Fate> {
        let source = from.address_like(to)?;
        let mut asked = Packet::new(source, to, transport(service, to));
        asked.owner = Some(self.owner);
        let dropped =
            |denial| Fate { outcome: Outcome::Dropped, denial, answered_by: None, addresses: Addresses::Kept };
        Some(match self.way(rulesets, from, asked.clone()) {
            Way::Arrived(party, packet) => {
                let same = (asked.source, asked.destination) == (packet.source, packet.destination);
                let addresses = if same { Addresses::Kept } else { Addresses::Translated };
                // Nobody takes a packet from the wire that claims to come from himself.
                let denied = party.addresses.contains(&packet.source).then_some(None);
                // Where addresses were translated the kernel takes the answer back the same way; its rules are not
                // asked here.
                let denied = denied.or_else(|| match addresses {
                    Addresses::Kept => self.answer(rulesets, &asked, party).map(Some),
                    Addresses::Translated => None,
                });
                match denied {
                    Some(denial) => Fate { addresses, ..dropped(denial) },
                    None => {
                        Fate { outcome: Outcome::Open, denial: None, answered_by: Some(party.name.clone()), addresses }
                    }
                }
            }
            Way::Denied(denial, reject) => {
                Fate { outcome: reject.map_or(Outcome::Dropped, told), ..dropped(Some(denial)) }
            }
            Way::Lost => Fate { outcome: Outcome::Unreachable, ..dropped(None) },
        })
    }

    /// What denies the answer, if something does.
    fn answer(&self, rulesets: &BTreeMap<Arc<str>, Ruleset>, asked: &Packet, party: &'a Party) -> Option<Denial> {
        let mut packet = Packet::new(asked.destination, asked.source, answering(asked.transport));
        packet.owner = match asked.transport {
            Transport::Tcp { .. } | Transport::Udp(_) | Transport::Sctp(_) => Some(self.owner),
            // The kernel answers by itself.
            Transport::Icmp { .. } | Transport::Other(_) => None,
        };
        if let Conntrack::Tracked(entry) = asked.conntrack {
            let (state, direction) = (State::Established, FlowDirection::Reply);
            packet.conntrack = Conntrack::Tracked(Entry { state, direction, status: ANSWERED, ..entry });
        }
        match self.way(rulesets, party, packet) {
            Way::Arrived(..) | Way::Lost => None,
            Way::Denied(denial, _) => Some(denial),
        }
    }

    fn way(&self, rulesets: &BTreeMap<Arc<str>, Ruleset>, from: &'a Party, mut packet: Packet) -> Way<'a> {
        let mut step = match &from.place {
            Place::Pod { node, interface } => Step::At(node, Entrance::By(Arc::clone(interface))),
            Place::Node(node) => Step::At(node, Entrance::Inside),
            Place::Outside => {
                packet.ttl = packet.ttl.saturating_sub(1);
                self.on_the_wire(packet.destination)
            }
        };
        for _ in 0..NODES_MAX {
            let (node, entrance) = match step {
                Step::At(node, entrance) => (node, entrance),
                Step::Arrived(party) => return Way::Arrived(party, Box::new(packet)),
                Step::Lost => return Way::Lost,
            };
            let (Some(ruleset), Some(host)) = (rulesets.get(node), self.hosts.get(node)) else { return Way::Lost };
            let before = packet.clone();
            let journey = Self::through(ruleset, host, entrance, packet);
            match denial(node, &journey) {
                Some((denial, reject)) => return Way::Denied(denial, reject),
                None => packet = onward(&before, &journey.packet),
            }
            step = match &journey.end {
                End::Delivered => self.scene.owner(packet.destination).map_or(Step::Lost, Step::Arrived),
                End::Sent(interface) if **interface == *UPLINK => self.on_the_wire(packet.destination),
                End::Sent(_) => self.scene.owner(packet.destination).map_or(Step::Lost, Step::Arrived),
                End::Dropped(_) | End::Rejected(..) | End::Unroutable | End::Expired => Step::Lost,
            };
        }
        Way::Lost
    }

    fn through(ruleset: &Ruleset, host: &Host, entrance: Entrance, mut packet: Packet) -> Journey {
        match entrance {
            Entrance::By(interface) => {
                packet.input = Some(interface);
                packet.owner = None;
                receive(ruleset, host, packet)
            }
            Entrance::Inside => send(ruleset, host, packet),
        }
    }

    /// Where the wires between the nodes take a packet.
    fn on_the_wire(&self, destination: IpAddr) -> Step<'a> {
        match self.scene.owner(destination) {
            Some(party) => match party.node() {
                Some(node) => Step::At(node, Entrance::By(UPLINK.into())),
                None => Step::Arrived(party),
            },
            None => Step::Lost,
        }
    }
}

/// What the next node sees of a packet: addresses and ports as they have become, and nothing that a node only notes.
/// The router between the nodes has counted a hop.
fn onward(before: &Packet, after: &Packet) -> Packet {
    let mut packet = Packet::new(after.source, after.destination, after.transport);
    packet.ttl = after.ttl.saturating_sub(1);
    packet.dscp = after.dscp;
    if let (Conntrack::Tracked(entry), false) = (before.conntrack, is_new(before)) {
        packet.conntrack = Conntrack::Tracked(Entry { mark: 0, ..entry });
    }
    packet
}

fn is_new(packet: &Packet) -> bool {
    match packet.conntrack {
        Conntrack::Tracked(entry) => entry.state == State::New,
        Conntrack::Untracked | Conntrack::Invalid => true,
    }
}

fn denial(node: &Arc<str>, journey: &Journey) -> Option<(Denial, Option<RejectWith>)> {
    let reject = match &journey.end {
        End::Dropped(_) => None,
        End::Rejected(_, with) => Some(*with),
        End::Delivered | End::Sent(_) | End::Unroutable | End::Expired => return None,
    };
    let rule = journey.stages.last().and_then(|stage| stage.evaluation.decided_by.as_ref());
    let line = rule.and_then(|rule| rule.comment.as_ref()).map(|comment| comment.as_str().into());
    Some((Denial { node: Arc::clone(node), line }, reject))
}

/// What the sender of a rejected packet is told.
fn told(reject: RejectWith) -> Outcome {
    const ICMP_PORT_UNREACHABLE: u8 = 3;
    const ICMPV6_PORT_UNREACHABLE: u8 = 4;
    const ICMPX_PORT_UNREACHABLE: u8 = 1;
    match reject {
        RejectWith::TcpReset
        | RejectWith::Icmp(ICMP_PORT_UNREACHABLE)
        | RejectWith::Icmpv6(ICMPV6_PORT_UNREACHABLE)
        | RejectWith::Icmpx(ICMPX_PORT_UNREACHABLE) => Outcome::Refused,
        RejectWith::Icmp(_) | RejectWith::Icmpv6(_) | RejectWith::Icmpx(_) => Outcome::Unreachable,
    }
}

fn host<'a>(addresses: &[IpAddr], on_it: impl Iterator<Item = &'a Party>) -> Host {
    let interface = |name: &Arc<str>, addresses: Vec<IpAddr>| Interface {
        name: Arc::clone(name),
        addresses,
        broadcast: Vec::new(),
    };
    let uplink: Arc<str> = UPLINK.into();
    let mut host = Host {
        interfaces: vec![interface(&uplink, addresses.to_vec())],
        routes: [IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())]
            .map(|to| Route { to, interface: Arc::clone(&uplink) })
            .into(),
    };
    for party in on_it {
        if let Place::Pod { interface: name, .. } = &party.place {
            host.interfaces.push(interface(name, Vec::new()));
            let routes = party.addresses.iter();
            host.routes.extend(routes.map(|to| Route { to: (*to).into(), interface: Arc::clone(name) }));
        }
    }
    host
}

fn transport(service: Service, to: IpAddr) -> Transport {
    const ECHO: u8 = 8;
    const ECHO_V6: u8 = 128;
    match service {
        Service::Tcp(port) => Transport::syn(ASKING_PORT, port),
        Service::Udp(port) => Transport::udp(ASKING_PORT, port),
        Service::Sctp(port) => Transport::Sctp(engine::eval::ruleset::Ports { source: ASKING_PORT, destination: port }),
        Service::Echo => Transport::Icmp { icmp_type: if to.is_ipv4() { ECHO } else { ECHO_V6 }, code: 0 },
    }
}

/// The transport of the first answer.
fn answering(asked: Transport) -> Transport {
    const ECHO_V6: u8 = 128;
    const ECHO_REPLY_V6: u8 = 129;
    const ECHO_REPLY: u8 = 0;
    let swapped = |ports: engine::eval::ruleset::Ports| engine::eval::ruleset::Ports {
        source: ports.destination,
        destination: ports.source,
    };
    match asked {
        Transport::Tcp { ports, flags: _ } => Transport::Tcp { ports: swapped(ports), flags: SYN_ACK },
        Transport::Udp(ports) => Transport::Udp(swapped(ports)),
        Transport::Sctp(ports) => Transport::Sctp(swapped(ports)),
        Transport::Icmp { icmp_type: ECHO_V6, code } => Transport::Icmp { icmp_type: ECHO_REPLY_V6, code },
        Transport::Icmp { icmp_type: _, code } => Transport::Icmp { icmp_type: ECHO_REPLY, code },
        Transport::Other(protocol) => Transport::Other(protocol),
    }
}
