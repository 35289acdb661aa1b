//! LOG and NFLOG.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{TargetOption, Word};
use policy_lang::source::Span;

use super::code::{DOUBTFUL, OPERAND, Refusal, refuse, suggestion};
use super::operand::bounded;
use super::target::{unknown_option, value};
use crate::ruleset::{Expr, Log, LogLevel};

/// Longest prefix that iptables' LOG keeps, in bytes.
pub(super) const LOG_PREFIX_MAX: usize = 29;

/// Longest prefix that iptables' NFLOG keeps, in bytes.
const NFLOG_PREFIX_MAX: usize = 63;

/// `LOG`.
pub(super) fn log(options: &[TargetOption], findings: &mut Vec<Diagnostic>) -> Result<Expr, Refusal> {
    let mut log = Log::default();
    for option in options {
        match option.keyword {
            "log-prefix" => log.prefix = Some(prefix(value(option)?, LOG_PREFIX_MAX, findings)),
            "log-level" => log.level = level(value(option)?)?,
            "log-tcp-sequence" => log.flags |= 1,
            "log-tcp-options" => log.flags |= 2,
            "log-ip-options" => log.flags |= 4,
            "log-uid" => log.flags |= 8,
            _ => return Err(unknown_option(option, "LOG")),
        }
    }
    Ok(Expr::Log(log))
}

/// `NFLOG`.
pub(super) fn nflog(options: &[TargetOption], findings: &mut Vec<Diagnostic>) -> Result<Expr, Refusal> {
    let mut log = Log { group: Some(0), ..Log::default() };
    for option in options {
        let word = value(option)?;
        let number = |what| bounded(word, what, u32::from(u16::MAX)).map(|number| u16::try_from(number).unwrap_or(0));
        match option.keyword {
            "nflog-group" => log.group = Some(number("NFLOG group")?),
            "nflog-prefix" => log.prefix = Some(prefix(word, NFLOG_PREFIX_MAX, findings)),
            "nflog-threshold" => log.queue_threshold = Some(number("threshold")?),
            "nflog-range" => findings.push(
                Diagnostic::warning(
                    DOUBTFUL,
                    option.span,
                    "`nflog-range` has no effect: whole packets are handed over",
                )
                .help("Linux ignores it; leave it out"),
            ),
            _ => return Err(unknown_option(option, "NFLOG")),
        }
    }
    Ok(Expr::Log(log))
}

/// `AUDIT`. What its type says appears in no record.
pub(super) fn audit(options: &[TargetOption], span: Span) -> Result<Expr, Refusal> {
    const TYPES: [&str; 3] = ["accept", "drop", "reject"];
    let mut is_typed = false;
    for option in options {
        let word = match option.keyword {
            "type" => value(option)?,
            _ => return Err(unknown_option(option, "AUDIT")),
        };
        if !TYPES.contains(&&*word.text) {
            let message = format!("`{}` is no type of record", word.text);
            return Err(refuse(OPERAND, word.span, message, "write accept, drop or reject"));
        }
        is_typed = true;
    }
    if !is_typed {
        return Err(refuse(OPERAND, span, "AUDIT has no type, and iptables refuses it", "AUDIT type accept"));
    }
    Ok(Expr::Log(Log { level: Some(LogLevel::Audit), ..Log::default() }))
}

/// The prefix as both ways into the kernel can carry it: cut as iptables cuts it, and without what nft's text has no
/// notation for.
pub(super) fn prefix(word: &Word, max: usize, findings: &mut Vec<Diagnostic>) -> Box<str> {
    let text = &*word.text;
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let kept = text.get(..end).unwrap_or("");
    if kept.len() < text.len() {
        findings.push(
            Diagnostic::warning(DOUBTFUL, word.span, format!("the prefix is cut to {max} bytes: `{kept}`"))
                .help("iptables cuts it too; write a shorter one"),
        );
    }
    let writable: String = kept.chars().map(writable).collect();
    if writable != kept {
        findings.push(
            Diagnostic::warning(DOUBTFUL, word.span, format!("the prefix is written as `{writable}`"))
                .help("nft has no notation for quotes, `$` and control characters in a log prefix"),
        );
    }
    writable.into()
}

pub(super) fn writable(character: char) -> char {
    match character {
        '"' => '\'',
        '$' => '_',
        c if c.is_control() => ' ',
        c => c,
    }
}

/// nft's default, warning, is left out.
pub(super) fn level(word: &Word) -> Result<Option<LogLevel>, Refusal> {
    const LEVELS: &[(&str, &str, LogLevel)] = &[
        ("emerg", "panic", LogLevel::Emerg),
        ("alert", "1", LogLevel::Alert),
        ("crit", "2", LogLevel::Crit),
        ("err", "error", LogLevel::Err),
        ("warning", "warn", LogLevel::Warn),
        ("notice", "5", LogLevel::Notice),
        ("info", "6", LogLevel::Info),
        ("debug", "7", LogLevel::Debug),
    ];
    let text = word.text.to_ascii_lowercase();
    let by_number = text.parse::<usize>().ok().and_then(|number| LEVELS.get(number));
    let found = by_number.or_else(|| LEVELS.iter().find(|(name, other, _)| [*name, *other].contains(&&*text)));
    match found {
        Some((_, _, LogLevel::Warn)) => Ok(None),
        Some((_, _, level)) => Ok(Some(*level)),
        None => {
            let help = suggestion(&text, LEVELS.iter().map(|(name, _, _)| *name), "write a level from emerg to debug");
            Err(refuse(OPERAND, word.span, format!("`{}` is no log level", word.text), help))
        }
    }
}
