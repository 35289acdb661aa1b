//! Matches on what follows the network header of IPv6 before the transport: extension headers, and Mobile IPv6.

use policy_lang::host::rule::{Match, Word};
use policy_lang::source::Span;

use super::clause::{Ip, Reading, Test};
use super::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse, suggestion};
use super::emit::list_expr;
use super::matching::{Context, list, operator};
use super::operand::{bounded, number, range, words};
use super::transport::wants;
use crate::ruleset::{
    DataType, Datum, Exists, Expr, ExtensionHeader, Field, Interval, Match as Compare, Operator, Part, Value,
};

/// The protocols at which the kernel stops looking for what comes next.
const ESP: u8 = 50;
const AH: u8 = 51;
const NONE: u8 = 59;

/// Mobile IPv6's number.
const MH: u8 = 135;

/// A header by one of iptables' names, or nothing but what `prot`, `esp`, `none` and `auth` say of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Header(ExtensionHeader),
    Auth,
    Esp,
    None,
    Protocol,
}

const NAMES: &[(&str, Named)] = &[
    ("hop", Named::Header(ExtensionHeader::Hbh)),
    ("hop-by-hop", Named::Header(ExtensionHeader::Hbh)),
    ("ipv6-opts", Named::Header(ExtensionHeader::Dst)),
    ("dst", Named::Header(ExtensionHeader::Dst)),
    ("route", Named::Header(ExtensionHeader::Rt)),
    ("ipv6-route", Named::Header(ExtensionHeader::Rt)),
    ("frag", Named::Header(ExtensionHeader::Frag)),
    ("ipv6-frag", Named::Header(ExtensionHeader::Frag)),
    ("auth", Named::Auth),
    ("ah", Named::Auth),
    ("esp", Named::Esp),
    ("none", Named::None),
    ("ipv6-nonxt", Named::None),
    ("prot", Named::Protocol),
    ("protocol", Named::Protocol),
];

/// Messages of Mobile IPv6 (RFC 6275), with iptables' abbreviations.
const MESSAGES: &[(&str, u32)] = &[
    ("binding-refresh-request", 0),
    ("brr", 0),
    ("home-test-init", 1),
    ("hoti", 1),
    ("careof-test-init", 2),
    ("coti", 2),
    ("home-test", 3),
    ("hot", 3),
    ("careof-test", 4),
    ("cot", 4),
    ("binding-update", 5),
    ("bu", 5),
    ("binding-acknowledgement", 6),
    ("ba", 6),
    ("binding-error", 7),
    ("be", 7),
];

/// `mod hbh` and its kind without options: whether the header is there.
pub(super) fn presence(module: &str, span: Span, context: Context<'_>) -> Result<Reading, Refusal> {
    in_ip6(module, span, context)?;
    let header = match module {
        "hbh" => ExtensionHeader::Hbh,
        "dst" => ExtensionHeader::Dst,
        _ => ExtensionHeader::Rt,
    };
    Ok(Reading::expr(Expr::Exists(Exists::there(Part::ExtensionHeader(header)))))
}

/// `hbh-len`, `dst-len` and `rt-len`: in bytes, where the header counts words of 8 beyond the first.
pub(super) fn length(found: &Match, context: Context<'_>, field: Field) -> Result<Reading, Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    list(found, field, |word| {
        let words = number(&word.text).filter(|bytes| bytes.is_multiple_of(8) && (8..=2048).contains(bytes));
        words.map(|bytes| Interval::single(Datum::number(field.data_type(), bytes / 8 - 1))).ok_or_else(|| {
            let message = format!("`{}` is no length of this header", word.text);
            refuse(OPERAND, word.span, message, "write a multiple of 8 bytes, from 8 to 2048")
        })
    })
}

/// `rt-type`.
pub(super) fn routing_type(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    list(found, Field::RtType, |word| {
        let kind = bounded(word, "type of a routing header", u8::MAX.into())?;
        Ok(Interval::single(Datum::number(Field::RtType.data_type(), kind)))
    })
}

/// `rt-segsleft`: a number or `LOW:HIGH`.
pub(super) fn segments_left(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    list(found, Field::RtSegLeft, |word| {
        let value = |text: &str| number(text).filter(|segments| *segments <= u8::MAX.into());
        let interval = range(word, DataType::Integer8, "number of segments", value)?;
        if interval == Interval::all(DataType::Integer8) {
            let message = format!("`{}` is every number", word.text);
            return Err(refuse(OPERAND, word.span, message, "leave it out: `mod rt` alone asks for the header"));
        }
        Ok(interval)
    })
}

/// `header` of ipv6header: exactly these, or with `soft` these at least. With `soft` and a negation, none of them.
pub(super) fn headers(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    let named = words(&found.operands).iter().map(name).collect::<Result<Vec<_>, _>>()?;
    let is_soft = context.rule.matches.iter().any(|other| other.keyword == "soft");
    if is_soft { at_least(found, &named) } else { exactly(found, &named) }
}

/// `soft`: changes what `header` asks.
pub(super) fn soft(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if context.rule.matches.iter().any(|other| other.keyword == "header") {
        return Ok(Reading::Always);
    }
    Err(refuse(OPERAND, found.span, "`soft` says nothing without `header`", "add `header (hop frag)`, or leave it out"))
}

/// `mh-type`: a name, a number, or a range of either.
pub(super) fn message(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    in_ip6(found.keyword, found.span, context)?;
    wants(found, context, MH, "mh")?;
    list(found, Field::MhType, |word| {
        let value = |text: &str| {
            let named = MESSAGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            named.map(|(_, number)| *number).or_else(|| number(text).filter(|kind| *kind <= u8::MAX.into()))
        };
        range(word, DataType::MhType, "message of Mobile IPv6", value)
    })
}

/// Refuses what packets of IPv4 do not have.
pub(super) fn in_ip6(keyword: &str, span: Span, context: Context<'_>) -> Result<(), Refusal> {
    if context.scope.ip == Ip::V6 {
        return Ok(());
    }
    Err(refuse(PLACE, span, format!("`{keyword}` is a match of domain ip6 only"), "put the rule into `domain ip6`"))
}

fn name(word: &Word) -> Result<Named, Refusal> {
    let text = &*word.text;
    let by_number = |wanted: u32| match wanted {
        0 => Some(Named::Header(ExtensionHeader::Hbh)),
        43 => Some(Named::Header(ExtensionHeader::Rt)),
        44 => Some(Named::Header(ExtensionHeader::Frag)),
        60 => Some(Named::Header(ExtensionHeader::Dst)),
        50 => Some(Named::Esp),
        51 => Some(Named::Auth),
        59 => Some(Named::None),
        255 => Some(Named::Protocol),
        _ => None,
    };
    let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, named)| *named);
    found.or_else(|| number(text).and_then(by_number)).ok_or_else(|| {
        let help = suggestion(text, NAMES.iter().map(|(name, _)| *name), "write hop, dst, route, frag, none or prot");
        refuse(OPERAND, word.span, format!("`{text}` is no extension header"), help)
    })
}

fn at_least(found: &Match, named: &[Named]) -> Result<Reading, Refusal> {
    let operator = operator(found);
    let exprs = named.iter().map(|one| match one {
        Named::Header(header) => Ok(Expr::Exists(Exists { part: Part::ExtensionHeader(*header), operator })),
        Named::Auth => Ok(of_protocol(operator, &[AH])),
        // What follows an AH is not looked at.
        Named::Esp | Named::None | Named::Protocol => {
            let message = "`soft` with esp, none or prot has no form in nftables here";
            Err(refuse(UNSUPPORTED, found.span, message, "match the protocol: proto"))
        }
    });
    Ok(Reading::Test(Test::Alternatives(vec![exprs.collect::<Result<_, _>>()?])))
}

fn exactly(found: &Match, named: &[Named]) -> Result<Reading, Refusal> {
    let last = [Named::Esp, Named::None, Named::Protocol].into_iter().filter(|last| named.contains(last));
    let (operator, protocols): (_, &[u8]) = match (last.collect::<Vec<_>>().as_slice(), named.contains(&Named::Auth)) {
        ([Named::Protocol], false) => (Operator::Ne, &[ESP, AH, NONE]),
        ([Named::Esp], false) => (Operator::Eq, &[ESP]),
        ([Named::None], false) => (Operator::Eq, &[NONE]),
        (_, true) => {
            let message = "`header` with auth and without `soft` has no form in nftables here";
            return Err(refuse(UNSUPPORTED, found.span, message, "add `soft`: these headers at least"));
        }
        (_, false) => {
            let message = "no packet has these headers and nothing else";
            return Err(refuse(OPERAND, found.span, message, "add `prot`, what follows them, or `soft`"));
        }
    };
    let walked = [ExtensionHeader::Hbh, ExtensionHeader::Rt, ExtensionHeader::Frag, ExtensionHeader::Dst];
    // Each condition, and its contrary.
    let mut conditions: Vec<[Expr; 2]> = Vec::new();
    for header in walked {
        let part = Part::ExtensionHeader(header);
        let both = [Expr::Exists(Exists::there(part)), Expr::Exists(Exists::missing(part))];
        let [there, missing] = both;
        let is_wanted = named.contains(&Named::Header(header));
        conditions.push(if is_wanted { [there, missing] } else { [missing, there] });
    }
    let contrary = if operator == Operator::Eq { Operator::Ne } else { Operator::Eq };
    conditions.push([of_protocol(operator, protocols), of_protocol(contrary, protocols)]);
    let holds = |conditions: &[[Expr; 2]]| conditions.iter().map(|[holds, _]| holds.clone()).collect::<Vec<_>>();
    if !found.negated {
        return Ok(Reading::Test(Test::Alternatives(vec![holds(&conditions)])));
    }
    // The first that does not hold, so that nothing happens to a packet twice.
    let alternatives = conditions.iter().enumerate().map(|(index, [_, contrary])| {
        let before = conditions.get(..index).unwrap_or(&[]);
        holds(before).into_iter().chain([contrary.clone()]).collect()
    });
    Ok(Reading::Test(Test::Alternatives(alternatives.collect())))
}

fn of_protocol(operator: Operator, protocols: &[u8]) -> Expr {
    match protocols {
        [one] => Expr::Match(Compare {
            field: Field::L4Proto,
            mask: None,
            operator,
            value: Value::One(Datum::protocol(*one)),
        }),
        several => {
            let intervals: Vec<_> = several.iter().map(|one| Interval::single(Datum::protocol(*one))).collect();
            list_expr(Field::L4Proto, operator, &intervals)
        }
    }
}
