//! Matches on the byte that was the type of service: as such, and what congestion leaves in it and in TCP's header.
//!
//! nftables has the byte in two parts. What a rule asks of it becomes, for each list of the lower part, a list of the upper
//! one: no packet is in two of them.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, Refusal, refuse, suggestion};
use super::emit::list_expr;
use super::matching::{Context, list};
use super::operand::{bounded, number, words};
use super::transport::tcp_flags_match;
use crate::ruleset::{Datum, Expr, Field, Interval, Operator};

/// iptables' names of types of service, which leave the upper two bits open.
const NAMES: [(&str, u8); 5] = [
    ("Minimize-Delay", 0x10),
    ("Maximize-Throughput", 0x08),
    ("Maximize-Reliability", 0x04),
    ("Minimize-Cost", 0x02),
    ("Normal-Service", 0x00),
];
const NAMES_MASK: u8 = 0x3f;

/// Values of the byte's lower part.
const MARKINGS: u8 = 4;

/// Bits of TCP's flags that tell of congestion.
const ECE: u32 = 0x40;
const CWR: u32 = 0x80;

/// `tos`: VALUE, VALUE/MASK or a name.
pub(super) fn type_of_service(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    let wanted = words(&found.operands).iter().map(value_and_mask).collect::<Result<Vec<_>, _>>()?;
    Ok(services(&wanted, found.negated, ip))
}

/// The byte with one of these values under its mask, or with none of them.
pub(super) fn services(wanted: &[(u8, u8)], negated: bool, ip: Ip) -> Reading {
    let is_wanted = |byte: u8| wanted.iter().any(|(value, mask)| byte & mask == *value) != negated;
    // By the values of the lower part that go with a value of the upper one, as bits.
    let markings = |class: u8| {
        (0..MARKINGS).filter(|marking| is_wanted(class << 2 | marking)).fold(0_u8, |bits, marking| bits | 1 << marking)
    };
    let mut alternatives = Vec::new();
    for bits in 1..1 << MARKINGS {
        let classes: Vec<u8> = (0..64).filter(|class| markings(*class) == bits).collect();
        if classes.is_empty() {
            continue;
        }
        let markings: Vec<u8> = (0..MARKINGS).filter(|marking| bits & 1 << marking != 0).collect();
        let class = among(class_field(ip), &classes, 64);
        let marking = among(marking_field(ip), &markings, MARKINGS);
        alternatives.push(class.into_iter().chain(marking).collect::<Vec<Expr>>());
    }
    match alternatives.as_slice() {
        [] => Reading::Never,
        [only] if only.is_empty() => Reading::Always,
        _ => Reading::Test(Test::Alternatives(alternatives)),
    }
}

fn value_and_mask(word: &Word) -> Result<(u8, u8), Refusal> {
    let byte = |text: &str| number(text).and_then(|number| u8::try_from(number).ok());
    let numbers = match word.text.split_once('/') {
        Some((value, mask)) => byte(value).zip(byte(mask)),
        None => byte(&word.text).map(|value| (value, u8::MAX)),
    };
    let named = || NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
    numbers.or_else(|| named().map(|(_, value)| (*value, NAMES_MASK))).ok_or_else(|| {
        let names = NAMES.iter().map(|(name, _)| *name);
        let help = suggestion(&word.text, names, "write a number from 0 to 255, NUMBER/MASK, or Minimize-Delay");
        refuse(OPERAND, word.span, format!("`{}` is no type of service", word.text), help)
    })
}

/// One of these values, or none of the others where those are fewer; nothing if all of so many fit.
fn among(field: Field, values: &[u8], all: u8) -> Option<Expr> {
    let others: Vec<u8> = (0..all).filter(|value| !values.contains(value)).collect();
    let intervals = |values: &[u8]| -> Vec<Interval> {
        values.iter().map(|value| Interval::single(Datum::number(field.data_type(), u32::from(*value)))).collect()
    };
    if others.is_empty() {
        None
    } else if others.len() < values.len() {
        Some(list_expr(field, Operator::Ne, &intervals(&others)))
    } else {
        Some(list_expr(field, Operator::Eq, &intervals(values)))
    }
}

/// `ecn-ip-ect`: what routers have said of congestion.
pub(super) fn marking(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    let field = marking_field(ip);
    list(found, field, |word| {
        let marking = bounded(word, "value of ECN", u32::from(MARKINGS - 1))?;
        Ok(Interval::single(Datum::number(field.data_type(), marking)))
    })
}

/// `ecn-tcp-ece` and `ecn-tcp-cwr`: what the ends tell each other of it.
pub(super) fn flag(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let bit = if found.keyword == "ecn-tcp-ece" { ECE } else { CWR };
    tcp_flags_match(found, context, bit, bit)
}

fn class_field(ip: Ip) -> Field {
    match ip {
        Ip::V4 => Field::IpDscp,
        Ip::V6 => Field::Ip6Dscp,
    }
}

fn marking_field(ip: Ip) -> Field {
    match ip {
        Ip::V4 => Field::IpEcn,
        Ip::V6 => Field::Ip6Ecn,
    }
}
