//! What a text does besides comparing: limits, logs, answers and verdicts.

use super::super::logging;
use super::super::names::Names;
use super::words::{Fault, Word, Words, number};
use super::{comparison, part};
use crate::render::{self, symbol};
use crate::ruleset::{Expr, Limit, LimitUnit, Log, LogLevel, Queue, Quota, RejectWith, Sample};

/// What a limit of packets lets through at once unless it says otherwise.
const BURST: u32 = 5;

/// What comes next in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part<'t> {
    /// A condition.
    Condition(Expr),
    Log(Log),
    /// What becomes of the packet, and the word that says so.
    Ending(Ending, Word<'t>),
    /// `counter`: every rule has one.
    Nothing,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Accept,
    Drop,
    Return,
    Continue,
    Reject(RejectWith),
    Queue(Queue),
}

/// Reads what comes next.
pub(super) fn next<'t>(words: &mut Words<'t>, names: &Names) -> Result<Part<'t>, Fault> {
    if words.take_phrase("limit rate") {
        return limit(words).map(|limit| Part::Condition(Expr::Limit(limit)));
    }
    if words.take_phrase("meta random") {
        words.expect("<=")?;
        let most = number_32(&words.take("a number")?, "number of 32 bits")?;
        return Ok(Part::Condition(Expr::Sample(Sample::Random { most })));
    }
    if words.take_phrase("numgen inc mod") {
        return nth(words).map(|sample| Part::Condition(Expr::Sample(sample)));
    }
    if let Some(field) = comparison::field(words) {
        if let Some(word) = words.peek().filter(|word| word.text == "set" && !word.is_string) {
            let help = "end the rule with ferm's word: MARK, CONNMARK, DSCP, TTL, HL, CLASSIFY, TCPMSS or CT";
            return Err(word.fault("`@nft` sets nothing", help));
        }
        return comparison::read(field, words, names).map(Part::Condition);
    }
    if let Some(part) = part::read(words)? {
        return Ok(Part::Condition(part));
    }
    let word = words.take("a condition or a verdict")?;
    let ending = |ending| Ok(Part::Ending(ending, word));
    match word.text {
        _ if word.is_string => Err(word.fault("a string cannot stand here", "write a condition or a verdict")),
        "accept" => ending(Ending::Accept),
        "drop" => ending(Ending::Drop),
        "return" => ending(Ending::Return),
        "continue" => ending(Ending::Continue),
        "reject" => ending(Ending::Reject(reject(words)?)),
        "queue" => ending(Ending::Queue(queue(words)?)),
        "counter" => {
            if words.take_if("packets") {
                words.take("a number")?;
                words.expect("bytes")?;
                words.take("a number")?;
            }
            Ok(Part::Nothing)
        }
        "quota" => quota(words).map(|quota| Part::Condition(Expr::Quota(quota))),
        "log" => log(words, &word).map(Part::Log),
        _ => Err(unknown(&word)),
    }
}

/// Words of nft that have no place here, and what says the same.
fn unknown(word: &Word<'_>) -> Fault {
    let text = word.text;
    let help = match text {
        "jump" | "goto" => "write the call behind the text: @nft '…' jump NAME;",
        "dnat" | "snat" | "masquerade" | "redirect" | "notrack" | "tproxy" | "synproxy" | "dup" => {
            "write ferm's target behind the text: @nft '…' DNAT to 192.0.2.1;"
        }
        "comment" => "write ferm's: comment 'TEXT'",
        "iif" | "oif" => "write iifname or oifname: interfaces come and go",
        ";" => "write an array with a text for each rule: @nft ('…' '…');",
        "add" | "update" | "delete" | "set" | "map" => {
            "rules that remember are written with mod recent or mod hashlimit"
        }
        _ => "docs/host/nft.md lists what is read",
    };
    word.fault(format!("`{text}` cannot stand here"), help)
}

fn number_32(word: &Word<'_>, what: &str) -> Result<u32, Fault> {
    number(word, what, u64::from(u32::MAX)).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// `3 0` of `numgen inc mod 3 0`.
fn nth(words: &mut Words<'_>) -> Result<Sample, Fault> {
    let word = words.take("a number")?;
    let every = number_32(&word, "number of packets")?;
    if every < 1 {
        return Err(word.fault("one of no packets is no choice", "write 2 or more"));
    }
    // nft takes the sign, and leaves it out.
    words.take_if("==");
    let packet = number(&words.take("a number")?, "packet of those", u64::from(every - 1))?;
    Ok(Sample::Nth { every, packet: u32::try_from(packet).unwrap_or(u32::MAX) })
}

/// `over 10/second burst 5 packets`, `1 mbytes/second burst 9000 bytes`.
fn limit(words: &mut Words<'_>) -> Result<Limit, Fault> {
    let over = words.take_if("over");
    let word = words.take("a rate")?;
    let help = "write NUMBER/second, or NUMBER kbytes/second; or by the minute, hour, day or week";
    let bad = |word: &Word<'_>| word.fault(format!("`{}` is no rate", word.text), help);
    let (digits, rest) = match word.text.split_once('/') {
        Some((digits, unit)) => (digits, Some(unit)),
        None => (word.text, None),
    };
    let count = digits.parse::<u64>().ok().filter(|count| *count > 0).ok_or_else(|| bad(&word))?;
    let (rate, unit, bytes) = match rest {
        Some(unit) => (count, unit, false),
        None => {
            let word = words.take("a unit")?;
            let (unit, per) = word.text.split_once('/').ok_or_else(|| bad(&word))?;
            let size = size_of(unit).and_then(|size| count.checked_mul(size)).ok_or_else(|| bad(&word))?;
            (size, per, true)
        }
    };
    let per = per(unit).ok_or_else(|| bad(&word))?;
    let mut burst = if bytes { 0 } else { BURST };
    if words.take_if("burst") {
        let word = words.take("a number")?;
        let unit = words.take("`packets` or `bytes`")?;
        let size = match size_of(unit.text) {
            Some(size) if bytes => size,
            None if !bytes && unit.text == "packets" => 1,
            _ => {
                return Err(
                    unit.fault(format!("`{}` is not what the rate counts", unit.text), "use the rate's own unit")
                );
            }
        };
        let count = number(&word, "burst", u64::from(u32::MAX) / size)?;
        burst = u32::try_from(count * size).unwrap_or(u32::MAX);
    }
    // The kernel counts in nanoseconds, and refuses what does not fit.
    let is_small = per.seconds().checked_mul(1_000_000_000).and_then(|time| time.checked_mul(u64::from(burst.max(1))));
    if is_small.is_none() || (bytes && rate.checked_add(u64::from(burst)).is_none()) {
        return Err(word.fault("this limit is too large for the kernel", "write a lower burst"));
    }
    Ok(Limit { rate, per, burst, bytes, over })
}

fn per(unit: &str) -> Option<LimitUnit> {
    LimitUnit::ALL.iter().copied().find(|known| render::limit_unit(*known) == unit)
}

/// nft's units of bytes.
fn size_of(unit: &str) -> Option<u64> {
    match unit {
        "bytes" => Some(1),
        "kbytes" => Some(1 << 10),
        "mbytes" => Some(1 << 20),
        _ => None,
    }
}

/// `over 10 mbytes`, `until 10 mbytes`.
fn quota(words: &mut Words<'_>) -> Result<Quota, Fault> {
    let over = words.take_if("over");
    if !over {
        words.take_if("until");
    }
    let word = words.take("a number")?;
    let unit = words.take("`bytes`, `kbytes` or `mbytes`")?;
    let size = size_of(unit.text)
        .ok_or_else(|| unit.fault(format!("`{}` is no unit", unit.text), "write bytes, kbytes or mbytes"))?;
    // The kernel counts to 2^63.
    let most = u64::try_from(i64::MAX).unwrap_or(u64::MAX);
    Ok(Quota { bytes: number(&word, "number of these", most / size)? * size, over })
}

/// `with tcp reset`, `with icmpx admin-prohibited`.
fn reject(words: &mut Words<'_>) -> Result<RejectWith, Fault> {
    if !words.take_if("with") {
        return Ok(RejectWith::Icmpx(1));
    }
    let word = words.take("`icmp`, `icmpv6`, `icmpx` or `tcp reset`")?;
    let (known, with): (_, fn(u8) -> RejectWith) = match word.text {
        "tcp" => return words.expect("reset").map(|()| RejectWith::TcpReset),
        "icmp" => (symbol::ICMP_CODES, RejectWith::Icmp),
        "icmpv6" => (symbol::ICMPV6_CODES, RejectWith::Icmpv6),
        "icmpx" => (symbol::ICMPX_CODES, RejectWith::Icmpx),
        text => {
            return Err(word.fault(format!("`{text}` is no answer"), "write icmp, icmpv6, icmpx or tcp reset"));
        }
    };
    words.take_if("type");
    let word = words.take("a code")?;
    let code = known.iter().find(|(_, name)| *name == word.text).and_then(|(code, _)| u8::try_from(*code).ok());
    code.map(with).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        word.fault(format!("`{}` is no code of this", word.text), format!("write one of {}", names.join(", ")))
    })
}

/// `flags bypass,fanout to 0-3`, `num 0-3 bypass`, or nothing for the first queue.
fn queue(words: &mut Words<'_>) -> Result<Queue, Fault> {
    let mut queue = Queue { first: 0, last: 0, bypass: false, fanout: false };
    if words.take_if("flags") {
        queue_flags(words, &mut queue)?;
    }
    let Some(said) = words.peek().copied() else { return sound(queue, None) };
    if !words.take_if("to") && !words.take_if("num") {
        return Err(said.fault(format!("`{}` cannot follow `queue`", said.text), "write `to NUMBER` or `to LOW-HIGH`"));
    }
    let word = words.take("a queue")?;
    let (first, last) = word.text.split_once('-').unwrap_or((word.text, word.text));
    let number = |text| super::words::number_of(text).and_then(|number| u16::try_from(number).ok());
    (queue.first, queue.last) = number(first).zip(number(last)).ok_or_else(|| {
        word.fault(format!("`{}` is no queue", word.text), "write a number from 0 to 65535, or LOW-HIGH")
    })?;
    if said.text == "num" && words.peek().is_some_and(|word| ["bypass", "fanout"].contains(&word.text)) {
        queue_flags(words, &mut queue)?;
    }
    sound(queue, Some(word))
}

/// `bypass,fanout`.
fn queue_flags(words: &mut Words<'_>, queue: &mut Queue) -> Result<(), Fault> {
    loop {
        let word = words.take("`bypass` or `fanout`")?;
        match word.text {
            "bypass" => queue.bypass = true,
            "fanout" => queue.fanout = true,
            text => return Err(word.fault(format!("`{text}` is no flag of `queue`"), "write bypass, fanout or both")),
        }
        if !words.take_if(",") {
            return Ok(());
        }
    }
}

fn sound(queue: Queue, word: Option<Word<'_>>) -> Result<Queue, Fault> {
    match (queue.n_queues(), word) {
        (Some(_), _) => Ok(queue),
        (None, Some(word)) => {
            let help = "write LOW-HIGH, not all queues at once; fanout needs more than one";
            Err(word.fault(format!("`{}` is no range of queues for this", word.text), help))
        }
        (None, None) => Err(Fault {
            place: 0..0,
            message: "fanout chooses among several queues".to_owned(),
            help: "write `to LOW-HIGH` behind it".to_owned(),
        }),
    }
}

/// `prefix "…" level info flags all`, `prefix "…" group 2`.
fn log(words: &mut Words<'_>, word: &Word<'_>) -> Result<Log, Fault> {
    let mut log = Log::default();
    let number_16 = |word: &Word<'_>, what: &str| {
        number(word, what, u64::from(u16::MAX)).map(|number| u16::try_from(number).unwrap_or(u16::MAX))
    };
    loop {
        if words.take_if("prefix") {
            let word = words.take("a prefix")?;
            if word.text.len() > render::LOG_PREFIX_MAX {
                let help = format!("write at most {} bytes", render::LOG_PREFIX_MAX);
                return Err(word.fault("this prefix is too long", help));
            }
            if word.text.chars().any(|letter| logging::writable(letter) != letter) {
                return Err(word.fault("this prefix cannot be listed", "leave out `$` and control characters"));
            }
            log.prefix = Some(word.text.into());
        } else if words.take_if("level") {
            log.level = level(&words.take("a level")?)?;
        } else if words.take_if("group") {
            log.group = Some(number_16(&words.take("a number")?, "group")?);
        } else if words.take_if("snaplen") {
            log.snaplen = Some(number_32(&words.take("a number")?, "number of bytes")?);
        } else if words.take_if("queue-threshold") {
            log.queue_threshold = Some(number_16(&words.take("a number")?, "number of packets")?);
        } else if words.take_if("flags") {
            log.flags |= log_flags(words)?;
        } else {
            break;
        }
    }
    // The kernel writes its own log, or hands packets to a group.
    let of_log = log.level.is_some() || log.flags != 0;
    let of_group = log.snaplen.is_some() || log.queue_threshold.is_some();
    if (log.group.is_some() && of_log) || (log.group.is_none() && of_group) {
        let help = "level and flags are for the kernel's log; snaplen and queue-threshold for a group";
        return Err(word.fault("options of this `log` exclude each other", help));
    }
    if log.level == Some(LogLevel::Audit) && (log.prefix.is_some() || log.flags != 0) {
        return Err(word.fault("`log level audit` has no prefix and no flags", "leave them out"));
    }
    Ok(log)
}

/// nft's default, warn, is left out, as nft leaves it out.
fn level(word: &Word<'_>) -> Result<Option<LogLevel>, Fault> {
    match LogLevel::ALL.iter().find(|level| render::log_level(**level) == word.text) {
        Some(LogLevel::Warn) => Ok(None),
        Some(level) => Ok(Some(*level)),
        None => {
            let names: Vec<&str> = LogLevel::ALL.iter().map(|level| render::log_level(*level)).collect();
            Err(word.fault(format!("`{}` is no level", word.text), format!("write one of {}", names.join(", "))))
        }
    }
}

/// Bits of `NF_LOG_*`.
fn log_flags(words: &mut Words<'_>) -> Result<u32, Fault> {
    const FLAGS: [(&str, u32); 4] = [("skuid", 8), ("ether", 32), ("ip options", 4), ("all", 0x2f)];
    if let Some((_, bits)) = FLAGS.iter().find(|(phrase, _)| words.take_phrase(phrase)) {
        return Ok(*bits);
    }
    let help = "write tcp sequence, tcp options, ip options, skuid, ether or all";
    let word = words.take("a flag")?;
    if word.text != "tcp" {
        return Err(word.fault(format!("`{}` is no flag of `log`", word.text), help));
    }
    let mut bits = 0;
    loop {
        let word = words.take("`sequence` or `options`")?;
        bits |= match word.text {
            "sequence" => 1,
            "options" => 2,
            text => return Err(word.fault(format!("`tcp {text}` is no flag of `log`"), help)),
        };
        if !words.take_if(",") {
            return Ok(bits);
        }
    }
}
