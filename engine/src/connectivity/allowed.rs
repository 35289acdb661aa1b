//! Sets of connections, each held once and known by a number.

use std::collections::{BTreeMap, HashMap};

use policy_lang::port::Protocol;
use rangemap::RangeInclusiveSet;

/// Destination ports, merged where they touch.
pub type PortSet = RangeInclusiveSet<u16>;

/// A set of connections between two ends.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Allowed {
    /// Destination ports of TCP, UDP and SCTP, 1 to 65535.
    pub ports: [PortSet; 3],
    /// An echo request.
    pub echo: bool,
    /// IP protocols that have no name in policies, all of them.
    pub other: bool,
}

/// The number of a set; equal sets have equal numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AllowedId(u32);

/// Every set that has come up.
#[derive(Debug)]
pub(super) struct Table {
    sets: Vec<Allowed>,
    numbers: BTreeMap<Allowed, AllowedId>,
    known: HashMap<(Operation, AllowedId, AllowedId), AllowedId>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// Every protocol that has ports, in the order of [`Allowed::ports`].
pub(super) const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// The lowest and the highest port.
const ALL_PORTS: (u16, u16) = (1, u16::MAX);

impl Allowed {
    /// Everything.
    pub fn everything() -> Self {
        let all = PortSet::from([ALL_PORTS.0..=ALL_PORTS.1]);
        Self { ports: [all.clone(), all.clone(), all], echo: true, other: true }
    }

    /// Whether it holds every connection there is.
    pub fn is_everything(&self) -> bool {
        let all = |ports: &PortSet| ports.iter().eq([&(ALL_PORTS.0..=ALL_PORTS.1)]);
        self.ports.iter().all(all) && self.echo && self.other
    }

    /// Whether it holds no connection at all.
    pub fn is_nothing(&self) -> bool {
        self.ports.iter().all(PortSet::is_empty) && !self.echo && !self.other
    }

    /// Each protocol with ports, and its ports.
    pub fn protocols(&self) -> impl Iterator<Item = (Protocol, &PortSet)> {
        PROTOCOLS.into_iter().zip(&self.ports)
    }

    /// The first protocol that has a port here, and the lowest of these.
    pub fn first_port(&self) -> Option<(Protocol, u16)> {
        self.protocols().find_map(|(protocol, ports)| Some((protocol, *ports.first()?.start())))
    }

    /// Whether a connection is among them.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.ports[index(protocol)].contains(&port)
    }

    /// Adds ports of a protocol, `first..=last`.
    pub fn insert(&mut self, protocol: Protocol, first: u16, last: u16) {
        self.ports[index(protocol)].insert(first..=last);
    }

    /// Adds every port of a protocol.
    pub fn insert_all(&mut self, protocol: Protocol) {
        self.insert(protocol, ALL_PORTS.0, ALL_PORTS.1);
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let ports = |index: usize| {
            let mut ports = self.ports[index].clone();
            ports.extend(other.ports[index].iter().cloned());
            ports
        };
        Self { ports: [ports(0), ports(1), ports(2)], echo: self.echo || other.echo, other: self.other || other.other }
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let ports = |index: usize| self.ports[index].intersection(&other.ports[index]).collect();
        Self { ports: [ports(0), ports(1), ports(2)], echo: self.echo && other.echo, other: self.other && other.other }
    }

    /// What is in this one only.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let ports = |index: usize| {
            let mut ports = self.ports[index].clone();
            other.ports[index].iter().for_each(|range| ports.remove(range.clone()));
            ports
        };
        Self {
            ports: [ports(0), ports(1), ports(2)],
            echo: self.echo && !other.echo,
            other: self.other && !other.other,
        }
    }
}

impl Table {
    /// No connection.
    pub(super) const NOTHING: AllowedId = AllowedId(0);
    /// Every connection.
    pub(super) const EVERYTHING: AllowedId = AllowedId(1);

    /// The number of a set.
    pub(super) fn number(&mut self, set: Allowed) -> AllowedId {
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        let number = AllowedId(u32::try_from(self.sets.len()).unwrap_or(u32::MAX));
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }

    /// The set of a number.
    pub(super) fn get(&self, number: AllowedId) -> &Allowed {
        self.sets.get(number.0 as usize).expect("numbers come from this table")
    }

    pub(super) fn union(&mut self, a: AllowedId, b: AllowedId) -> AllowedId {
        match (a, b) {
            (Self::NOTHING, other) | (other, Self::NOTHING) => other,
            (Self::EVERYTHING, _) | (_, Self::EVERYTHING) => Self::EVERYTHING,
            _ if a == b => a,
            _ => self.work_out(Operation::Union, a.min(b), a.max(b)),
        }
    }

    pub(super) fn intersection(&mut self, a: AllowedId, b: AllowedId) -> AllowedId {
        match (a, b) {
            (Self::NOTHING, _) | (_, Self::NOTHING) => Self::NOTHING,
            (Self::EVERYTHING, other) | (other, Self::EVERYTHING) => other,
            _ if a == b => a,
            _ => self.work_out(Operation::Intersection, a.min(b), a.max(b)),
        }
    }

    pub(super) fn difference(&mut self, a: AllowedId, b: AllowedId) -> AllowedId {
        match (a, b) {
            (Self::NOTHING, _) | (_, Self::EVERYTHING) => Self::NOTHING,
            (_, Self::NOTHING) => a,
            _ if a == b => Self::NOTHING,
            _ => self.work_out(Operation::Difference, a, b),
        }
    }

    fn work_out(&mut self, operation: Operation, a: AllowedId, b: AllowedId) -> AllowedId {
        if let Some(number) = self.known.get(&(operation, a, b)) {
            return *number;
        }
        let (one, other) = (self.get(a), self.get(b));
        let set = match operation {
            Operation::Union => one.union(other),
            Operation::Intersection => one.intersection(other),
            Operation::Difference => one.difference(other),
        };
        let number = self.number(set);
        self.known.insert((operation, a, b), number);
        number
    }
}

impl Default for Table {
    fn default() -> Self {
        let mut table = Self { sets: Vec::new(), numbers: BTreeMap::new(), known: HashMap::new() };
        table.number(Allowed::default());
        table.number(Allowed::everything());
        table
    }
}

fn index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Tcp => 0,
        Protocol::Udp => 1,
        Protocol::Sctp => 2,
    }
}
