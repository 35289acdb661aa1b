//! DSCP, TOS, TTL and HL: what rules write into the network header.

use policy_lang::host::rule::{Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::{Ip, Object};
use super::code::{OPERAND, PLACE, Refusal, UNSUPPORTED, refuse, suggestion};
use super::emit;
use super::header;
use super::matching::Context;
use super::operand::{bounded, number};
use super::target::{EVERYWHERE, Statement, place, unknown_option, value};
use crate::ruleset::{DataType, Datum, Expr, Field, HeaderField, Interval, Operator, Rule, SetHeader, Verdict};

/// The types of service of RFC 1349, as iptables names them.
const SERVICES: &[(&str, u8)] = &[
    ("Minimize-Delay", 0x10),
    ("Maximize-Throughput", 0x08),
    ("Maximize-Reliability", 0x04),
    ("Minimize-Cost", 0x02),
    ("Normal-Service", 0x00),
];

/// The bits that a named type of service writes: all but the precedence.
const NAMED_SERVICE: u8 = 0x3f;

/// The bits of the octet that are ECN's.
const ECN: u8 = 3;

/// `DSCP`.
pub(super) fn class(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let option = only(options, span, "DSCP", "exactly one of set-dscp and set-dscp-class", "set-dscp-class EF")?;
    let class = match option.keyword {
        "set-dscp" => header::class_number(value(option)?)?,
        "set-dscp-class" => header::class_name(value(option)?)?,
        _ => return Err(unknown_option(option, "DSCP")),
    };
    place("DSCP", span, context, &[Table::Mangle], &EVERYWHERE)?;
    let class = u8::try_from(class).unwrap_or(HeaderField::IpDscp.largest());
    Ok(Statement::continuing(vec![Expr::SetHeader(SetHeader { field: fields(context.scope.ip).0, value: class })]))
}

/// `TOS`: IPv4's type of service or IPv6's traffic class, six bits of DSCP and two of ECN.
pub(super) fn service(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let option =
        only(options, span, "TOS", "exactly one of set-tos, and-tos, or-tos and xor-tos", "set-tos VALUE/MASK")?;
    let octet = |word: &Word| bounded(word, "type of service", 255).map(low_byte);
    // The bits that are kept, and those that are flipped after that.
    let (kept, flipped) = match option.keyword {
        "set-tos" => {
            let (value, mask) = masked(value(option)?)?;
            (!mask, value)
        }
        "and-tos" => (octet(value(option)?)?, 0),
        "or-tos" => octet(value(option)?).map(|bits| (!bits, bits))?,
        "xor-tos" => (u8::MAX, octet(value(option)?)?),
        _ => return Err(unknown_option(option, "TOS")),
    };
    place("TOS", span, context, &[Table::Mangle], &EVERYWHERE)?;
    let (class, congestion) = fields(context.scope.ip);
    let mut exprs = Vec::new();
    match (kept & ECN, flipped & ECN) {
        (ECN, 0) => {}
        (0, value) => exprs.push(Expr::SetHeader(SetHeader { field: congestion, value })),
        _ => {
            let message = format!("`{}` changes one of the two bits of congestion notification", option.keyword);
            let help = "nftables writes both or neither: leave the lower two bits of the octet alone, or set both";
            return Err(refuse(UNSUPPORTED, option.span, message, help));
        }
    }
    let (kept, flipped) = (kept >> 2, flipped >> 2);
    let mut statement = match (kept, flipped) {
        (63, 0) => Statement::continuing(Vec::new()),
        (0, value) => Statement::continuing(vec![Expr::SetHeader(SetHeader { field: class, value })]),
        _ => Statement::using(Object::Chain { tail: "tos", rules: by_class(context.scope.ip, kept, flipped) }),
    };
    statement.exprs.splice(0..0, exprs);
    Ok(statement)
}

/// `TTL` of domain ip, `HL` of ip6.
pub(super) fn hops(
    name: &'static str,
    options: &[TargetOption],
    span: Span,
    context: Context<'_>,
) -> Result<Statement, Refusal> {
    let (field, keyword) = match (name, context.scope.ip) {
        ("TTL", Ip::V4) => (HeaderField::IpTtl, "ttl-set"),
        ("HL", Ip::V6) => (HeaderField::Ip6Hoplimit, "hl-set"),
        (_, ip) => {
            let (domain, instead) = match ip {
                Ip::V4 => ("ip6", "TTL"),
                Ip::V6 => ("ip", "HL"),
            };
            let message = format!("{name} is a target of domain {domain} only");
            return Err(refuse(PLACE, span, message, format!("put the rule into `domain {domain}`, or use {instead}")));
        }
    };
    let option = only(options, span, name, "exactly one option", &format!("{keyword} 64"))?;
    if option.keyword != keyword {
        return Err(unknown_option(option, name));
    }
    let value = low_byte(bounded(value(option)?, "number of hops", 255)?);
    place(name, span, context, &[Table::Mangle], &EVERYWHERE)?;
    Ok(Statement::continuing(vec![Expr::SetHeader(SetHeader { field, value })]))
}

/// DSCP and ECN of a family.
fn fields(ip: Ip) -> (HeaderField, HeaderField) {
    match ip {
        Ip::V4 => (HeaderField::IpDscp, HeaderField::IpEcn),
        Ip::V6 => (HeaderField::Ip6Dscp, HeaderField::Ip6Ecn),
    }
}

fn only<'a>(
    options: &'a [TargetOption],
    span: Span,
    target: &str,
    what: &str,
    example: &str,
) -> Result<&'a TargetOption, Refusal> {
    let [option] = options else {
        let message = format!("{target} needs {what}");
        return Err(refuse(OPERAND, span, message, format!("write `{target} {example}`")));
    };
    Ok(option)
}

/// `VALUE`, `VALUE/MASK` or a name.
fn masked(word: &Word) -> Result<(u8, u8), Refusal> {
    if let Some((_, value)) = SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text)) {
        return Ok((*value, NAMED_SERVICE));
    }
    let octet = |text: &str| number(text).and_then(|number| u8::try_from(number).ok());
    let parts = match word.text.split_once('/') {
        Some((value, mask)) => octet(value).zip(octet(mask)),
        None => octet(&word.text).map(|value| (value, u8::MAX)),
    };
    parts.ok_or_else(|| {
        let names = SERVICES.iter().map(|(name, _)| *name);
        let help = suggestion(&word.text, names, "write a number from 0 to 255, or NUMBER/MASK");
        refuse(OPERAND, word.span, format!("`{}` is no type of service", word.text), help)
    })
}

/// A class of which some bits are kept: one rule for each that they can be, since nftables changes a field of the header
/// by a constant only, and mends the checksum of IPv4's only where a whole field is written.
fn by_class(ip: Ip, kept: u8, flipped: u8) -> Vec<Rule> {
    let (field, written) = match ip {
        Ip::V4 => (Field::IpDscp, HeaderField::IpDscp),
        Ip::V6 => (Field::Ip6Dscp, HeaderField::Ip6Dscp),
    };
    let all = 0..=written.largest();
    all.clone()
        .filter(|class| class & !kept == 0)
        .map(|pattern| {
            let datum = |class: u8| Datum::number(DataType::Dscp, u32::from(class));
            let same: Vec<Datum> = all.clone().filter(|class| class & kept == pattern).map(datum).collect();
            let same = match run(&same) {
                Some(run) => vec![run],
                None => same.into_iter().map(Interval::single).collect(),
            };
            let write = Expr::SetHeader(SetHeader { field: written, value: pattern ^ flipped });
            let test = emit::list_expr(field, Operator::Eq, &same);
            Rule { exprs: vec![test, write, Expr::Verdict(Verdict::Return)], comment: None }
        })
        .collect()
}

/// The range that these values are, in their order, if there is no gap between them.
fn run(values: &[Datum]) -> Option<Interval> {
    let (first, last) = (values.first()?, values.last()?);
    let is_run = values.windows(2).all(|pair| matches!(pair, [a, b] if a.successor() == Some(*b)));
    is_run.then(|| Interval::new(*first, *last)).flatten()
}

fn low_byte(number: u32) -> u8 {
    number.to_be_bytes()[3]
}
