//! Matches on what connection tracking knows: state, status, direction, the original tuple.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, Refusal, refuse, suggestion};
use super::matching::{Context, addresses, list, operator};
use super::operand::{self, words};
use super::transport::with_ports;
use crate::ruleset::{DataType, Datum, Expr, Field, Interval, Match as Compare, Operator, Value};

/// States by nft's bits; the pseudo-states are bits of the status (`IPS_SRC_NAT`, `IPS_DST_NAT`).
const STATES: &[(&str, Bit)] = &[
    ("INVALID", Bit::State(1)),
    ("ESTABLISHED", Bit::State(2)),
    ("RELATED", Bit::State(4)),
    ("NEW", Bit::State(8)),
    ("UNTRACKED", Bit::State(64)),
    ("SNAT", Bit::Status(0x10)),
    ("DNAT", Bit::Status(0x20)),
];

/// The states of packets that belong to no connection: INVALID and UNTRACKED.
const NO_CONNECTION: u32 = 1 | 64;

/// Status bits (`enum ip_conntrack_status`). iptables' NONE is not among them: it matches nothing.
const STATUS: &[(&str, u32)] = &[("EXPECTED", 1), ("SEEN_REPLY", 2), ("ASSURED", 4), ("CONFIRMED", 8)];

#[derive(Clone, Copy, Debug)]
enum Bit {
    State(u32),
    Status(u32),
}

/// Which end of the original direction.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Source,
    Destination,
}

/// `state` and `ctstate`.
pub(super) fn state(found: &Match) -> Result<Reading, Refusal> {
    let (mut states, mut status) = (0, 0);
    let words = words(&found.operands);
    if words.is_empty() {
        return Err(refuse(OPERAND, found.span, format!("`{}` has no state", found.keyword), "write a state"));
    }
    for word in words {
        match STATES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text)) {
            Some((_, Bit::State(bit))) => states |= bit,
            Some((_, Bit::Status(bit))) => status |= bit,
            None => {
                let names = STATES.iter().map(|(name, _)| *name);
                let help =
                    suggestion(&word.text, names, "write NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, SNAT or DNAT");
                return Err(refuse(OPERAND, word.span, format!("`{}` is no connection state", word.text), help));
            }
        }
    }
    let is = |bits| self::bits(Field::CtState, bits, Operator::Ne);
    let is_not = |bits| self::bits(Field::CtState, bits, Operator::Eq);
    let alternatives = match (operator(found), states, status) {
        (Operator::Eq, _, 0) => vec![vec![is(states)]],
        (Operator::Eq, 0, _) => vec![vec![bits(Field::CtStatus, status, Operator::Ne)]],
        // The status only where the state did not match, so that nothing happens to a packet twice.
        (Operator::Eq, _, _) => {
            vec![vec![is(states)], vec![is_not(states), bits(Field::CtStatus, status, Operator::Ne)]]
        }
        (Operator::Ne, _, 0) => vec![vec![is_not(states)]],
        // Without a connection there is no status to compare, and nft's comparison fails either way.
        (Operator::Ne, _, _) => {
            let with = vec![is_not(states | NO_CONNECTION), bits(Field::CtStatus, status, Operator::Eq)];
            let without = NO_CONNECTION & !states;
            if without == 0 { vec![with] } else { vec![vec![is(without)], with] }
        }
    };
    Ok(Reading::Test(Test::Alternatives(alternatives)))
}

/// `ctstatus`.
pub(super) fn status(found: &Match) -> Result<Reading, Refusal> {
    let read = |word: &Word| {
        STATUS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text)).map(|(_, bit)| *bit).ok_or_else(|| {
            let help = if ["SNAT", "DNAT"].contains(&&*word.text) {
                format!("translated connections are a state: `ctstate {}`", word.text)
            } else {
                let names = STATUS.iter().map(|(name, _)| *name);
                suggestion(&word.text, names, "write EXPECTED, SEEN_REPLY, ASSURED or CONFIRMED")
            };
            refuse(OPERAND, word.span, format!("`{}` is no connection status", word.text), help)
        })
    };
    let wanted = words(&found.operands).iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let exprs = wanted.into_iter().map(|bit| match operator(found) {
        Operator::Eq => bits(Field::CtStatus, bit, Operator::Ne),
        Operator::Ne => bits(Field::CtStatus, bit, Operator::Eq),
    });
    Ok(Reading::Test(Test::Alternatives(if found.negated {
        vec![exprs.collect()]
    } else {
        exprs.map(|expr| vec![expr]).collect()
    })))
}

/// `ctdir`.
pub(super) fn direction(found: &Match) -> Result<Reading, Refusal> {
    list(found, Field::CtDirection, |word| {
        let direction = match word.text.to_ascii_uppercase().as_str() {
            "ORIGINAL" => 0,
            "REPLY" => 1,
            _ => {
                let message = format!("`{}` is no direction", word.text);
                return Err(refuse(OPERAND, word.span, message, "write ORIGINAL or REPLY"));
            }
        };
        Ok(Interval::single(Datum::number(DataType::CtDir, direction)))
    })
}

/// `ctorigsrc` and `ctorigdst`.
pub(super) fn address(found: &Match, ip: Ip, end: End) -> Result<Reading, Refusal> {
    let field = match (ip, end) {
        (Ip::V4, End::Source) => Field::CtOriginalIpSaddr,
        (Ip::V4, End::Destination) => Field::CtOriginalIpDaddr,
        (Ip::V6, End::Source) => Field::CtOriginalIp6Saddr,
        (Ip::V6, End::Destination) => Field::CtOriginalIp6Daddr,
    };
    addresses(found, ip, field)
}

/// `ctorigsrcport` and `ctorigdstport`.
pub(super) fn port(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    let protocols = with_ports(context, found)?;
    list(found, field, |word| operand::ports(word, protocols, context.scope.names))
}

/// One of these bits is set (`Ne`), or none of them (`Eq`).
fn bits(field: Field, bits: u32, operator: Operator) -> Expr {
    let datum = |bits| Datum::number(field.data_type(), bits);
    Expr::Match(Compare { field, mask: Some(datum(bits)), operator, value: Value::One(datum(0)) })
}
