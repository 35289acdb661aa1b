//! Matches on what the kernel knows about a packet: marks, owner, types of addresses, length, hardware address.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading};
use super::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use super::link::hardware;
use super::matching::{Context, alternatives, list};
use super::operand::{self, masked, words};
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Expr, Field, Hook, Interval, Lookup, Match as Compare, Operator, SetRef,
    SetSpec, Value,
};

/// `mark` of a packet or a connection.
pub(super) fn mark(found: &Match, field: Field) -> Result<Reading, Refusal> {
    masked_numbers(found, field, masked)
}

/// Numbers, each with the bits of it that count.
pub(super) fn masked_numbers(
    found: &Match,
    field: Field,
    read: impl Fn(&Word) -> Result<(u32, u32), Refusal>,
) -> Result<Reading, Refusal> {
    let numbers = words(&found.operands).iter().map(&read).collect::<Result<Vec<_>, _>>()?;
    if numbers.iter().all(|(_, mask)| *mask == u32::MAX) {
        return list(found, field, |word| read(word).map(|(value, _)| Interval::single(datum(field, value))));
    }
    alternatives(found, |word, operator| {
        let (value, mask) = read(word)?;
        let mask = (mask != u32::MAX).then(|| datum(field, mask));
        Ok(Expr::Match(Compare { field, mask, operator, value: Value::One(datum(field, value)) }))
    })
}

/// `uid-owner` and `gid-owner`: a name, a number or `LOW-HIGH`.
pub(super) fn owner(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    if let Some(hook) = context.scope.hooks.iter().find(|hook| !matches!(hook, Hook::Output | Hook::Postrouting)) {
        let message = format!("`{}` cannot match in {hook}", found.keyword);
        return Err(refuse(PLACE, found.span, message, "only OUTPUT and POSTROUTING know the sending process"));
    }
    let names = context.scope.names;
    let id = |text: &str| match (operand::number(text), field) {
        (Some(number), _) => Some(number),
        (None, Field::SkUid) => names.user(text),
        (None, _) => names.group(text),
    };
    list(found, field, |word| {
        let text = &*word.text;
        let ends = match (id(text), text.split_once('-')) {
            (Some(id), _) => Some((id, id)),
            (None, Some((low, high))) => id(low).zip(id(high)),
            (None, None) => None,
        };
        let interval = ends.and_then(|(low, high)| Interval::new(datum(field, low), datum(field, high)));
        interval.ok_or_else(|| {
            let (what, file) = if field == Field::SkUid { ("user", "/etc/passwd") } else { ("group", "/etc/group") };
            refuse(OPERAND, word.span, format!("`{text}` is no {what}"), format!("write a name of {file} or a number"))
        })
    })
}

/// `pkt-type`.
pub(super) fn packet_type(found: &Match) -> Result<Reading, Refusal> {
    /// With iptables' other names.
    const TYPES: &[(&str, u32)] = &[
        ("unicast", 0),
        ("broadcast", 1),
        ("multicast", 2),
        ("otherhost", 3),
        ("host", 0),
        ("bcast", 1),
        ("mcast", 2),
    ];
    list(found, Field::PktType, |word| named(word, TYPES, "packet type", Field::PktType))
}

/// `src-type` and `dst-type`.
pub(super) fn address_type(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    /// `RTN_*` of rtnetlink.
    const TYPES: &[(&str, u32)] = &[
        ("UNSPEC", 0),
        ("UNICAST", 1),
        ("LOCAL", 2),
        ("BROADCAST", 3),
        ("ANYCAST", 4),
        ("MULTICAST", 5),
        ("BLACKHOLE", 6),
        ("UNREACHABLE", 7),
        ("PROHIBIT", 8),
        ("THROW", 9),
        ("NAT", 10),
        ("XRESOLVE", 11),
    ];
    let is_source = field == Field::FibSaddrType;
    let is_limited = |by: &str| context.rule.matches.iter().any(|other| other.keyword == by);
    let field = match (is_source, is_limited("limit-iface-in"), is_limited("limit-iface-out")) {
        (true, true, _) => Field::FibSaddrIifType,
        (false, true, _) => Field::FibDaddrIifType,
        (true, false, true) => Field::FibSaddrOifType,
        (false, false, true) => Field::FibDaddrOifType,
        (_, false, false) => field,
    };
    let is_unicast = |word: &Word| word.text.eq_ignore_ascii_case("UNICAST");
    if context.scope.ip == Ip::V6 && words(&found.operands).iter().any(is_unicast) {
        let address = if is_source { Field::Ip6Saddr } else { Field::Ip6Daddr };
        return alternatives(found, |word, operator| {
            if is_unicast(word) {
                return Ok(unicast_v6(address, operator));
            }
            named(word, TYPES, "address type", field)
                .map(|interval| Expr::Match(Compare { field, mask: None, operator, value: Value::One(interval.low()) }))
        });
    }
    list(found, field, |word| named(word, TYPES, "address type", field))
}

/// What iptables calls a unicast address of IPv6: local ones too, where the routing table says LOCAL.
fn unicast_v6(field: Field, operator: Operator) -> Expr {
    let first = |segments: [u16; 8]| Ipv6Addr::from(segments);
    let others = [
        (Ipv6Addr::UNSPECIFIED, 128),
        (first([0, 0, 0, 0, 0, 0xffff, 0, 0]), 96),
        (first([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8),
    ];
    let networks = others.into_iter().filter_map(|(address, length)| Ipv6Net::new(address, length).ok());
    let elements =
        networks.map(|network| (ElementKey::intervals([Interval::network(network.into())]), Element::PLAIN)).collect();
    let operator = match operator {
        Operator::Eq => Operator::Ne,
        Operator::Ne => Operator::Eq,
    };
    let set = SetRef::Anonymous { spec: SetSpec::intervals([field.data_type()]), elements };
    Expr::Lookup(Lookup { key: vec![field], operator, set })
}

/// `limit-iface-in` and `limit-iface-out`: change what `src-type` and `dst-type` ask.
pub(super) fn limit_interface(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let keyword = found.keyword;
    let others = |names: [&str; 2]| {
        context.rule.matches.iter().any(|other| other.keyword != keyword && names.contains(&other.keyword))
    };
    if !others(["src-type", "dst-type"]) {
        let message = format!("`{keyword}` says nothing without `dst-type`");
        return Err(refuse(OPERAND, found.span, message, "add `dst-type LOCAL`, or leave it out"));
    }
    if others(["limit-iface-in", "limit-iface-out"]) {
        let message = "`limit-iface-in` and `limit-iface-out` exclude each other";
        return Err(refuse(OPERAND, found.span, message, "leave one of them out"));
    }
    let (absent, help) = if keyword == "limit-iface-in" {
        ([Hook::Output, Hook::Postrouting], "packets have no incoming interface there")
    } else {
        ([Hook::Prerouting, Hook::Input], "packets have no outgoing interface there")
    };
    if let Some(hook) = context.scope.hooks.iter().find(|hook| absent.contains(hook)) {
        return Err(refuse(PLACE, found.span, format!("`{keyword}` cannot match in {hook}"), help));
    }
    Ok(Reading::Always)
}

/// `length`: of the whole packet in bytes.
pub(super) fn length(found: &Match) -> Result<Reading, Refusal> {
    list(found, Field::Length, |word| {
        let value = |text: &str| operand::number(text).filter(|length| u16::try_from(*length).is_ok());
        operand::range(word, DataType::Integer32, "length", value)
    })
}

/// `mac-source`.
pub(super) fn mac(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if let Some(hook) = context.scope.hooks.iter().find(|hook| matches!(hook, Hook::Output | Hook::Postrouting)) {
        let message = format!("`mac-source` cannot match in {hook}");
        return Err(refuse(PLACE, found.span, message, "only PREROUTING, INPUT and FORWARD see the sender's card"));
    }
    list(found, Field::EtherSaddr, |word| hardware::single(word, &word.text).map(Interval::single))
}

fn named(word: &Word, table: &[(&str, u32)], what: &str, field: Field) -> Result<Interval, Refusal> {
    let found = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
    found.map(|(_, number)| Interval::single(datum(field, *number))).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        let help = suggestion(&word.text, names.iter().copied(), &format!("write one of {}", names.join(", ")));
        refuse(OPERAND, word.span, format!("`{}` is no {what}", word.text), help)
    })
}

fn datum(field: Field, number: u32) -> Datum {
    Datum::number(field.data_type(), number)
}
