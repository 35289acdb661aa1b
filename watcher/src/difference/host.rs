//! What changes between two configurations of host rules: first packets, asked of the compiled chains of both.
//!
//! Addresses, destination ports and interfaces that neither configuration tells apart are asked for once. Packets have what
//! is usual in everything else that a rule may look at; what differs in that, and in every other chain and table, is told
//! rule by rule ([`super::rules`]).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use engine::compile::base::Base;
use engine::connectivity::Allowed;
use engine::connectivity::Says;
use engine::connectivity::ranges::{Family, Range, merged};
use engine::eval::ruleset::{Asked, Evaluation, Host, Outcome, Packet, Ports, Transport};
use engine::ruleset::{DataType, Datum, ElementKey, Expr, Family as TableFamily, Interval, Ruleset, Table, TableKey};
use ipnet::IpNet;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;
use policy_lang::source::Origin;

use super::{Cause, Change, Kind, Side};
use crate::map::{Certainty, Peer, Shown};

/// The two configurations tell too much apart.
#[derive(Debug, thiserror::Error)]
#[error("the host rules tell more than {PACKETS_MAX} packets apart: too many to ask for each")]
pub struct TooMany;

/// Most packets that are asked for.
const PACKETS_MAX: usize = 2_000_000;

/// An interface that every node may have.
const USUAL_INTERFACE: &str = "eth0";

/// A port that programs ask from.
const ASKING_PORT: u16 = 40_000;

/// A protocol without a name in policies: GRE.
const OTHER: u8 = 47;

/// The chains that decide, with what they are called and which interface of a packet they see.
pub(super) const CHAINS: [(Base, &str, Direction); 3] = [
    (Base::Input, "INPUT", Direction::Ingress),
    (Base::Forward, "FORWARD", Direction::Ingress),
    (Base::Output, "OUTPUT", Direction::Egress),
];

/// What neither configuration tells apart.
struct Atoms {
    /// Of each family.
    addresses: [Vec<Range>; 2],
    /// Destination ports.
    ports: Vec<(u16, u16)>,
    interfaces: Vec<Arc<str>>,
}

/// What happens to packets of one kind: which way it goes, what is gained or lost, and the lines that decide.
type Event = (Kind, Allowed, Vec<Cause>);

/// What changes, by chain.
///
/// # Errors
/// [`TooMany`].
pub fn compare(old: &Ruleset, new: &Ruleset) -> Result<Vec<Change>, TooMany> {
    let (key, nothing) = (TableKey::ours(TableFamily::Inet), Table::default());
    let [old, new] = [old, new].map(|ruleset| ruleset.tables.get(&key).unwrap_or(&nothing));
    let atoms = Atoms::of([old, new]);
    let n_pairs: usize = atoms.addresses.iter().map(|of_family| of_family.len() * of_family.len()).sum();
    let n_packets = n_pairs * (atoms.ports.len() * 3 + 2) * atoms.interfaces.len() * CHAINS.len() * 2;
    if n_packets > PACKETS_MAX {
        return Err(TooMany);
    }
    let host = Host::default();
    let sides = [Asked::new(&host, &key, old), Asked::new(&host, &key, new)];
    let mut changes = Vec::new();
    for (base, chain, direction) in CHAINS {
        for (family, ranges) in Family::ALL.into_iter().zip(&atoms.addresses) {
            let mut found: BTreeMap<(Event, Range), Vec<Range>> = BTreeMap::new();
            for from in ranges {
                for to in ranges {
                    let ends = (family.address(from.first), family.address(to.first));
                    for event in events(&sides, (base, chain, direction), ends, &atoms) {
                        found.entry((event, *to)).or_default().push(*from);
                    }
                }
            }
            changes.extend(told(found, family));
        }
    }
    changes.sort_by(|a, b| (a.kind, &a.causes, &a.from, &a.to).cmp(&(b.kind, &b.causes, &b.from, &b.to)));
    Ok(changes)
}

/// The events of one pair of addresses, those that are the same on several interfaces once.
fn events(
    sides: &[Asked<'_>; 2],
    (base, chain, direction): (Base, &str, Direction),
    (from, to): (IpAddr, IpAddr),
    atoms: &Atoms,
) -> Vec<Event> {
    let mut found: BTreeMap<(Kind, Allowed, [String; 2]), Vec<&str>> = BTreeMap::new();
    // The type of an echo request.
    let echo = if from.is_ipv4() { 8 } else { 128 };
    for interface in &atoms.interfaces {
        let ask = |asked: &Asked<'_>, transport| {
            let mut packet = Packet::new(from, to, transport);
            let own = Some(Arc::clone(interface));
            match (direction, base == Base::Forward) {
                (Direction::Egress, _) => packet.output = own,
                (Direction::Ingress, false) => packet.input = own,
                (Direction::Ingress, true) => (packet.input, packet.output) = (own, Some(USUAL_INTERFACE.into())),
            }
            asked.chain(&base.name(), packet)
        };
        let [before, after] = sides.each_ref().map(|side| permitted(&|transport| ask(side, transport), echo, atoms));
        let ways = [
            (if before.is_nothing() { Kind::Added } else { Kind::Widened }, after.difference(&before)),
            (if after.is_nothing() { Kind::Removed } else { Kind::Narrowed }, before.difference(&after)),
        ];
        for (kind, set) in ways.into_iter().filter(|(_, set)| Shown::of(set).is_some()) {
            let Some((protocol, port)) = set.first_port() else { continue };
            let lines = sides.each_ref().map(|side| line(&ask(side, transport(protocol, port))));
            found.entry((kind, set, lines)).or_default().push(interface);
        }
    }
    let causes = |kind: Kind, [old, new]: &[String; 2], interfaces: &[&str]| {
        let on = if interfaces.len() == atoms.interfaces.len() {
            "on every interface".to_owned()
        } else {
            format!("on {}", interfaces.join(", "))
        };
        let cause = |side, line: &String, permits: bool| Cause {
            side,
            says: Some((direction, if permits { Says::Accept } else { Says::Deny })),
            origin: Origin::default().with_subject(format!("host {chain} {on}, {line}")),
        };
        vec![cause(Side::New, new, kind.is_more()), cause(Side::Old, old, !kind.is_more())]
    };
    let event = |((kind, set, lines), interfaces): ((Kind, Allowed, [String; 2]), Vec<&str>)| {
        let causes = causes(kind, &lines, &interfaces);
        (kind, set, causes)
    };
    found.into_iter().map(event).collect()
}

/// Everything that is let through between two addresses.
fn permitted(ask: &dyn Fn(Transport) -> Evaluation, echo: u8, atoms: &Atoms) -> Allowed {
    let passes = |transport| ask(transport).outcome == Outcome::Accept;
    let mut allowed = Allowed::default();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
        for (first, last) in &atoms.ports {
            if passes(transport(protocol, *first)) {
                allowed.insert(protocol, *first, *last);
            }
        }
    }
    allowed.echo = passes(Transport::Icmp { icmp_type: echo, code: 0 });
    allowed.other = passes(Transport::Other(OTHER));
    allowed
}

fn transport(protocol: Protocol, port: u16) -> Transport {
    match protocol {
        Protocol::Tcp => Transport::syn(ASKING_PORT, port),
        Protocol::Udp => Transport::udp(ASKING_PORT, port),
        Protocol::Sctp => Transport::Sctp(Ports { source: ASKING_PORT, destination: port }),
    }
}

/// The line that decided; a packet that no rule decided is let through.
fn line(evaluation: &Evaluation) -> String {
    let rule = evaluation.decided_by.as_ref().and_then(|rule| rule.comment.as_ref());
    rule.map_or_else(|| "no rule".to_owned(), ToString::to_string)
}

/// Events with the addresses that they are about, as few as possible.
fn told(found: BTreeMap<(Event, Range), Vec<Range>>, family: Family) -> Vec<Change> {
    let mut by_sources: BTreeMap<(Event, Vec<Range>), Vec<Range>> = BTreeMap::new();
    for ((event, to), from) in found {
        by_sources.entry((event, merged(from))).or_default().push(to);
    }
    let networks = |ranges: Vec<Range>| -> Vec<IpNet> {
        merged(ranges).into_iter().flat_map(|range| family.networks(range)).collect()
    };
    let change = |(((kind, set, causes), from), to): ((Event, Vec<Range>), Vec<Range>)| {
        let shown = Shown::of(&set)?;
        let (from, to) = (Peer::Addresses { cidrs: networks(from) }, Peer::Addresses { cidrs: networks(to) });
        Some(Change { kind, from, to, certainty: Certainty::Certain, set, shown, causes })
    };
    by_sources.into_iter().filter_map(change).collect()
}

impl Atoms {
    fn of(tables: [&Table; 2]) -> Self {
        let constants: BTreeSet<Interval> = tables.into_iter().flat_map(constants).collect();
        let of_type = |data_type: DataType| constants.iter().filter(move |interval| interval.data_type() == data_type);
        let addresses = Family::ALL.map(|family| {
            let data_type = if family == Family::V4 { DataType::Ipv4Addr } else { DataType::Ipv6Addr };
            let range =
                |interval: &Interval| Range { first: interval.low().to_u128(), last: interval.high().to_u128() };
            cut(family.whole(), of_type(data_type).map(range))
        });
        let mut port_cuts: BTreeSet<u32> = [1, 1 + u32::from(u16::MAX)].into();
        for interval in of_type(DataType::InetService) {
            let end = |port: Datum| u32::try_from(port.to_u128()).unwrap_or(u32::from(u16::MAX));
            port_cuts.extend([end(interval.low()).max(1), end(interval.high()) + 1]);
        }
        let cuts: Vec<u32> = port_cuts.into_iter().collect();
        let port = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        let pairs = cuts.iter().zip(cuts.iter().skip(1));
        let interfaces = of_type(DataType::Ifname).map(interface).chain([Arc::from(USUAL_INTERFACE)]);
        let interfaces: BTreeSet<Arc<str>> = interfaces.filter(|name| !name.is_empty()).collect();
        Self {
            addresses,
            ports: pairs.map(|(first, next)| (port(*first), port(next - 1))).collect(),
            interfaces: interfaces.into_iter().collect(),
        }
    }
}

/// What the rules of a table compare packets with, and what is in their sets.
fn constants(table: &Table) -> impl Iterator<Item = Interval> {
    let rules = table.chains.values().flat_map(|chain| &chain.rules);
    let compared = rules.flat_map(|rule| &rule.exprs).flat_map(Expr::constants);
    let listed = table.sets.values().flat_map(|set| set.elements.keys()).flat_map(ElementKey::parts).copied();
    compared.chain(listed)
}

/// An interface of this name, or one whose name begins so.
fn interface(interval: &Interval) -> Arc<str> {
    let low = interval.low();
    let stem = low.bytes().split(|byte| *byte == 0).next().unwrap_or_default();
    let stem = String::from_utf8_lossy(stem);
    if interval.is_single() { stem.into() } else { format!("{stem}0").into() }
}

/// A whole range in the pieces that some ranges cut it into.
fn cut(whole: Range, ranges: impl Iterator<Item = Range>) -> Vec<Range> {
    let mut starts: BTreeSet<u128> = [whole.first].into();
    for range in ranges {
        starts.insert(range.first);
        starts.extend(range.last.checked_add(1).filter(|next| *next <= whole.last));
    }
    let starts: Vec<u128> = starts.into_iter().collect();
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([whole.last]);
    starts.iter().zip(ends).map(|(first, last)| Range { first: *first, last }).collect()
}
