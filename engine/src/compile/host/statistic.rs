//! `mod statistic`: some of the packets, drawn at random or counted out.

use policy_lang::host::rule::{Match, Word};

use super::clause::Reading;
use super::code::{OPERAND, Refusal, refuse};
use super::matching::{Context, options};
use super::operand::{bounded, words};
use crate::ruleset::{Expr, Sample};

/// The module's name.
const MODULE: &str = "statistic";

/// Certainty as iptables keeps probabilities: 31 bits.
const CERTAIN: u32 = 1 << 31;

/// What a rule draws, at the first of the module's words; the others say nothing more.
pub(super) fn read(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    if options(context.rule, MODULE).next().is_some_and(|first| first != found) {
        return Ok(Reading::Always);
    }
    let (mut mode, mut probability, mut every, mut packet) = (None, None, None, None);
    for option in options(context.rule, MODULE) {
        let word = words(&option.operands).first();
        match option.keyword {
            "mode" => mode = word,
            "probability" => probability = word,
            "every" => every = word,
            _ => packet = word,
        }
    }
    let refused = |message: &str| {
        refuse(OPERAND, found.span, message, "write `mode random probability 0.5` or `mode nth every 3 packet 0`")
    };
    match (mode.map(|word| &*word.text), probability, every, packet) {
        (Some("random"), Some(probability), None, None) => random(probability),
        (Some("nth"), None, Some(every), Some(packet)) => nth(every, packet),
        (Some("random"), ..) => Err(refused("`mode random` needs a probability, and nothing else")),
        (Some("nth"), ..) => Err(refused("`mode nth` needs `every` and `packet`")),
        _ => Err(refused("statistic needs a mode: random or nth")),
    }
}

/// iptables draws a number of 31 bits and matches if it is below its own; that is one of 32 bits below twice that.
fn random(word: &Word) -> Result<Reading, Refusal> {
    let probability = word.text.parse::<f64>().ok().filter(|probability| (0.0..=1.0).contains(probability));
    let Some(probability) = probability else {
        let message = format!("`{}` is no probability", word.text);
        return Err(refuse(OPERAND, word.span, message, "write a number from 0 to 1"));
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2^31, and not below 0")]
    let below = (f64::from(CERTAIN) * probability).round() as u32;
    Ok(match below.checked_mul(2).and_then(|twice| twice.checked_sub(1)) {
        _ if below == CERTAIN => Reading::Always,
        Some(most) => Reading::expr(Expr::Sample(Sample::Random { most })),
        None => Reading::Never,
    })
}

fn nth(every: &Word, packet: &Word) -> Result<Reading, Refusal> {
    let n_packets = bounded(every, "number of packets", u32::MAX)?;
    if n_packets < 2 {
        let message = format!("one of {n_packets} packets is no choice");
        return Err(refuse(OPERAND, every.span, message, "write `every 2` or more, or leave the match out"));
    }
    let packet = bounded(packet, "packet of those", n_packets - 1)?;
    Ok(Reading::expr(Expr::Sample(Sample::Nth { every: n_packets, packet })))
}
