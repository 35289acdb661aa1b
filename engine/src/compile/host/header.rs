//! Matches on single fields of the network header: the class of service, and how far a packet may still go.

use policy_lang::host::rule::{Match, Word};

use super::clause::{Ip, Reading};
use super::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use super::matching::list;
use super::operand::{bounded, words};
use crate::ruleset::{Datum, Field, Interval};

/// The classes of RFC 2474, 2597, 3246 and 8622, as iptables names them.
const CLASSES: &[(&str, u32)] = &[
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
    ("CS7", 56),
    ("BE", 0),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
    ("EF", 46),
];

/// Most that a differentiated services code point can be.
const CLASS_MAX: u32 = 63;
/// Most that a time to live, or hop limit, can be.
const HOPS_MAX: u32 = 255;

/// How a number of hops is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hops {
    Equal,
    Less,
    Greater,
}

/// `dscp`: a number.
pub(super) fn class(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    classes(found, ip, class_number)
}

/// `dscp-class`: a name.
pub(super) fn named_class(found: &Match, ip: Ip) -> Result<Reading, Refusal> {
    classes(found, ip, class_name)
}

/// A class by its number.
pub(super) fn class_number(word: &Word) -> Result<u32, Refusal> {
    bounded(word, "class of service", CLASS_MAX)
}

/// A class by its name.
pub(super) fn class_name(word: &Word) -> Result<u32, Refusal> {
    let class = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
    class.map(|(_, number)| *number).ok_or_else(|| {
        let names = CLASSES.iter().map(|(name, _)| *name);
        let help = suggestion(&word.text, names, "write CS0 to CS7, BE, AF11 to AF43 or EF");
        refuse(OPERAND, word.span, format!("`{}` is no class of service", word.text), help)
    })
}

fn classes(found: &Match, ip: Ip, read: impl Fn(&Word) -> Result<u32, Refusal>) -> Result<Reading, Refusal> {
    let field = match ip {
        Ip::V4 => Field::IpDscp,
        Ip::V6 => Field::Ip6Dscp,
    };
    list(found, field, |word| read(word).map(|class| Interval::single(Datum::number(field.data_type(), class))))
}

/// `ttl-eq`, `ttl-lt` and `ttl-gt` of domain ip, `hl-eq`, `hl-lt` and `hl-gt` of ip6.
pub(super) fn hops(found: &Match, ip: Ip, comparison: Hops) -> Result<Reading, Refusal> {
    let field = match (ip, found.module) {
        (Ip::V4, Some("ttl")) => Field::IpTtl,
        (Ip::V6, Some("hl")) => Field::Ip6Hoplimit,
        (Ip::V4, _) => return Err(other_family(found, "ip6", "ttl")),
        (Ip::V6, _) => return Err(other_family(found, "ip", "hl")),
    };
    let bounds = |word: &Word| -> Result<_, Refusal> {
        let hops = bounded(word, "number of hops", HOPS_MAX)?;
        Ok(match comparison {
            Hops::Equal => Some((hops, hops)),
            Hops::Less => hops.checked_sub(1).map(|most| (0, most)),
            Hops::Greater => Some((hops + 1, HOPS_MAX)).filter(|(least, most)| least <= most),
        })
    };
    // No number is below the least or above the most.
    if words(&found.operands).iter().map(bounds).collect::<Result<Vec<_>, _>>()?.contains(&None) {
        return Ok(Reading::Never);
    }
    list(found, field, |word| {
        let datum = |hops| Datum::number(field.data_type(), hops);
        let interval = bounds(word)?.and_then(|(low, high)| Interval::new(datum(low), datum(high)));
        interval.ok_or_else(|| refuse(OPERAND, word.span, "no packet has so many hops", "write a number from 0 to 255"))
    })
}

fn other_family(found: &Match, domain: &str, instead: &str) -> Refusal {
    let message = format!("`{}` is a match of domain {domain} only", found.keyword);
    refuse(PLACE, found.span, message, format!("put the rule into `domain {domain}`, or use `mod {instead}`"))
}
