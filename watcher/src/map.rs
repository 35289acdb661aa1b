//! Who may connect to whom, as a list of connections between peers that people know by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::connectivity::ranges::{self, Family, Range};
use engine::connectivity::{Allowed, AllowedId, Connectivity};
use engine::workloads::{Variant, Workload};
use ipnet::IpNet;
use policy_lang::name::Labels;
use policy_lang::policy::Direction;

pub use self::deciding::Deciding;
pub use self::exposure::{Exposure, Stranger, exposure};
pub use self::filter::{Filter, FilterError, Port};
pub use self::routes::{Led, routes};

mod deciding;
mod exposure;
mod filter;
mod routes;

/// Every connection that is permitted, sorted by who opens it and to whom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Map {
    /// Who there is: workloads, then nodes, then addresses, each sorted.
    pub peers: Vec<Peer>,
    /// Sets of connections, each once.
    pub permitted: Vec<Permitted>,
    /// The connections.
    pub connections: Vec<Connection>,
    /// Whom the workloads are open to that the input does not define; nothing where that was not asked.
    pub exposure: Option<Vec<Exposure>>,
    /// What Ingresses and HTTPRoutes lead to; nothing where that was not asked.
    pub routes: Vec<Led>,
    /// The lines that decide each connection; nothing where that was not asked.
    pub deciding: Deciding,
}

/// One end.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    /// Pods of one owner.
    Workload {
        /// Its namespace.
        namespace: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// Its kind.
        kind: Arc<str>,
        /// The labels of its pods, where nothing else tells it from another one of this name.
        labels: Option<Labels>,
    },
    /// The processes of a node, towards pods of other nodes.
    Node {
        /// Its name.
        name: Arc<str>,
    },
    /// Addresses that are no known pod's and no node's.
    Addresses {
        /// Disjoint, sorted, as few as possible.
        cidrs: Vec<IpNet>,
    },
}

/// A connection, or several.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Connection {
    /// Who opens it, among the peers.
    pub from: usize,
    /// To whom.
    pub to: usize,
    /// Whether it hangs on an address that is not known.
    pub certainty: Certainty,
    /// What for, among the sets.
    pub permitted: usize,
}

/// Whether a connection hangs on an address that is not known.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Certainty {
    /// It is permitted, whatever addresses the pods have.
    Certain,
    /// It is permitted where a pod of unknown address has one that an `ipBlock` means.
    DependsOnPodAddress,
}

/// What a connection may be for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Permitted {
    /// The set itself.
    pub set: Allowed,
    /// The protocols and their ports, as they are shown.
    pub shown: Shown,
}

/// A set of connections in words.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Shown {
    /// Every protocol.
    Any,
    /// These protocols, each with its ports: `80,443-445`.
    Ports(Vec<(&'static str, String)>),
}

impl Map {
    /// Reads everything out of a solved model.
    pub fn new(model: &mut Connectivity<'_>) -> Self {
        let scene = *model.scene();
        let n_workloads = scene.workloads.entries.len();
        let mut reading = Reading {
            map: Self::default(),
            sets: BTreeMap::new(),
            addresses: BTreeMap::new(),
            first_address: n_workloads + scene.inventory.nodes.len(),
        };
        reading.map.peers.extend(scene.workloads.entries.iter().map(peer));
        let nodes = scene.inventory.nodes.keys();
        reading.map.peers.extend(nodes.map(|name| Peer::Node { name: Arc::clone(name) }));
        for workload in 0..n_workloads {
            for link in model.links(workload) {
                let ends = link.ends;
                reading.push(model, workload, link.to, ends.certain, Certainty::Certain);
                if ends.hangs_on_addresses() {
                    reading.push(model, workload, link.to, ends.possible, Certainty::DependsOnPodAddress);
                }
            }
            for direction in [Direction::Egress, Direction::Ingress] {
                let outside = model.outside(workload, direction);
                let nodes = outside.nodes.into_iter().map(|(node, allowed)| (n_workloads + node, allowed));
                let mut others: Vec<_> = nodes.collect();
                for (allowed, ranges) in outside.addresses {
                    others.push((reading.addresses(ranges), allowed));
                }
                for (other, allowed) in others {
                    let (from, to) = match direction {
                        Direction::Egress => (workload, other),
                        Direction::Ingress => (other, workload),
                    };
                    reading.push(model, from, to, allowed, Certainty::Certain);
                }
            }
        }
        reading.finish()
    }

    /// What a connection is for.
    pub(crate) fn permitted(&self, connection: &Connection) -> &Permitted {
        self.permitted.get(connection.permitted).expect("connections name sets of their map")
    }

    /// A peer by its number.
    pub(crate) fn peer(&self, number: usize) -> &Peer {
        self.peers.get(number).expect("connections name peers of their map")
    }
}

/// A map that is being read.
struct Reading {
    map: Map,
    sets: BTreeMap<AllowedId, Option<usize>>,
    /// The numbers of peers that are addresses, in the order in which they came up.
    addresses: BTreeMap<[Vec<Range>; 2], usize>,
    first_address: usize,
}

impl Reading {
    fn push(&mut self, model: &Connectivity<'_>, from: usize, to: usize, allowed: AllowedId, certainty: Certainty) {
        let permitted = &mut self.map.permitted;
        let set = *self.sets.entry(allowed).or_insert_with(|| {
            let set = model.allowed(allowed);
            let shown = Shown::of(set)?;
            permitted.push(Permitted { set: set.clone(), shown });
            Some(permitted.len() - 1)
        });
        if let Some(permitted) = set {
            self.map.connections.push(Connection { from, to, certainty, permitted });
        }
    }

    fn addresses(&mut self, ranges: [Vec<Range>; 2]) -> usize {
        let next = self.first_address + self.addresses.len();
        *self.addresses.entry(ranges).or_insert(next)
    }

    /// Sorts the peers that are addresses among each other, and everything by them.
    fn finish(self) -> Map {
        let Self { mut map, sets: _, addresses, first_address } = self;
        let networks = |ranges: &[Vec<Range>; 2]| -> Vec<IpNet> {
            let of_family = Family::ALL.into_iter().zip(ranges);
            of_family
                .flat_map(|(family, ranges)| ranges.iter().flat_map(move |range| family.networks(*range)))
                .collect()
        };
        let mut sorted: Vec<_> = addresses.iter().map(|(ranges, number)| (networks(ranges), *number)).collect();
        sorted.sort_unstable();
        let mut places = vec![0; sorted.len()];
        for (place, (_, number)) in sorted.iter().enumerate() {
            if let Some(slot) = places.get_mut(number - first_address) {
                *slot = first_address + place;
            }
        }
        map.peers.extend(sorted.into_iter().map(|(cidrs, _)| Peer::Addresses { cidrs }));
        let place =
            |peer: usize| peer.checked_sub(first_address).and_then(|at| places.get(at)).copied().unwrap_or(peer);
        for connection in &mut map.connections {
            connection.from = place(connection.from);
            connection.to = place(connection.to);
        }
        map.connections.sort_unstable();
        map
    }
}

impl Shown {
    /// Nothing where no port of any protocol is permitted.
    pub fn of(set: &Allowed) -> Option<Self> {
        if set.is_everything() {
            return Some(Self::Any);
        }
        let ports = |ports: &engine::connectivity::PortSet| {
            let one = |range: &std::ops::RangeInclusive<u16>| match (range.start(), range.end()) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            };
            ports.iter().map(one).collect::<Vec<_>>().join(",")
        };
        let protocols = set.protocols().filter(|(_, found)| !found.is_empty());
        let shown: Vec<_> = protocols.map(|(protocol, found)| (name(protocol), ports(found))).collect();
        (!shown.is_empty()).then_some(Self::Ports(shown))
    }
}

fn name(protocol: policy_lang::port::Protocol) -> &'static str {
    use policy_lang::port::Protocol;
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

/// How a workload is known.
pub(crate) fn peer(workload: &Workload) -> Peer {
    let Workload { name, kind, labels, variant, members: _, origin: _ } = workload;
    Peer::Workload {
        namespace: Arc::clone(&name.namespace),
        name: Arc::clone(&name.name),
        kind: Arc::clone(kind),
        labels: match variant {
            Variant::Only => None,
            Variant::ByLabels => Some(labels.clone()),
        },
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Ports(protocols) => {
                for (index, (protocol, ports)) in protocols.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{protocol} {ports}")?;
                }
                Ok(())
            }
        }
    }
}

/// The addresses of one family: everything but some where that is less to read.
fn addresses(family: Family, cidrs: &[IpNet]) -> Option<String> {
    let list = |cidrs: &[IpNet]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let is_v4 = matches!(family, Family::V4);
    let own: Vec<IpNet> = cidrs.iter().copied().filter(|cidr| cidr.addr().is_ipv4() == is_v4).collect();
    let ranges: Vec<Range> = own.iter().map(Range::of).collect();
    let holes = ranges::without(&[family.whole()], &ranges);
    let holes: Vec<IpNet> = holes.into_iter().flat_map(|hole| family.networks(hole)).collect();
    match own.len() {
        0 => None,
        n if holes.is_empty() || n <= holes.len() => Some(list(&own)),
        _ => Some(format!("{} (but {})", list(&family.networks(family.whole())), list(&holes))),
    }
}

/// `shop/web [Deployment]`, `node node-a`, `10.0.0.0/8, fd00::/8`, `0.0.0.0/0 (but 10.0.0.0/8)`.
impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Workload { namespace, name, kind, labels } => {
                write!(f, "{namespace}/{name} [{kind}]")?;
                let Some(labels) = labels else { return Ok(()) };
                let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(f, "{{{}}}", labels.join(","))
            }
            Self::Node { name } => write!(f, "node {name}"),
            Self::Addresses { cidrs } => {
                let families = Family::ALL.into_iter().filter_map(|family| addresses(family, cidrs));
                f.write_str(&families.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
