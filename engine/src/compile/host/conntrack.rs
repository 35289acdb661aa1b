//! Matches on what connection tracking knows: state, status, direction, both tuples, protocol and age.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading, Test, Values};
use super::code::{OPERAND, Refusal, refuse, suggestion};
use super::matching::{Context, list, operator};
use super::operand::{self, words};
use super::tracking::HELPER_MAX;
use super::transport::{self, with_ports};
use crate::ruleset::{CtField, DataType, Datum, Expr, Field, Interval, Match as Compare, Operator, Value};

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

/// The fields of the ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuple {
    pub(super) original_source: Field,
    pub(super) original_destination: Field,
    pub(super) reply_source: Field,
    pub(super) reply_destination: Field,
}

/// What of a state is true of packets with a connection, and of those without, which have no status.
#[derive(Debug)]
pub(super) struct States {
    pub(super) with: Vec<Vec<Expr>>,
    pub(super) without: Option<Expr>,
}

/// The bits of the states and of the status that words name.
fn named(found: &Match) -> Result<(u32, u32), Refusal> {
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
    Ok((states, status))
}

/// `state` and `ctstate` by themselves.
pub(super) fn state(found: &Match) -> Result<Reading, Refusal> {
    let (states, status) = named(found)?;
    let is = |bits| self::bits(Field::Ct(CtField::State), bits, Operator::Ne);
    let is_not = |bits| self::bits(Field::Ct(CtField::State), bits, Operator::Eq);
    let alternatives = match (operator(found), states, status) {
        (Operator::Eq, _, 0) => vec![vec![is(states)]],
        (Operator::Eq, 0, _) => vec![vec![bits(Field::Ct(CtField::Status), status, Operator::Ne)]],
        // The status only where the state did not match, so that nothing happens to a packet twice.
        (Operator::Eq, _, _) => {
            vec![vec![is(states)], vec![is_not(states), bits(Field::Ct(CtField::Status), status, Operator::Ne)]]
        }
        (Operator::Ne, _, 0) => vec![vec![is_not(states)]],
        // Without a connection there is no status to compare, and nft's comparison fails either way.
        (Operator::Ne, _, _) => {
            let States { with, without } = self::states(found)?;
            without.into_iter().map(|expr| vec![expr]).chain(with).collect()
        }
    };
    Ok(Reading::Test(Test::Alternatives(alternatives)))
}

/// A state, apart for packets with a connection and for those without.
pub(super) fn states(found: &Match) -> Result<States, Refusal> {
    let (states, status) = named(found)?;
    let state = |bits, operator| self::bits(Field::Ct(CtField::State), bits, operator);
    let of_status = |operator| bits(Field::Ct(CtField::Status), status, operator);
    Ok(match operator(found) {
        Operator::Eq => {
            let of_connections = states & !NO_CONNECTION;
            let is_one = (of_connections != 0).then(|| vec![state(of_connections, Operator::Ne)]);
            // The status only where the state did not match, so that nothing happens to a packet twice.
            let is_not = (of_connections != 0).then(|| state(of_connections, Operator::Eq));
            let translated = (status != 0).then(|| is_not.into_iter().chain([of_status(Operator::Ne)]).collect());
            let without = states & NO_CONNECTION;
            States {
                with: is_one.into_iter().chain(translated).collect(),
                without: (without != 0).then(|| state(without, Operator::Ne)),
            }
        }
        Operator::Ne => {
            let status = (status != 0).then(|| of_status(Operator::Eq));
            let without = NO_CONNECTION & !states;
            States {
                with: vec![[state(states | NO_CONNECTION, Operator::Eq)].into_iter().chain(status).collect()],
                without: (without != 0).then(|| state(without, Operator::Ne)),
            }
        }
    })
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
        Operator::Eq => bits(Field::Ct(CtField::Status), bit, Operator::Ne),
        Operator::Ne => bits(Field::Ct(CtField::Status), bit, Operator::Eq),
    });
    Ok(Reading::Test(Test::Alternatives(if found.negated {
        vec![exprs.collect()]
    } else {
        exprs.map(|expr| vec![expr]).collect()
    })))
}

/// `ctdir`.
pub(super) fn direction(found: &Match) -> Result<Reading, Refusal> {
    list(found, Field::Ct(CtField::Direction), |word| {
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

/// The ends of a connection of this family, in both directions.
pub(super) fn tuple(ip: Ip) -> Tuple {
    match ip {
        Ip::V4 => Tuple {
            original_source: Field::Ct(CtField::OriginalIpSaddr),
            original_destination: Field::Ct(CtField::OriginalIpDaddr),
            reply_source: Field::Ct(CtField::ReplyIpSaddr),
            reply_destination: Field::Ct(CtField::ReplyIpDaddr),
        },
        Ip::V6 => Tuple {
            original_source: Field::Ct(CtField::OriginalIp6Saddr),
            original_destination: Field::Ct(CtField::OriginalIp6Daddr),
            reply_source: Field::Ct(CtField::ReplyIp6Saddr),
            reply_destination: Field::Ct(CtField::ReplyIp6Daddr),
        },
    }
}

/// `ctproto`: of the connection, which an error that belongs to it does not have itself.
pub(super) fn protocol(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    list(found, Field::Ct(CtField::Protocol), |word| match transport::protocol(word, context.scope)? {
        (0, _) => {
            let message = format!("`{}` is every protocol", word.text);
            Err(refuse(OPERAND, word.span, message, "leave the match out"))
        }
        (_, datum) => Ok(Interval::single(datum)),
    })
}

/// `ctexpire`: in whole seconds, where nftables has milliseconds.
pub(super) fn expiration(found: &Match) -> Result<Reading, Refusal> {
    /// A second's last millisecond still fits.
    const MAX: u32 = u32::MAX / 1_000 - 1;
    list(found, Field::Ct(CtField::Expiration), |word| {
        let text = &*word.text;
        let (low, high) = text.split_once(':').unwrap_or((text, text));
        let end = |text: &str, missing| if text.is_empty() { Some(missing) } else { operand::number(text) };
        let ends = end(low, 0).zip(end(high, MAX)).filter(|(low, high)| low <= high && *high <= MAX);
        let ends = ends.filter(|ends| !text.is_empty() && *ends != (0, MAX));
        let datum = |time: u32| Datum::number(DataType::Time, time);
        let interval = ends.and_then(|(low, high)| Interval::new(datum(low * 1_000), datum(high * 1_000 + 999)));
        interval.ok_or_else(|| {
            let message = format!("`{text}` is no time until a connection is forgotten");
            refuse(OPERAND, word.span, message, format!("write seconds up to {MAX}, or a range LOW:HIGH"))
        })
    })
}

/// `helper`: of the connection to which the packet's own belongs. iptables compares the helper's name with the beginning of
/// the word, so that `ftp-2121` is a helper of that name, or `ftp`.
pub(super) fn helper(found: &Match) -> Result<Reading, Refusal> {
    let mut intervals = Vec::new();
    let mut runs = Vec::new();
    for word in words(&found.operands) {
        let text = &*word.text;
        let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let stems = text.match_indices('-').filter_map(|(at, _)| text.get(..at));
        let names =
            [text].into_iter().chain(stems).filter(|name| (1..=HELPER_MAX).contains(&name.len()) && is_plain(name));
        let names: Vec<Interval> = names.map(|name| Interval::single(Datum::ifname(name))).collect();
        if names.is_empty() || !is_plain(text) {
            let message = format!("`{text}` is no helper");
            return Err(refuse(OPERAND, word.span, message, "write a name such as ftp, tftp or sip"));
        }
        runs.push(names.len());
        intervals.extend(names);
    }
    if intervals.is_empty() {
        return Err(refuse(OPERAND, found.span, "`helper` has no value", "write at least one value"));
    }
    let (field, operator) = (Field::Ct(CtField::Helper), operator(found));
    Ok(Reading::Test(Test::Values(Values { field, operator, intervals: intervals.into(), variable: None, runs })))
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
