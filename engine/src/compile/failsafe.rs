//! Ports that stay open whatever the host's own rules say, so that no rule locks the operator or the cluster out of a
//! node.
//!
//! They stand first in the chains of ferm's `filter INPUT` and `OUTPUT`, and nowhere else: where host rules say nothing
//! there, there is nothing to be kept open, and pod policy is not asked to open anything.
//!
//! A port that is open for what comes in is open for the answers, and one for what goes out for those that come back,
//! each as conntrack knows them: nothing that has the port as its source can begin anything by it. With the first port
//! comes what connections to it cannot do without: finding neighbours and routers by ICMPv6, and the errors of routers
//! on the way.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use policy_lang::port::{PortRange, Protocol};

use super::base::Base;
use super::builder::TableBuilder;
use super::pods::vital;
use crate::interval::Intervals;
use crate::ruleset::{
    Comment, CtField, DataType, Datum, Expr, Field, Interval, Lookup, Match, Operator, Rule, SetRef, SetSpec, Verdict,
};

/// What each rule says of itself.
const COMMENT: &str = "failsafe";

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Bits of `ct state`, and the number of `ct direction`.
const RELATED: u32 = 4;
const REPLY: u32 = 1;

/// What is always open.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failsafes {
    /// Ports of this node.
    pub input: Vec<FailsafePorts>,
    /// Ports of others that this node reaches.
    pub output: Vec<FailsafePorts>,
}

/// Ports of one protocol.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct FailsafePorts {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports.
    pub ports: PortRange,
}

/// Text that names no ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("ports are written like `22/tcp` or `2379-2380/tcp`")]
pub struct FailsafePortsError;

/// What is always open on a node of a cluster: SSH, DHCP, BGP, etcd and the API server.
const INPUT: [&str; 6] = ["22/tcp", "68/udp", "546/udp", "179/tcp", "2379-2380/tcp", "6443/tcp"];

/// What such a node always reaches: DNS, DHCP, BGP, etcd and the API server.
const OUTPUT: [&str; 7] = ["53/udp", "53/tcp", "67/udp", "547/udp", "179/tcp", "2379-2380/tcp", "6443/tcp"];

/// Nothing.
pub static NONE: Failsafes = Failsafes { input: Vec::new(), output: Vec::new() };

impl Failsafes {
    /// What is always open in the ruleset of an agent, unless configured otherwise.
    pub fn standard() -> Self {
        let read = |words: &[&str]| words.iter().filter_map(|word| word.parse().ok()).collect();
        Self { input: read(&INPUT), output: read(&OUTPUT) }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && self.output.is_empty()
    }
}

impl FromStr for FailsafePorts {
    type Err = FailsafePortsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ports, protocol) = text.split_once('/').ok_or(FailsafePortsError)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        // A sign would be read as part of a number.
        let number = |text: &str| text.parse::<NonZeroU16>().ok().filter(|_| !text.starts_with('+'));
        let ports = number(first).zip(number(last)).and_then(|(first, last)| PortRange::new(first, last));
        let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
            .into_iter()
            .find(|known| known.to_string().eq_ignore_ascii_case(protocol));
        let (ports, protocol) = ports.zip(protocol).ok_or(FailsafePortsError)?;
        Ok(Self { protocol, ports })
    }
}

impl fmt::Display for FailsafePorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ports, self.protocol.to_string().to_lowercase())
    }
}

/// Adds the rules ahead of all others.
pub(super) fn lower(failsafes: &Failsafes, builder: &mut TableBuilder) {
    let Failsafes { input, output } = failsafes;
    if failsafes.is_empty() {
        return;
    }
    for (base, begun, answered) in [(Base::Input, input, output), (Base::Output, output, input)] {
        if builder.base_rules(base).is_empty() {
            continue;
        }
        let opened = of_protocols(begun, destination).map(|ports| accepting(vec![ports]));
        let direction =
            Match::eq(Field::Ct(CtField::Direction), Datum::number(Field::Ct(CtField::Direction).data_type(), REPLY));
        let answers = of_protocols(answered, source).map(|ports| accepting(vec![direction.clone(), ports]));
        let mut rules: Vec<Rule> = opened.chain(answers).collect();
        rules.extend(vital::neighbours().into_iter().map(accepting));
        rules.extend(errors(failsafes));
        builder.prepend(base, rules);
    }
}

/// One test for each protocol that has ports here.
fn of_protocols(all: &[FailsafePorts], field: fn(Protocol) -> Field) -> impl Iterator<Item = Expr> {
    [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().filter_map(move |protocol| {
        let ports = all.iter().filter(|ports| ports.protocol == protocol);
        within(field(protocol), ports)
    })
}

/// Errors about a connection to such a port: without them it stalls where a packet is too big for the way.
fn errors(failsafes: &Failsafes) -> impl Iterator<Item = Rule> {
    let ports = within(Field::Ct(CtField::OriginalProtoDst), failsafes.input.iter().chain(&failsafes.output));
    let of = move |protocol: u8| {
        let protocol = Match::eq(Field::L4Proto, Datum::protocol(protocol));
        let related = Match::any_bit(Field::Ct(CtField::State), RELATED);
        Some(accepting(vec![protocol, related, ports.clone()?]))
    };
    [ICMP, ICMPV6].into_iter().filter_map(of)
}

fn within<'a>(field: Field, all: impl Iterator<Item = &'a FailsafePorts>) -> Option<Expr> {
    let mut intervals = Intervals::empty(DataType::InetService);
    for FailsafePorts { ports, .. } in all {
        if let Some(interval) = Interval::new(Datum::port(ports.first()), Datum::port(ports.last())) {
            intervals.insert(interval);
        }
    }
    if intervals.is_empty() {
        return None;
    }
    Some(match intervals.as_value() {
        Some(value) => Expr::Match(Match { field, mask: None, operator: Operator::Eq, value }),
        None => {
            let spec = SetSpec::intervals([field.data_type()]);
            let set = SetRef::Anonymous { spec, elements: intervals.elements() };
            Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set })
        }
    })
}

fn accepting(tests: Vec<Expr>) -> Rule {
    let exprs = tests.into_iter().chain([Expr::Counter, Expr::Verdict(Verdict::Accept)]).collect();
    Rule { exprs, comment: Some(Comment::new(COMMENT)) }
}

fn destination(protocol: Protocol) -> Field {
    match protocol {
        Protocol::Tcp => Field::TcpDport,
        Protocol::Udp => Field::UdpDport,
        Protocol::Sctp => Field::SctpDport,
    }
}

fn source(protocol: Protocol) -> Field {
    match protocol {
        Protocol::Tcp => Field::TcpSport,
        Protocol::Udp => Field::UdpSport,
        Protocol::Sctp => Field::SctpSport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_they_are_written_and_nothing_else_is() {
        for text in INPUT.iter().chain(&OUTPUT).chain(&["1-65535/sctp"]) {
            assert_eq!(text.parse::<FailsafePorts>().unwrap().to_string(), **text);
        }
        assert_eq!("22/TCP".parse::<FailsafePorts>().unwrap().to_string(), "22/tcp");
        for text in
            ["", "22", "22/", "/tcp", "0/tcp", "65536/tcp", "2-1/tcp", "22/icmp", "+22/tcp", "22-/tcp", "ssh/tcp"]
        {
            assert_eq!(text.parse::<FailsafePorts>(), Err(FailsafePortsError), "{text}");
        }
        assert_eq!(Failsafes::standard().input.len(), INPUT.len());
        assert_eq!(Failsafes::standard().output.len(), OUTPUT.len());
    }
}
