//! Matches on the transport protocol, its ports and TCP's flags.

use policy_lang::host::expand::port_runs;
use policy_lang::host::rule::{HostRule, Match, Operands, Word};
use smallvec::SmallVec;

use super::chains::Scope;
use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use super::matching::{Context, operator};
use super::operand::{self, words};
use crate::ruleset::{DataType, Datum, Exists, Expr, Field, Interval, Match as Compare, Operator, Part, Value};

/// The transport protocols that a rule has named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Protocols {
    /// Every one.
    Any,
    /// These.
    Of(Vec<u8>),
    /// All but some, or some that could not be read.
    Unknown,
}

/// TCP's option of the maximum segment size.
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

/// TCP's number.
pub(super) const TCP: u8 = 6;

/// The protocols that have ports at the start of their headers: tcp, udp, dccp, sctp, udplite.
pub(super) const WITH_PORTS: [u8; 5] = [TCP, 17, 33, 132, 136];

impl Protocols {
    /// Whether each of them is known, and has ports.
    pub(super) fn have_ports(&self) -> bool {
        match self {
            Self::Of(numbers) => numbers.iter().all(|number| WITH_PORTS.contains(number)),
            Self::Any | Self::Unknown => false,
        }
    }
}

/// The protocols of a rule. What cannot be read is reported where the match itself is lowered.
pub(super) fn protocols(rule: &HostRule, scope: &Scope<'_>) -> Protocols {
    let Some(found) = rule.matches.iter().find(|found| found.module.is_none() && found.keyword == "proto") else {
        return Protocols::Any;
    };
    let numbers: Option<Vec<u8>> =
        words(&found.operands).iter().map(|word| protocol(word, scope).ok().map(|(number, _)| number)).collect();
    match numbers {
        Some(numbers) if !found.negated && !numbers.contains(&0) => Protocols::Of(numbers),
        Some(_) | None => Protocols::Unknown,
    }
}

/// The number of a protocol, and what ferm makes of icmp in domain ip6.
pub(super) fn protocol(word: &Word, scope: &Scope<'_>) -> Result<(u8, Datum), Refusal> {
    let text = &*word.text;
    let number = match operand::number(text) {
        Some(number) => u8::try_from(number).ok(),
        None if text == "all" => Some(0),
        None if text == "icmp" && scope.ip == Ip::V6 => Some(58),
        // As iptables calls it, and /etc/protocols does not.
        None if text == "mh" || text == "ipv6-mh" => Some(135),
        None => scope.names.protocol(text),
    };
    let Some(number) = number else {
        let help = suggestion(text, scope.names.protocols(), "write a protocol's name or its number from 0 to 255");
        return Err(refuse(OPERAND, word.span, format!("`{text}` is no protocol"), help));
    };
    Ok((number, Datum::protocol(number)))
}

/// Refuses a match in a rule of any other protocol than this one.
pub(super) fn wants(found: &Match, context: Context<'_>, protocol: u8, name: &str) -> Result<(), Refusal> {
    if *context.protocols == Protocols::Of(vec![protocol]) {
        return Ok(());
    }
    let message = format!("`{}` needs the protocol {name}", found.keyword);
    Err(refuse(PLACE, found.span, message, format!("add `proto {name}` to the rule")))
}

pub(super) fn protocol_match(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let numbers: SmallVec<[_; 1]> =
        words(&found.operands).iter().map(|word| protocol(word, context.scope)).collect::<Result<_, _>>()?;
    if numbers.iter().any(|(number, _)| *number == 0) {
        return Ok(if found.negated { Reading::Never } else { Reading::Always });
    }
    let intervals = numbers.into_iter().map(|(_, datum)| Interval::single(datum));
    Ok(Reading::values(Field::L4Proto, operator(found), intervals, &[]))
}

/// The protocols of a rule that tests ports.
pub(super) fn with_ports<'a>(context: Context<'a>, what: &Match) -> Result<&'a [u8], Refusal> {
    match context.protocols {
        Protocols::Of(numbers) if context.protocols.have_ports() => Ok(numbers),
        Protocols::Of(_) | Protocols::Any | Protocols::Unknown => {
            let message = format!("`{}` needs a protocol that has ports", what.keyword);
            Err(refuse(PLACE, what.span, message, "add `proto tcp`, udp, sctp, dccp or udplite to the rule"))
        }
    }
}

pub(super) fn ports(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    let protocols = with_ports(context, found)?;
    list_of_ports(found, field, protocols, context)
}

fn list_of_ports(found: &Match, field: Field, protocols: &[u8], context: Context<'_>) -> Result<Reading, Refusal> {
    let words = words(&found.operands);
    if words.is_empty() {
        return Err(refuse(OPERAND, found.span, format!("`{}` has no port", found.keyword), "write a port"));
    }
    let intervals: SmallVec<[Interval; 1]> =
        words.iter().map(|word| operand::ports(word, protocols, context.scope.names)).collect::<Result<_, _>>()?;
    if intervals.contains(&Interval::all(DataType::InetService)) && found.negated {
        return Ok(Reading::Never);
    }
    // Every port of the protocol: still a condition, since a fragment has none.
    if let Reading::Test(mut test) = Reading::values(field, operator(found), intervals, words) {
        if let (Test::Values(values), Operands::Joined(_)) = (&mut test, &found.operands) {
            values.runs = port_runs(words).iter().map(Vec::len).collect();
        }
        return Ok(Reading::Test(test));
    }
    let all = Value::Range(Interval::all(DataType::InetService));
    Ok(Reading::expr(Expr::Match(Compare { field, mask: None, operator: Operator::Eq, value: all })))
}

/// `ports`: source or destination. Negated, neither.
pub(super) fn either_port(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let protocols = with_ports(context, found)?;
    let words = words(&found.operands);
    let intervals =
        words.iter().map(|word| operand::ports(word, protocols, context.scope.names)).collect::<Result<Vec<_>, _>>()?;
    let side = |field, operator| super::emit::list_expr(field, operator, &intervals);
    let operator = operator(found);
    let alternatives = match operator {
        Operator::Ne => vec![vec![side(Field::ThSport, operator), side(Field::ThDport, operator)]],
        // The second only where the first did not match, so that nothing happens to a packet twice.
        Operator::Eq => vec![
            vec![side(Field::ThSport, Operator::Eq)],
            vec![side(Field::ThSport, Operator::Ne), side(Field::ThDport, Operator::Eq)],
        ],
    };
    Ok(Reading::Test(Test::Alternatives(alternatives)))
}

/// The flags of TCP, by their bits.
const FLAGS: &[(&str, u32)] =
    &[("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32), ("ALL", 63), ("NONE", 0)];

pub(super) fn tcp_flags(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let Operands::Pair(mask, set) = &found.operands else {
        let message = "`tcp-flags` takes two lists";
        return Err(refuse(
            OPERAND,
            found.span,
            message,
            "write tcp-flags (SYN ACK) SYN: the flags to look at, those set",
        ));
    };
    let (mask, set) = (flags(mask)?, flags(set)?);
    if set & !mask != 0 {
        let message = "`tcp-flags` asks for flags that it does not look at: no packet matches";
        return Err(refuse(OPERAND, found.span, message, "repeat the flags of the second list in the first"));
    }
    tcp_flags_match(found, context, mask, set)
}

pub(super) fn syn(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    /// FIN, SYN, RST, ACK.
    const LOOK: u32 = 1 | 2 | 4 | 16;
    tcp_flags_match(found, context, LOOK, 2)
}

/// These flags of TCP's, of those that are looked at.
pub(super) fn tcp_flags_match(found: &Match, context: Context<'_>, mask: u32, set: u32) -> Result<Reading, Refusal> {
    if *context.protocols != Protocols::Of(vec![TCP]) {
        return Err(refuse(PLACE, found.span, format!("`{}` needs TCP", found.keyword), "add `proto tcp` to the rule"));
    }
    let datum = |bits| Datum::number(DataType::TcpFlag, bits);
    let value = Value::One(datum(set));
    let field = Field::TcpFlags;
    Ok(Reading::expr(Expr::Match(Compare { field, mask: Some(datum(mask)), operator: operator(found), value })))
}

/// `mss`: of segments that announce a size, which those do that open a connection.
pub(super) fn segment_size(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if *context.protocols != Protocols::Of(vec![TCP]) {
        return Err(refuse(PLACE, found.span, format!("`{}` needs TCP", found.keyword), "add `proto tcp` to the rule"));
    }
    let field = Field::TcpOptionMaxseg;
    let size = |text: &str| operand::number(text).filter(|size| u16::try_from(*size).is_ok());
    let words = words(&found.operands);
    let read = |word| operand::range(word, field.data_type(), "maximum segment size", size);
    let intervals = words.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let every = Interval::all(field.data_type());
    if found.negated {
        // iptables then takes segments that announce none, too.
        let none = vec![Expr::Exists(Exists::missing(Part::TcpOption(MAXIMUM_SEGMENT_SIZE)))];
        let others = vec![super::emit::list_expr(field, Operator::Ne, &intervals)];
        let is_never = intervals.contains(&every);
        return Ok(Reading::Test(Test::Alternatives(if is_never { vec![none] } else { vec![none, others] })));
    }
    // Every size: still a condition, since most segments announce none.
    Ok(if intervals.contains(&every) {
        Reading::expr(Expr::Match(Compare { field, mask: None, operator: Operator::Eq, value: Value::Range(every) }))
    } else {
        Reading::values(field, Operator::Eq, intervals, words)
    })
}

fn flags(words: &[Word]) -> Result<u32, Refusal> {
    words.iter().try_fold(0, |bits, word| {
        let name = word.text.to_ascii_uppercase();
        let found = FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, bit)| bits | bit);
        found.ok_or_else(|| {
            let help = suggestion(&word.text, FLAGS.iter().map(|(flag, _)| *flag), "write FIN SYN RST PSH ACK URG");
            refuse(OPERAND, word.span, format!("`{}` is no TCP flag", word.text), help)
        })
    })
}
