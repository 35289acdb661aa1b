//! `mod connbytes`: how much a connection has brought so far.
//!
//! Either side switches the kernel's counting on where such a rule is loaded. What differs: of connections that are older
//! than that iptables says nothing, nftables that they brought nothing.

use policy_lang::host::rule::{Match, Word};

use super::clause::Reading;
use super::code::{OPERAND, Refusal, refuse};
use super::matching::{Context, list, options};
use super::operand::only;
use crate::ruleset::{CtField, DataType, Datum, Field, Interval};

/// The module's name.
const MODULE: &str = "connbytes";

/// What a rule counts, at its range; the direction and the unit say nothing by themselves.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    let of = |keyword: &str| options(context.rule, MODULE).find(|option| option.keyword == keyword);
    let Some(range) = of("connbytes") else {
        return Err(refuse(OPERAND, found.span, "connbytes has no range", "add `connbytes 1000000:`"));
    };
    if range != found {
        return Ok(Reading::Always);
    }
    let said = |keyword: &'static str| {
        let missing = || {
            let help = "add `connbytes-dir both` and `connbytes-mode bytes`";
            refuse(OPERAND, found.span, format!("connbytes needs `{keyword}`"), help)
        };
        let option = of(keyword).ok_or_else(missing)?;
        only(keyword, &option.operands, option.span)
    };
    let (direction, unit) = (said("connbytes-dir")?, said("connbytes-mode")?);
    let field = match (&*direction.text, &*unit.text) {
        ("both", "bytes") => Field::Ct(CtField::Bytes),
        ("both", "packets") => Field::Ct(CtField::Packets),
        ("both", "avgpkt") => Field::Ct(CtField::Avgpkt),
        ("original", "bytes") => Field::Ct(CtField::OriginalBytes),
        ("original", "packets") => Field::Ct(CtField::OriginalPackets),
        ("original", "avgpkt") => Field::Ct(CtField::OriginalAvgpkt),
        ("reply", "bytes") => Field::Ct(CtField::ReplyBytes),
        ("reply", "packets") => Field::Ct(CtField::ReplyPackets),
        ("reply", "avgpkt") => Field::Ct(CtField::ReplyAvgpkt),
        ("both" | "original" | "reply", _) => {
            let message = format!("`{}` is nothing that connections count", unit.text);
            return Err(refuse(OPERAND, unit.span, message, "write packets, bytes or avgpkt"));
        }
        _ => {
            let message = format!("`{}` is no direction", direction.text);
            return Err(refuse(OPERAND, direction.span, message, "write original, reply or both"));
        }
    };
    list(found, field, |word| {
        let counts = interval(word)?;
        if found.negated && counts.is_single() {
            let message = format!("iptables takes `!{0}` for `{0}`", word.text);
            return Err(refuse(OPERAND, word.span, message, "write what is meant, without `!`: one range, or two"));
        }
        Ok(counts)
    })
}

/// `A`, which means at least so much, or `A:B`.
fn interval(word: &Word) -> Result<Interval, Refusal> {
    let (low, high) = word.text.split_once(':').unwrap_or((&word.text, ""));
    let end = |text: &str, missing: u64| if text.is_empty() { Some(missing) } else { count(text) };
    let ends = end(low, 0).zip(end(high, u64::MAX)).filter(|_| low.len() + high.len() > 0);
    let datum = |count: u64| Datum::from_u128(DataType::Integer64, count.into());
    ends.and_then(|(low, high)| Interval::new(datum(low), datum(high))).ok_or_else(|| {
        let message = format!("`{}` is no range of counts", word.text);
        refuse(OPERAND, word.span, message, "write LEAST:, :MOST or LEAST:MOST")
    })
}

fn count(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8).ok(),
        None => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten(),
    }
}
