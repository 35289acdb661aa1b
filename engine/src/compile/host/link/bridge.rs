//! The words of `domain eb`, as ebtables reads them.

use std::collections::BTreeSet;

use policy_lang::host::rule::{HostRule, Match, Word};

use super::{Scope, arp, ether, hardware, ports};
use crate::compile::host::class::services;
use crate::compile::host::clause::{Clause, Ip, Phase, Reading, Test};
use crate::compile::host::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse, suggestion};
use crate::compile::host::matching::{addresses, alternatives, interfaces, later_fragment, list, operator};
use crate::compile::host::operand::{bounded, masked, number, words};
use crate::compile::host::rate;
use crate::ruleset::{
    ArpField, DataType, Datum, Expr, Field, Interval, Limit, LimitUnit, Match as Compare, Operator, Value,
};

/// What ebtables takes where a limit does not say it.
const LIMIT: Limit = Limit { rate: 3, per: LimitUnit::Hour, burst: 5, bytes: false, over: false };
/// Most of a rate each second, and of a burst (`EBT_LIMIT_SCALE`).
const LIMIT_MAX: u32 = 10_000;

const PACKET_TYPES: [(&str, u32); 4] = [("host", 0), ("broadcast", 1), ("multicast", 2), ("otherhost", 3)];

/// Words of one header are one match of ebtables', which stands where the first of them does. That matters beside a limit
/// only, which remembers packets.
pub(super) fn ordered(rule: &HostRule) -> HostRule {
    let place = |found: &Match| {
        let is_first = |other: &Match| match found.module {
            Some(_) => other.module == found.module,
            None => other.keyword == found.keyword,
        };
        rule.matches.iter().position(is_first)
    };
    let mut matches = rule.matches.clone();
    matches.sort_by_key(place);
    HostRule { matches, ..rule.clone() }
}

/// Reads one match of a rule.
pub(super) fn read(found: &Match, rule: &HostRule, scope: Scope<'_>) -> Result<Reading, Refusal> {
    match (found.module, found.keyword) {
        (None, "interface") => interfaces(found, (scope.hook, scope.chain), Field::Iifname),
        (None, "outerface") => interfaces(found, (scope.hook, scope.chain), Field::Oifname),
        (None, "saddr") => hardware::read(found, Field::EtherSaddr),
        (None, "daddr") => hardware::read(found, Field::EtherDaddr),
        (None, "proto") => list(found, Field::EtherType, ether::interval),
        (None, "among-src") => among(found, Field::EtherSaddr),
        (None, "among-dst") => among(found, Field::EtherDaddr),
        (None, "limit" | "limit-burst") => limit(found, rule),
        (None, "mark") => mark(found),
        (None, "pkttype-type") => list(found, Field::PktType, packet_type),
        (None, "log" | "log-level" | "log-prefix" | "log-ip" | "log-arp") => Ok(Reading::Always),
        (Some("IPv4"), _) => of_type(found, rule, ether::IPV4).and_then(|()| ip(found, rule, scope, Ip::V4)),
        (Some("IPv6"), _) => of_type(found, rule, ether::IPV6).and_then(|()| ip(found, rule, scope, Ip::V6)),
        (Some("ARP"), _) => of_type(found, rule, ether::ARP).and_then(|()| message(found)),
        (Some("802_1Q"), _) => of_type(found, rule, ether::VLAN).and_then(|()| tag(found, rule)),
        _ => Err(refused(found)),
    }
}

/// The header is one of frames of this type only, which the rule has to ask for, as ebtables wants it.
fn of_type(found: &Match, rule: &HostRule, ether_type: u16) -> Result<(), Refusal> {
    let proto = rule.matches.iter().find(|other| other.module.is_none() && other.keyword == "proto");
    let is_it = |proto: &&Match| {
        let mut all = words(&proto.operands).iter().map(ether::interval);
        let wanted = Interval::single(Datum::number(DataType::EtherType, u32::from(ether_type)));
        !proto.negated && all.all(|read| read.is_ok_and(|interval| interval == wanted))
    };
    if proto.as_ref().is_some_and(is_it) {
        return Ok(());
    }
    let message = format!("`{}` needs frames of `proto {}` alone", found.keyword, found.module.unwrap_or("?"));
    Err(refuse(PLACE, found.span, message, "write a rule of its own for each protocol"))
}

fn ip(found: &Match, rule: &HostRule, scope: Scope<'_>, ip: Ip) -> Result<Reading, Refusal> {
    let (source, destination) = match ip {
        Ip::V4 => (Field::IpSaddr, Field::IpDaddr),
        Ip::V6 => (Field::Ip6Saddr, Field::Ip6Daddr),
    };
    match found.keyword {
        "ip-source" | "ip6-source" => addresses(found, ip, source),
        "ip-destination" | "ip6-destination" => addresses(found, ip, destination),
        "ip-tos" | "ip6-tclass" => service(found, ip),
        "ip-protocol" | "ip6-protocol" => list(found, Field::L4Proto, |word| {
            ports::protocol(word, scope.names).map(|number| Interval::single(Datum::protocol(number)))
        }),
        "ip-source-port" | "ip6-source-port" => ports::read(found, rule, scope.names, Field::ThSport),
        "ip-destination-port" | "ip6-destination-port" => ports::read(found, rule, scope.names, Field::ThDport),
        _ => Err(refused(found)),
    }
}

/// The byte of the class of service: in a form that the older and the newer ebtables take for the same number.
fn service(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    let byte = |word: &Word| {
        let is_clear = |text: &&str| text.starts_with("0x") || text.len() == 1;
        let byte = Some(&*word.text).filter(is_clear).and_then(number).and_then(|number| u8::try_from(number).ok());
        byte.map(|byte| (byte, u8::MAX)).ok_or_else(|| {
            let message = format!("`{}` is no class of service that every ebtables reads alike", word.text);
            refuse(OPERAND, word.span, message, "write a hexadecimal number from 0x00 to 0xff")
        })
    };
    let wanted = words(&found.operands).iter().map(byte).collect::<Result<Vec<_>, _>>()?;
    Ok(services(&wanted, found.negated, ip))
}

/// A message of ARP.
fn message(found: &Match) -> Result<Reading, Refusal> {
    match found.keyword {
        "arp-opcode" => list(found, Field::Arp(ArpField::Operation), |word| {
            arp::value(word, Field::Arp(ArpField::Operation), "operation", arp::operation)
        }),
        "arp-ip-src" => arp::protocol_addresses(found, Field::Arp(ArpField::SaddrIp)),
        "arp-ip-dst" => arp::protocol_addresses(found, Field::Arp(ArpField::DaddrIp)),
        "arp-mac-src" => hardware::read(found, Field::Arp(ArpField::SaddrEther)),
        "arp-mac-dst" => hardware::read(found, Field::Arp(ArpField::DaddrEther)),
        _ => Err(refused(found)),
    }
}

/// Adds what ebtables tests before it looks at addresses of an ARP message and at ports: that they are there. In a table of
/// bridges the kernel takes bytes of a later fragment for ports.
pub(super) fn complete(rule: &HostRule, clauses: &mut Vec<Clause>) {
    let has = |keywords: [&str; 2]| rule.matches.iter().any(|found| keywords.contains(&found.keyword));
    if has(["ip-source-port", "ip-destination-port"]) {
        let test = Test::Alternatives(vec![vec![later_fragment(Operator::Ne)]]);
        clauses.push(Clause { phase: Phase::Protocol, test });
    }
    let hardware = has(["arp-mac-src", "arp-mac-dst"]).then_some([arp::ETHERNET, arp::HARDWARE_LENGTH]);
    let of_ip = has(["arp-ip-src", "arp-ip-dst"]).then_some([arp::IPV4, arp::HARDWARE_LENGTH, arp::IPV4_LENGTH]);
    // Behind the frame's type, which is the last of its phase; each once.
    let form: BTreeSet<_> = hardware.into_iter().flatten().chain(of_ip.into_iter().flatten()).collect();
    clauses.extend(form.into_iter().map(arp::form_of));
}

/// The tag of a virtual LAN.
fn tag(found: &Match, rule: &HostRule) -> Result<Reading, Refusal> {
    let of = |field: Field, what: &'static str, max: u32| {
        list(found, field, move |word| {
            bounded(word, what, max).map(|number| Interval::single(Datum::number(field.data_type(), number)))
        })
    };
    match found.keyword {
        "vlan-id" => of(Field::VlanId, "virtual LAN", 4095),
        "vlan-prio" => {
            let id = rule.matches.iter().find(|other| other.keyword == "vlan-id");
            let is_zero = |word: &Word| number(&word.text) == Some(0);
            if id.is_some_and(|id| !words(&id.operands).iter().all(is_zero)) {
                let message = "ebtables leaves `vlan-prio` out of a rule that has a `vlan-id`";
                return Err(refuse(
                    UNSUPPORTED,
                    found.span,
                    message,
                    "leave it out too, or write two rules and a chain",
                ));
            }
            // The kernel says of a list of these bits nothing by which it could be read back.
            if words(&found.operands).len() > 1 {
                let message = "`vlan-prio` takes one priority here";
                return Err(refuse(UNSUPPORTED, found.span, message, "write a rule for each priority"));
            }
            of(Field::VlanPcp, "priority", 7)
        }
        "vlan-encap" => list(found, Field::VlanType, |word| {
            ether::number(word).map(|number| Interval::single(Datum::number(DataType::EtherType, u32::from(number))))
        }),
        _ => Err(refused(found)),
    }
}

/// Some of many addresses.
fn among(found: &Match, field: Field) -> Result<Reading, Refusal> {
    let mut intervals = Vec::new();
    let words = words(&found.operands);
    for word in words {
        for text in word.text.split(',').filter(|text| !text.is_empty()) {
            if text.contains('=') {
                let message = format!("`{text}`: pairs of addresses are not looked up");
                let help = "write rules with saddr and, of `proto IPv4`, ip-src";
                return Err(refuse(UNSUPPORTED, word.span, message, help));
            }
            intervals.push(Interval::single(hardware::single(word, text)?));
        }
    }
    if intervals.is_empty() {
        return Err(refuse(OPERAND, found.span, format!("`{}` has no address", found.keyword), "write one"));
    }
    let mut reading = Reading::values(field, operator(found), intervals, words);
    if let Reading::Test(Test::Values(values)) = &mut reading {
        // One rule of ebtables', however many there are.
        values.runs = vec![values.intervals.len()];
    }
    Ok(reading)
}

/// The limit of a rule, at the first of its two words; the other says nothing more.
fn limit(found: &Match, rule: &HostRule) -> Result<Reading, Refusal> {
    let is_own = |other: &&Match| other.module.is_none() && matches!(other.keyword, "limit" | "limit-burst");
    if rule.matches.iter().find(is_own).is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let option = |keyword| {
        let found = rule.matches.iter().filter(is_own).find(|other| other.keyword == keyword);
        found.and_then(|found| words(&found.operands).first())
    };
    let mut limit = option("limit").map_or(Ok(LIMIT), |word| rate::rate(word, LIMIT_MAX))?;
    if let Some(word) = option("limit-burst") {
        limit.burst = bounded(word, "burst", LIMIT_MAX)?.max(1);
    }
    Ok(Reading::expr(Expr::Limit(limit)))
}

/// `VALUE`, `VALUE/MASK`, or `/MASK` for any of its bits.
fn mark(found: &Match) -> Result<Reading, Refusal> {
    let field = Field::Mark;
    let datum = |bits| Datum::number(DataType::Mark, bits);
    alternatives(found, |word, operator| {
        if let Some(mask) = word.text.strip_prefix('/') {
            let mask = number(mask).filter(|mask| *mask != 0).ok_or_else(|| {
                refuse(OPERAND, word.span, format!("`{}` is no mark", word.text), "write /MASK, NUMBER or NUMBER/MASK")
            })?;
            let operator = if operator == Operator::Eq { Operator::Ne } else { Operator::Eq };
            return Ok(Expr::Match(Compare { field, mask: Some(datum(mask)), operator, value: Value::One(datum(0)) }));
        }
        let (value, mask) = masked(word)?;
        let mask = (mask != u32::MAX).then(|| datum(mask));
        Ok(Expr::Match(Compare { field, mask, operator, value: Value::One(datum(value)) }))
    })
}

fn packet_type(word: &Word) -> Result<Interval, Refusal> {
    let found = PACKET_TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
    found.map(|(_, number)| Interval::single(Datum::number(DataType::PktType, *number))).ok_or_else(|| {
        let help = suggestion(
            &word.text,
            PACKET_TYPES.iter().map(|(name, _)| *name),
            "write host, broadcast, multicast or otherhost",
        );
        refuse(OPERAND, word.span, format!("`{}` is no packet type of frames that a bridge sees", word.text), help)
    })
}

fn refused(found: &Match) -> Refusal {
    let message = format!("`{}` has no form in nftables here", found.keyword);
    let help = match (found.module, found.keyword) {
        (None, "logical-in" | "logical-out") => {
            "match the ports of the bridge: interface, outerface; many kernels do not know which bridge a port belongs to"
        }
        (None, "sport" | "dport") => "write `proto IPv4 ip-proto tcp ip-dport`",
        (None, "802_3-sap" | "802_3-type") => "match every frame that has a length instead of a type: `proto LENGTH`",
        (None, "among-src-file" | "among-dst-file") => "write the addresses into a list: among-src (…)",
        (None, keyword) if keyword.starts_with("stp-") => "match the address that bridges speak to: `daddr BGA`",
        (_, "arp-htype" | "arp-ptype") => "ebtables does not take what ferm writes for it: leave it out",
        (_, "arp-gratuitous") => "nftables compares no field with another: write arp-ip-src and arp-ip-dst",
        (Some("RARP"), _) => "match `proto RARP` alone",
        _ => "leave the match out",
    };
    refuse(UNSUPPORTED, found.span, message, help)
}
