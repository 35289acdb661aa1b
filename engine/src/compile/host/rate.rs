//! `mod limit` and `mod quota`.

use policy_lang::host::rule::{HostRule, Match, Word};

use super::clause::Reading;
use super::code::{OPERAND, Refusal, refuse};
use super::operand::{bounded, words};
use crate::ruleset::{Expr, Limit, LimitUnit, Quota};

/// What iptables takes if nothing is said: 3/hour, burst 5.
const DEFAULT: Limit = Limit { rate: 3, per: LimitUnit::Hour, burst: 5, bytes: false, over: false };

/// The highest rate per second, and the highest burst, that iptables takes (`XT_LIMIT_SCALE`).
const MOST: u32 = 10_000;

/// The limit of a rule, at the first of the module's words; the others say nothing more.
pub(super) fn limit(found: &Match, rule: &HostRule) -> Result<Reading, Refusal> {
    let mut own = rule.matches.iter().filter(|other| other.module == Some("limit"));
    if own.clone().next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let option =
        |keyword| own.clone().find(|other| other.keyword == keyword).and_then(|found| words(&found.operands).first());
    let mut limit = match option("limit") {
        Some(word) => rate(word, MOST)?,
        None => DEFAULT,
    };
    if let Some(word) = option("limit-burst") {
        limit.burst = bounded(word, "burst", MOST)?.max(1);
    }
    if let Some(negated) = own.find(|other| other.negated) {
        let message = "a limit cannot be negated";
        return Err(refuse(OPERAND, negated.span, message, "accept what keeps the limit, and drop the rest after it"));
    }
    Ok(Reading::expr(Expr::Limit(limit)))
}

/// `quota`: matches until so many bytes have passed.
///
/// The packet with the last of them matches in iptables, and does not in nftables, hence one byte more.
pub(super) fn quota(found: &Match) -> Result<Reading, Refusal> {
    let word = words(&found.operands).first();
    let bytes = word.and_then(|word| word.text.parse::<u64>().ok()).and_then(|bytes| bytes.checked_add(1));
    let Some(bytes) = bytes else {
        let message = format!("`{}` is no number of bytes", word.map_or("", |word| &*word.text));
        return Err(refuse(OPERAND, found.span, message, "write a number of bytes"));
    };
    Ok(Reading::expr(Expr::Quota(Quota { bytes, over: false })))
}

/// `RATE` or `RATE/UNIT`, of at most `most` a second; a unit may be cut short to its first letters.
pub(super) fn rate(word: &Word, most: u32) -> Result<Limit, Refusal> {
    const UNITS: [(&str, LimitUnit); 4] = [
        ("second", LimitUnit::Second),
        ("minute", LimitUnit::Minute),
        ("hour", LimitUnit::Hour),
        ("day", LimitUnit::Day),
    ];
    let (rate, unit) = word.text.split_once('/').unwrap_or((&word.text, "second"));
    let unit = unit.to_ascii_lowercase();
    let per = UNITS.iter().find(|(name, _)| !unit.is_empty() && name.starts_with(&unit)).map(|(_, unit)| *unit);
    let rate = rate.parse::<u64>().ok().filter(|rate| *rate > 0);
    let (Some(rate), Some(per)) = (rate, per) else {
        let message = format!("`{}` is no rate", word.text);
        return Err(refuse(OPERAND, word.span, message, "write NUMBER/second, /minute, /hour or /day"));
    };
    if rate > u64::from(most) * per.seconds() {
        let message = format!("`{}` is above {most} a second", word.text);
        return Err(refuse(OPERAND, word.span, message, "write a lower rate, or leave the limit out"));
    }
    Ok(Limit { rate, per, ..DEFAULT })
}
