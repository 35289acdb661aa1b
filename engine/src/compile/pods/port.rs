//! Destination ports and protocols of a policy rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::policy::PortMatches;
use policy_lang::port::{PortMatch, Ports, Protocol};

use super::family::AddressFamily;
use crate::compile::builder::TableBuilder;
use crate::interval::Intervals;
use crate::inventory::NamedPort;
use crate::limits::INLINE_PORTS_MAX;
use crate::ruleset::{DataType, Datum, Expr, Field, Interval, Lookup, Match, Operator, SetRef, SetSpec};

/// The port's side of one nft rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum PortTest {
    /// Any port of any protocol.
    Any,
    /// Any port of a protocol.
    Whole(Protocol),
    /// These ranges, both ends included: disjoint, not touching, sorted.
    Numbers(Protocol, Box<[(u16, u16)]>),
    /// A named port, resolved on the destination pod.
    Named(Arc<str>, Protocol),
}

impl PortTest {
    /// The ranges of numbers, if that is what it tests.
    pub(super) fn numbers(&self) -> Option<(Protocol, &[(u16, u16)])> {
        match self {
            Self::Numbers(protocol, ranges) => Some((*protocol, ranges)),
            Self::Any | Self::Whole(_) | Self::Named(..) => None,
        }
    }
}

/// The alternatives of a rule's ports: at most one for the numbers of each protocol, and one for each named port.
/// Given the destination's own named ports, those are numbers too.
pub(super) fn tests(ports: &PortMatches, own: Option<&[NamedPort]>) -> Vec<PortTest> {
    let ports = match ports {
        PortMatches::Any => return vec![PortTest::Any],
        PortMatches::AnyOf(ports) => ports,
    };
    // `None` stands for every port of the protocol.
    let mut numbers: BTreeMap<Protocol, Vec<(u16, u16)>> = BTreeMap::new();
    let mut add = |protocol: Protocol, first: u16, last: u16| numbers.entry(protocol).or_default().push((first, last));
    let mut named = Vec::new();
    let mut whole = Vec::new();
    for PortMatch { protocol, ports } in ports {
        match (ports, own) {
            (Ports::All, _) => whole.push(*protocol),
            (Ports::Range(range), _) => add(*protocol, range.first(), range.last()),
            (Ports::Named(name), None) => named.push(PortTest::Named(Arc::clone(name), *protocol)),
            (Ports::Named(name), Some(own)) => {
                let is_meant = |port: &&NamedPort| port.name == *name && port.protocol == *protocol;
                own.iter().filter(is_meant).for_each(|port| add(*protocol, port.port, port.port));
            }
        }
    }
    whole.sort_unstable();
    whole.dedup();
    numbers.retain(|protocol, _| !whole.contains(protocol));
    let numbers = numbers.into_iter().map(|(protocol, ranges)| PortTest::Numbers(protocol, merged(ranges)));
    let mut tests: Vec<PortTest> = numbers.chain(whole.into_iter().map(PortTest::Whole)).collect();
    tests.sort_by_key(|test| match test {
        PortTest::Numbers(protocol, _) | PortTest::Whole(protocol) | PortTest::Named(_, protocol) => Some(*protocol),
        PortTest::Any => None,
    });
    tests.extend(named);
    tests
}

/// The same ports as ranges of which no two touch.
pub(super) fn merged(mut ranges: Vec<(u16, u16)>) -> Box<[(u16, u16)]> {
    ranges.sort_unstable();
    let mut out: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match out.last_mut() {
            Some((_, end)) if u32::from(first) <= u32::from(*end) + 1 => *end = (*end).max(last),
            Some(_) | None => out.push((first, last)),
        }
    }
    out.into()
}

/// Matches the numbers of a test; nothing for any port, and nothing for a named one, which takes the address too.
pub(super) fn numeric(test: &PortTest, builder: &mut TableBuilder) -> Option<Expr> {
    match test {
        PortTest::Any | PortTest::Named(..) => None,
        PortTest::Whole(protocol) => Some(Match::eq(Field::L4Proto, Datum::protocol(protocol.number()))),
        PortTest::Numbers(protocol, ranges) => Some(numbers(*protocol, ranges, builder)),
    }
}

fn numbers(protocol: Protocol, ranges: &[(u16, u16)], builder: &mut TableBuilder) -> Expr {
    let field = field(protocol);
    let mut intervals = Intervals::empty(DataType::InetService);
    ranges.iter().filter_map(|range| interval(*range)).for_each(|interval| intervals.insert(interval));
    if let Some(value) = intervals.as_value() {
        return Expr::Match(Match { field, mask: None, operator: Operator::Eq, value });
    }
    let elements = intervals.elements();
    let single = ranges.iter().all(|(first, last)| first == last);
    let types = [DataType::InetService];
    let spec = if single { SetSpec::hash(types) } else { SetSpec::intervals(types) };
    let set = if ranges.len() <= INLINE_PORTS_MAX {
        SetRef::Anonymous { spec, elements }
    } else {
        SetRef::Named(builder.constant_set("ports", "", spec, elements))
    };
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set })
}

/// The destination port of a protocol.
pub(super) fn field(protocol: Protocol) -> Field {
    match protocol {
        Protocol::Tcp => Field::TcpDport,
        Protocol::Udp => Field::UdpDport,
        Protocol::Sctp => Field::SctpDport,
    }
}

/// A range of ports as an interval.
pub(super) fn interval((first, last): (u16, u16)) -> Option<Interval> {
    Interval::new(Datum::port(first), Datum::port(last))
}

/// Matches an address with its own number of a named port, by the set of those.
pub(super) fn named(family: AddressFamily, protocol: Protocol, set: crate::ruleset::Name) -> Vec<Expr> {
    vec![
        Match::eq(Field::L4Proto, Datum::protocol(protocol.number())),
        Expr::Lookup(Lookup {
            key: vec![family.daddr(), Field::ThDport],
            operator: Operator::Eq,
            set: SetRef::Named(set),
        }),
    ]
}

/// What the set of a named port is called after.
pub(super) fn named_words(name: &str, protocol: Protocol, is_local: bool) -> String {
    if is_local { format!("port {name}/{protocol} of this node's pods") } else { format!("port {name}/{protocol}") }
}
