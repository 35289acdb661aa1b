//! Destination ports and protocols of a policy rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::policy::PortMatches;
use policy_lang::port::{PortMatch, Ports, Protocol};

use super::family::AddressFamily;
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::interval::Intervals;
use crate::inventory::NamedPort;
use crate::resolve::Resolver;
use crate::ruleset::{
    Comment, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Match, Name, Operator,
    SetRef, SetSpec,
};

/// The port's side of one nft rule.
pub(super) enum PortTest {
    /// These expressions; none for any port of any protocol.
    Exprs(Vec<Expr>),
    /// A named port, resolved on the destination pod.
    Named(Arc<str>, Protocol),
}

/// The alternatives of a rule's ports: at most one for the numbers of each protocol, and one for each named port.
/// Given the destination's own named ports, those are numbers too.
pub(super) fn tests(ports: &PortMatches, own: Option<&[NamedPort]>) -> Vec<PortTest> {
    let ports = match ports {
        PortMatches::Any => return vec![PortTest::Exprs(Vec::new())],
        PortMatches::AnyOf(ports) => ports,
    };
    // `None` stands for every port of the protocol.
    let mut numbers: BTreeMap<Protocol, Option<Intervals>> = BTreeMap::new();
    let mut add = |protocol: Protocol, first: u16, last: u16| {
        let entry = numbers.entry(protocol).or_insert_with(|| Some(Intervals::empty(DataType::InetService)));
        if let (Some(intervals), Some(interval)) = (entry, Interval::new(Datum::port(first), Datum::port(last))) {
            intervals.insert(interval);
        }
    };
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
    numbers.extend(whole.into_iter().map(|protocol| (protocol, None)));
    numbers
        .into_iter()
        .map(|(protocol, intervals)| PortTest::Exprs(vec![numeric(protocol, intervals.as_ref())]))
        .chain(named)
        .collect()
}

fn numeric(protocol: Protocol, intervals: Option<&Intervals>) -> Expr {
    let Some(intervals) = intervals else {
        return Match::eq(Field::L4Proto, Datum::protocol(protocol.number()));
    };
    let field = match protocol {
        Protocol::Tcp => Field::TcpDport,
        Protocol::Udp => Field::UdpDport,
        Protocol::Sctp => Field::SctpDport,
    };
    if let Some(value) = intervals.as_value() {
        return Expr::Match(Match { field, mask: None, operator: Operator::Eq, value });
    }
    let elements = intervals.elements();
    let spec = if intervals.iter().all(|interval| interval.is_single()) {
        SetSpec::hash([DataType::InetService])
    } else {
        SetSpec::intervals([DataType::InetService])
    };
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set: SetRef::Anonymous { spec, elements } })
}

/// The sets of named ports, one for each name, protocol and family.
#[derive(Default)]
pub(super) struct NamedPortSets {
    sets: BTreeMap<(Arc<str>, Protocol, AddressFamily), Name>,
}

impl NamedPortSets {
    /// Matches the destination's own number of a named port.
    pub(super) fn test(
        &mut self,
        family: AddressFamily,
        name: &Arc<str>,
        protocol: Protocol,
        resolver: &Resolver<'_>,
        builder: &mut TableBuilder,
    ) -> Vec<Expr> {
        let set = self
            .sets
            .entry((Arc::clone(name), protocol, family))
            .or_insert_with(|| named_set(family, name, protocol, resolver, builder));
        let daddr = match family {
            AddressFamily::V4 => Field::IpDaddr,
            AddressFamily::V6 => Field::Ip6Daddr,
        };
        vec![
            Match::eq(Field::L4Proto, Datum::protocol(protocol.number())),
            Expr::Lookup(Lookup {
                key: vec![daddr, Field::ThDport],
                operator: Operator::Eq,
                set: SetRef::Named(set.clone()),
            }),
        ]
    }
}

fn named_set(
    family: AddressFamily,
    name: &str,
    protocol: Protocol,
    resolver: &Resolver<'_>,
    builder: &mut TableBuilder,
) -> Name {
    let elements: Elements = resolver
        .named_port(name, protocol, |_| true)
        .into_iter()
        .filter(|(address, _)| address_family(*address) == family)
        .map(|(address, port)| (ElementKey::values([Datum::address(address), Datum::port(port)]), Element::PLAIN))
        .collect();
    let words = format!("port {name}/{protocol}");
    let spec = SetSpec {
        comment: Some(Comment::new(&words)),
        ..SetSpec::hash([family.address_type(), DataType::InetService])
    };
    builder.changing_set(&format!("port{}", family.digit()), name, &words, spec, elements)
}
