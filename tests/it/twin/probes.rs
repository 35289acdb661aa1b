//! Probes from the constants of ferm's output: for every rule one packet that matches it, and one for each way to be at
//! an edge or just beside it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use watcher::lab::flags;

use super::edits::{Edit, changed, sides};
use super::packet::{AH, ICMP, ICMP6, Packet, Parts, TCP, UDP};
use super::router::{FAR, INTERFACES, NEAR, Way};
use super::rules::{Match, Rule, Rules};

/// How many jumps are followed back from a chain, and how many of those into one chain.
const DEPTH: usize = 4;
const JUMPS: usize = 3;

/// How often a rule that remembers packets is asked the same: more often than its limits permit.
const SEQUENCE: usize = 12;

/// By which hooks a packet passes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Shape {
    Input,
    Forward,
    Output,
}

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Probe {
    pub(super) way: Way,
    /// What it leaves by; nothing if its destination is the router itself.
    pub(super) by: Option<&'static str>,
    pub(super) packet: Packet,
}

/// What is known of a packet so far.
#[derive(Clone, Debug, Default)]
struct Draft {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    input: Option<String>,
    output: Option<String>,
    protocol: Option<u8>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    icmp: Option<(u8, u8)>,
    flags: Option<u8>,
    class: u8,
    hops: Option<u8>,
    length: Option<u16>,
    source_hardware: Option<[u8; 6]>,
    destination_hardware: Option<[u8; 6]>,
    segment_size: Option<u16>,
    association: u16,
    parts: Parts,
}

/// At most so many probes of one family of a configuration, evenly taken from all that its rules ask for; numbered
/// from `first`, which unasked-for ports are drawn from too.
pub(super) fn derive(rules: &Rules, is_v4: bool, most: usize, first: u32) -> Vec<Probe> {
    let mut drafts: Vec<(Shape, Draft)> = Vec::new();
    for ((table, chain), list) in rules {
        for (shapes, base) in bases(rules, table, chain, is_v4, DEPTH) {
            for rule in list {
                let around = around(rule, &base, is_v4);
                drafts.extend(
                    around.into_iter().flat_map(|draft| shapes.iter().map(move |shape| (*shape, draft.clone()))),
                );
            }
        }
    }
    for shape in [Shape::Input, Shape::Forward, Shape::Output] {
        for protocol in [TCP, UDP, if is_v4 { ICMP } else { ICMP6 }] {
            drafts.push((shape, Draft { protocol: Some(protocol), ..Draft::default() }));
        }
    }
    let step = drafts.len().div_ceil(most).max(1);
    // Another place of each stretch, so that no kind of edge is always passed over.
    let picked = drafts.chunks(step).enumerate().filter_map(|(idx, stretch)| stretch.get(idx % stretch.len()));
    (first..).zip(picked).map(|(number, (shape, draft))| draft.probe(*shape, is_v4, number)).collect()
}

/// The packets that come to a chain: what the built-in chains and jumps before it ask for.
fn bases(rules: &Rules, table: &str, chain: &str, is_v4: bool, depth: usize) -> Vec<(Vec<Shape>, Draft)> {
    let built_in: &[Shape] = match chain {
        "INPUT" => &[Shape::Input],
        "FORWARD" => &[Shape::Forward],
        "OUTPUT" => &[Shape::Output],
        "PREROUTING" => &[Shape::Forward, Shape::Input],
        "POSTROUTING" => &[Shape::Forward, Shape::Output],
        _ => &[],
    };
    if !built_in.is_empty() {
        return vec![(built_in.to_vec(), Draft::default())];
    }
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let mut found = Vec::new();
    for ((_, from), list) in rules.iter().filter(|((of, from), _)| of == table && from != chain) {
        for rule in list.iter().filter(|rule| rule.target.as_deref() == Some(chain)).take(JUMPS) {
            for (shapes, base) in bases(rules, table, from, is_v4, depth) {
                found.push((shapes, matching(rule, &base, is_v4)));
            }
        }
    }
    found
}

/// A packet that a rule matches.
fn matching(rule: &Rule, base: &Draft, is_v4: bool) -> Draft {
    let mut draft = base.clone();
    for found in &rule.matches {
        if let Some(edit) = sides(found, is_v4).inside.first() {
            draft.apply(edit);
        }
    }
    draft
}

/// Whether an option counts packets, so that only a sequence of them shows what it does.
fn remembers(found: &Match) -> bool {
    ["hashlimit-name", "seconds", "update", "connlimit-above", "connlimit-upto", "every"]
        .contains(&found.option.as_str())
}

/// That packet, and what lies around it.
fn around(rule: &Rule, base: &Draft, is_v4: bool) -> Vec<Draft> {
    let hit = matching(rule, base, is_v4);
    let mut drafts = vec![hit.clone(); if rule.matches.iter().any(remembers) { SEQUENCE } else { 1 }];
    for found in &rule.matches {
        let sides = sides(found, is_v4);
        for edit in sides.inside.iter().skip(1).chain(&sides.outside) {
            drafts.push(hit.with(edit));
        }
    }
    for told in &rule.told {
        drafts.extend(changed(told, is_v4).iter().map(|edit| hit.with(edit)));
    }
    drafts
}

impl Draft {
    fn with(&self, edit: &Edit) -> Self {
        let mut draft = self.clone();
        draft.apply(edit);
        draft
    }

    fn apply(&mut self, edit: &Edit) {
        match edit.clone() {
            Edit::Source(address) => self.source = Some(address),
            Edit::Destination(address) => self.destination = Some(address),
            Edit::Input(name) => self.input = Some(name),
            Edit::Output(name) => self.output = Some(name),
            Edit::Protocol(protocol) => self.protocol = Some(protocol),
            Edit::SourcePort(port) => self.source_port = Some(port),
            Edit::DestinationPort(port) => self.destination_port = Some(port),
            Edit::Icmp(kind, code) => self.icmp = Some((kind, code)),
            Edit::Flags(flags) => self.flags = Some(flags),
            Edit::Class(class) => self.class = class,
            Edit::Hops(hops) => self.hops = Some(hops),
            Edit::Length(length) => self.length = Some(length),
            Edit::SourceHardware(address) => self.source_hardware = Some(address),
            Edit::DestinationHardware(address) => self.destination_hardware = Some(address),
            Edit::SegmentSize(size) => self.segment_size = Some(size),
            Edit::Association(number) => self.association = number,
            Edit::Extensions(extensions) => self.parts.extensions = extensions,
            Edit::TcpOption(kind) => self.parts.option = Some(kind),
            Edit::Sizeless => self.parts.is_sizeless = true,
            Edit::Chunks(chunks) => self.parts.chunks = chunks,
            Edit::DccpType(kind) => self.parts.dccp = kind,
            Edit::AuthenticationLength(length) => self.parts.authentication.0 = length,
            Edit::AuthenticationReserved(reserved) => self.parts.authentication.1 = reserved,
            Edit::Mobility(kind) => self.parts.mobility = kind,
        }
    }

    fn probe(&self, shape: Shape, is_v4: bool, number: u32) -> Probe {
        let known = |name: &Option<String>| {
            let name = name.as_deref()?;
            INTERFACES.into_iter().find(|known| *known == name)
        };
        let is_loop = |name: &Option<String>| name.as_deref() == Some("lo");
        // What comes by `lo` was sent by the router to itself.
        let is_own = shape == Shape::Output || shape == Shape::Input && is_loop(&self.input);
        let by = match shape {
            Shape::Input => None,
            Shape::Output if is_loop(&self.output) => None,
            Shape::Forward | Shape::Output => Some(known(&self.output).unwrap_or("eth1")),
        };
        let interface = known(&self.input).unwrap_or("eth0");
        let way = if is_own {
            Way::Own
        } else {
            Way::Wire {
                interface,
                source: self.source_hardware.unwrap_or(FAR),
                destination: self.destination_hardware.unwrap_or(NEAR),
            }
        };
        let far = |host: u8| -> IpAddr {
            if is_v4 {
                Ipv4Addr::new(203, 0, 113, host).into()
            } else {
                Ipv6Addr::new(0x2001, 0xdb8, 0x7113, 0, 0, 0, 0, host.into()).into()
            }
        };
        let own: IpAddr =
            if is_v4 { Ipv4Addr::new(10, 99, 0, 1).into() } else { Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1).into() };
        let icmp = if is_v4 { ICMP } else { ICMP6 };
        // Rules of AH need not name it.
        let of_ah = self.association != 0 || self.parts.authentication != (0, 0);
        let protocol = self.protocol.or(of_ah.then_some(AH)).unwrap_or_else(|| {
            match (self.destination_port.or(self.source_port), self.icmp) {
                (Some(_), _) => TCP,
                (None, Some(_)) => icmp,
                (None, None) => [TCP, UDP, icmp][(number % 3) as usize],
            }
        });
        let echo = (if is_v4 { 8 } else { 128 }, 0);
        let kind = self.icmp.unwrap_or(echo);
        let is_neighbours = !is_v4 && (133..=137).contains(&kind.0) && protocol == ICMP6;
        let drawn = 20_000 + u16::try_from(number % 40_000).unwrap();
        let packet = Packet {
            number,
            source: self.source.unwrap_or_else(|| if is_own { own } else { far(7) }),
            destination: self.destination.unwrap_or_else(|| if by.is_none() { own } else { far(99) }),
            protocol,
            ports: (self.source_port.unwrap_or(drawn), self.destination_port.unwrap_or(9)),
            icmp: kind,
            flags: self.flags.unwrap_or(flags::SYN),
            turn: 0,
            class: self.class,
            hops: self.hops.unwrap_or(if is_neighbours { 255 } else { 64 }),
            length: self.length,
            segment_size: self.segment_size,
            association: self.association,
            parts: Parts {
                // IPv4 has none.
                extensions: if is_v4 { Vec::new() } else { self.parts.extensions.clone() },
                ..self.parts.clone()
            },
        };
        Probe { way, by, packet }
    }
}

/// The addresses that have to be the router's own.
pub(super) fn local(probes: &[&Probe]) -> BTreeSet<IpAddr> {
    probes.iter().map(|probe| probe.packet.destination).collect()
}
