//! ICMP types and codes by iptables' names.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use super::matching::Context;
use super::operand::words;
use super::transport::Protocols;
use crate::ruleset::{
    Datum, Element, ElementKey, Expr, Field, Interval, Lookup, Match as Compare, Operator, SetRef, SetSpec,
};

/// A type, and its code where the name means one.
type Named = (&'static str, u8, Option<u8>);

/// Names of ICMP types and codes, as `iptables -p icmp -h` prints them.
const V4: &[Named] = &[
    ("echo-reply", 0, None),
    ("pong", 0, None),
    ("destination-unreachable", 3, None),
    ("network-unreachable", 3, Some(0)),
    ("host-unreachable", 3, Some(1)),
    ("protocol-unreachable", 3, Some(2)),
    ("port-unreachable", 3, Some(3)),
    ("fragmentation-needed", 3, Some(4)),
    ("source-route-failed", 3, Some(5)),
    ("network-unknown", 3, Some(6)),
    ("host-unknown", 3, Some(7)),
    ("network-prohibited", 3, Some(9)),
    ("host-prohibited", 3, Some(10)),
    ("TOS-network-unreachable", 3, Some(11)),
    ("TOS-host-unreachable", 3, Some(12)),
    ("communication-prohibited", 3, Some(13)),
    ("host-precedence-violation", 3, Some(14)),
    ("precedence-cutoff", 3, Some(15)),
    ("source-quench", 4, None),
    ("redirect", 5, None),
    ("network-redirect", 5, Some(0)),
    ("host-redirect", 5, Some(1)),
    ("TOS-network-redirect", 5, Some(2)),
    ("TOS-host-redirect", 5, Some(3)),
    ("echo-request", 8, None),
    ("ping", 8, None),
    ("router-advertisement", 9, None),
    ("router-solicitation", 10, None),
    ("time-exceeded", 11, None),
    ("ttl-exceeded", 11, None),
    ("ttl-zero-during-transit", 11, Some(0)),
    ("ttl-zero-during-reassembly", 11, Some(1)),
    ("parameter-problem", 12, None),
    ("ip-header-bad", 12, Some(0)),
    ("required-option-missing", 12, Some(1)),
    ("timestamp-request", 13, None),
    ("timestamp-reply", 14, None),
    ("address-mask-request", 17, None),
    ("address-mask-reply", 18, None),
];

/// Names of ICMPv6 types and codes, as `ip6tables -p icmpv6 -h` prints them.
const V6: &[Named] = &[
    ("destination-unreachable", 1, None),
    ("no-route", 1, Some(0)),
    ("communication-prohibited", 1, Some(1)),
    ("beyond-scope", 1, Some(2)),
    ("address-unreachable", 1, Some(3)),
    ("port-unreachable", 1, Some(4)),
    ("failed-policy", 1, Some(5)),
    ("reject-route", 1, Some(6)),
    ("packet-too-big", 2, None),
    ("time-exceeded", 3, None),
    ("ttl-exceeded", 3, None),
    ("ttl-zero-during-transit", 3, Some(0)),
    ("ttl-zero-during-reassembly", 3, Some(1)),
    ("parameter-problem", 4, None),
    ("bad-header", 4, Some(0)),
    ("unknown-header-type", 4, Some(1)),
    ("unknown-option", 4, Some(2)),
    ("echo-request", 128, None),
    ("ping", 128, None),
    ("echo-reply", 129, None),
    ("pong", 129, None),
    ("mld-listener-query", 130, None),
    ("mld-listener-report", 131, None),
    ("mld-listener-done", 132, None),
    ("mld-listener-reduction", 132, None),
    ("router-solicitation", 133, None),
    ("router-advertisement", 134, None),
    ("neighbour-solicitation", 135, None),
    ("neighbor-solicitation", 135, None),
    ("neighbour-advertisement", 136, None),
    ("neighbor-advertisement", 136, None),
    ("redirect", 137, None),
];

/// `icmp-type` and `icmpv6-type`.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let ip = context.scope.ip;
    let (protocol, name, kind, code) = match ip {
        Ip::V4 => (1, "icmp", Field::IcmpType, Field::IcmpCode),
        Ip::V6 => (58, "icmpv6", Field::Icmpv6Type, Field::Icmpv6Code),
    };
    if *context.protocols != Protocols::Of(vec![protocol]) {
        let message = format!("`{}` needs the protocol {name} in domain {}", found.keyword, context.scope.domain());
        return Err(refuse(PLACE, found.span, message, format!("add `proto {name}` to the rule")));
    }
    let words = words(&found.operands);
    if ip == Ip::V4 && words.iter().any(|word| &*word.text == "any") {
        return Ok(if found.negated { Reading::Never } else { Reading::Always });
    }
    let types = words.iter().map(|word| one(word, ip)).collect::<Result<Vec<_>, _>>()?;
    let single = |field: Field, value: u8| Interval::single(Datum::number(field.data_type(), value.into()));
    if types.iter().all(|(_, code)| code.is_none()) {
        let intervals = types.iter().map(|(number, _)| single(kind, *number));
        let operator = if found.negated { Operator::Ne } else { Operator::Eq };
        return Ok(Reading::values(kind, operator, intervals, words));
    }
    let test = |(number, one_code): &(u8, Option<u8>)| {
        let mut exprs = vec![Compare::eq(kind, single(kind, *number).low())];
        exprs.extend(one_code.map(|number| Compare::eq(code, single(code, number).low())));
        exprs
    };
    if !found.negated {
        return Ok(Reading::Test(Test::Alternatives(types.iter().map(test).collect())));
    }
    // A pair of type and code must not be one of these; one comparison each would exclude too much.
    let keys = types.iter().map(|(number, one_code)| {
        let codes = one_code.map_or(Interval::all(code.data_type()), |number| single(code, number));
        ElementKey::intervals([single(kind, *number), codes])
    });
    let elements = keys.map(|key| (key, Element::PLAIN)).collect();
    let pair = vec![kind.data_type(), code.data_type()];
    let spec =
        if types.iter().all(|(_, code)| code.is_some()) { SetSpec::hash(pair) } else { SetSpec::intervals(pair) };
    let set = SetRef::Anonymous { spec, elements };
    Ok(Reading::expr(Expr::Lookup(Lookup { key: vec![kind, code], operator: Operator::Ne, set })))
}

/// A name, `TYPE` or `TYPE/CODE`.
fn one(word: &Word, ip: Ip) -> Result<(u8, Option<u8>), Refusal> {
    let table = match ip {
        Ip::V4 => V4,
        Ip::V6 => V6,
    };
    let text = &*word.text;
    if let Some((_, number, code)) = table.iter().find(|(name, _, _)| name.eq_ignore_ascii_case(text)) {
        return Ok((*number, *code));
    }
    let numbers = match text.split_once('/') {
        Some((number, code)) => number.parse().ok().zip(code.parse().ok().map(Some)),
        None => text.parse().ok().zip(Some(None)),
    };
    numbers.ok_or_else(|| {
        let what = match ip {
            Ip::V4 => "ICMP type",
            Ip::V6 => "ICMPv6 type",
        };
        let names = table.iter().map(|(name, _, _)| *name);
        let help = suggestion(text, names, "write a name that iptables knows, TYPE or TYPE/CODE");
        refuse(OPERAND, word.span, format!("`{text}` is no {what}"), help)
    })
}
