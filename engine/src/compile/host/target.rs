//! From an action to the expressions that end a rule.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, ChainPolicy, Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::{Effect, Ip};
use super::code::{DOUBTFUL, OPERAND, PLACE, Refusal, UNKNOWN_CHAIN, UNSUPPORTED, refuse, suggestion};
use super::matching::Context;
use super::operand::{bounded, words};
use super::transport::{Protocols, TCP};
use super::{marking, translation};
use crate::ruleset::{Expr, Hook, Log, LogLevel, RejectWith, Verdict};

/// What a rule does once it matches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Statement {
    pub(super) exprs: Vec<Expr>,
    pub(super) effect: Effect,
}

/// Longest prefix that iptables' LOG keeps, in bytes.
const LOG_PREFIX_MAX: usize = 29;

/// Longest prefix that iptables' NFLOG keeps, in bytes.
const NFLOG_PREFIX_MAX: usize = 63;

/// Reads an action. Warnings go to `findings`.
pub(super) fn read(
    action: &Action,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Statement, Refusal> {
    match action {
        Action::Accept => Ok(verdict(Verdict::Accept)),
        Action::Drop => dropped(context),
        Action::Return => Ok(returned(context)),
        Action::Nop => Ok(Statement { exprs: Vec::new(), effect: Effect::Continues }),
        Action::Jump(word) => jump(word, context),
        Action::Goto(word) => goto(word, context),
        Action::Target { name, options, span } => target(name, options, *span, context, findings),
    }
}

/// Whether a rule that was refused has to be replaced by a drop, because without it something could pass.
pub(super) fn holds_back(action: &Action) -> bool {
    match action {
        Action::Accept | Action::Nop => false,
        Action::Drop | Action::Return | Action::Goto(_) => true,
        Action::Jump(word) => &*word.text != "ACCEPT",
        Action::Target { name, options: _, span: _ } => !matches!(
            *name,
            "LOG"
                | "NFLOG"
                | "DNAT"
                | "SNAT"
                | "MASQUERADE"
                | "REDIRECT"
                | "TCPMSS"
                | "DSCP"
                | "TOS"
                | "CHECKSUM"
                | "TRACE"
        ),
    }
}

fn verdict(verdict: Verdict) -> Statement {
    Statement { exprs: vec![Expr::Verdict(verdict)], effect: Effect::Final }
}

fn dropped(context: Context<'_>) -> Result<Statement, Refusal> {
    if context.scope.table == Table::Nat {
        let message = "DROP is not allowed in table nat";
        return Err(refuse(PLACE, context.rule.span, message, "drop the packet in table filter or mangle"));
    }
    Ok(verdict(Verdict::Drop))
}

/// In a built-in chain RETURN means the chain's policy, which is a rule here: the chain's own policy accepts.
fn returned(context: Context<'_>) -> Statement {
    match context.scope.policy {
        Some(ChainPolicy::Drop) => verdict(Verdict::Drop),
        Some(ChainPolicy::Accept) | None => verdict(Verdict::Return),
    }
}

fn jump(word: &Word, context: Context<'_>) -> Result<Statement, Refusal> {
    match &*word.text {
        "ACCEPT" => return Ok(verdict(Verdict::Accept)),
        "DROP" => return dropped(context),
        "RETURN" => return Ok(returned(context)),
        "REJECT" => return reject(&[], word.span, context),
        _ => {}
    }
    let callee = context.scope.callee(word)?;
    Ok(Statement { exprs: vec![Expr::Verdict(Verdict::Jump(callee.name.clone()))], effect: Effect::Continues })
}

fn goto(word: &Word, context: Context<'_>) -> Result<Statement, Refusal> {
    if ["ACCEPT", "DROP", "RETURN", "REJECT"].contains(&&*word.text) {
        return jump(word, context);
    }
    let callee = context.scope.callee(word)?;
    let name = callee.with_policy.as_ref().unwrap_or(&callee.name);
    Ok(verdict(Verdict::Goto(name.clone())))
}

fn target(
    name: &str,
    options: &[TargetOption],
    span: Span,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Statement, Refusal> {
    let continues = |exprs| Ok(Statement { exprs, effect: Effect::Continues });
    match name {
        "REJECT" => reject(options, span, context),
        "LOG" => continues(vec![log(options, findings)?]),
        "NFLOG" => continues(vec![nflog(options, findings)?]),
        "NOTRACK" => notrack(options, span, context),
        "MARK" => continues(vec![marking::packet(options, span, context)?]),
        "CONNMARK" => continues(vec![marking::connection(options, span, context, findings)?]),
        "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" => {
            let exprs = vec![translation::read(name, options, span, context, findings)?];
            Ok(Statement { exprs, effect: Effect::Final })
        }
        _ => {
            const KNOWN: [&str; 10] =
                ["REJECT", "LOG", "NFLOG", "NOTRACK", "MARK", "CONNMARK", "DNAT", "SNAT", "MASQUERADE", "REDIRECT"];
            let otherwise = match name {
                "TCPMSS" => "clamp the segment size in a rule of nft's own beside this table",
                "CT" => "NOTRACK is lowered; helpers and zones are not",
                _ => "leave the rule out, or keep it in a table of its own beside this one",
            };
            let help = suggestion(name, KNOWN.into_iter(), otherwise);
            Err(refuse(UNSUPPORTED, span, format!("the target `{name}` has no form in nftables here"), help))
        }
    }
}

/// The option of a target that is none of those it has.
pub(super) fn unknown_option(option: &TargetOption, target: &str) -> Refusal {
    let message = format!("`{}` of {target} has no form in nftables here", option.keyword);
    refuse(UNSUPPORTED, option.span, message, "leave the option out")
}

/// The one word of an option.
pub(super) fn value(option: &TargetOption) -> Result<&Word, Refusal> {
    match words(&option.operands) {
        [word] => Ok(word),
        _ => {
            let message = format!("`{}` takes one value", option.keyword);
            Err(refuse(OPERAND, option.span, message, "write one value"))
        }
    }
}

/// Refuses a target outside of the tables and hooks that have it.
pub(super) fn place(
    name: &str,
    span: Span,
    context: Context<'_>,
    tables: &[Table],
    hooks: &[Hook],
) -> Result<(), Refusal> {
    if !tables.contains(&context.scope.table) {
        let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
        let message = format!("{name} is not allowed in table {}", context.scope.table);
        return Err(refuse(PLACE, span, message, format!("write the rule in table {}", names.join(" or "))));
    }
    match context.scope.hooks.iter().find(|hook| !hooks.contains(hook)) {
        None => Ok(()),
        Some(hook) => {
            let names: Vec<String> = hooks.iter().map(|hook| hook.to_string().to_uppercase()).collect();
            let message = format!("{name} is not possible in {hook}, which reaches chain {}", context.scope.chain);
            Err(refuse(PLACE, span, message, format!("write the rule in chain {}", names.join(" or "))))
        }
    }
}

/// `(name, short name, code)` of ICMP's destination unreachable.
const REJECTIONS_V4: &[(&str, &str, u8)] = &[
    ("icmp-net-unreachable", "net-unreach", 0),
    ("icmp-host-unreachable", "host-unreach", 1),
    ("icmp-proto-unreachable", "proto-unreach", 2),
    ("icmp-port-unreachable", "port-unreach", 3),
    ("icmp-net-prohibited", "net-prohib", 9),
    ("icmp-host-prohibited", "host-prohib", 10),
    ("icmp-admin-prohibited", "admin-prohib", 13),
];

/// The same for ICMPv6, and what ferm turns the names of IPv4 into.
const REJECTIONS_V6: &[(&str, &str, u8)] = &[
    ("icmp6-no-route", "no-route", 0),
    ("icmp6-adm-prohibited", "adm-prohibited", 1),
    ("icmp6-addr-unreachable", "addr-unreach", 3),
    ("icmp6-port-unreachable", "port-unreach", 4),
    ("icmp6-policy-fail", "policy-fail", 5),
    ("icmp6-reject-route", "reject-route", 6),
    ("icmp-net-unreachable", "net-unreach", 0),
    ("icmp-host-unreachable", "host-unreach", 3),
    ("icmp-port-unreachable", "icmp-port-unreachable", 4),
    ("icmp-net-prohibited", "net-prohib", 1),
    ("icmp-host-prohibited", "host-prohib", 1),
    ("icmp-admin-prohibited", "admin-prohib", 1),
];

fn reject(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    const HOOKS: [Hook; 4] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output];
    place("REJECT", span, context, &[Table::Filter], &HOOKS)?;
    let (default, table): (_, &[_]) = match context.scope.ip {
        Ip::V4 => (RejectWith::Icmp(3), REJECTIONS_V4),
        Ip::V6 => (RejectWith::Icmpv6(4), REJECTIONS_V6),
    };
    let mut with = default;
    for option in options {
        if option.keyword != "reject-with" {
            return Err(unknown_option(option, "REJECT"));
        }
        let word = value(option)?;
        if ["tcp-reset", "tcp-rst"].contains(&&*word.text) {
            if *context.protocols != Protocols::Of(vec![TCP]) {
                let message = "`tcp-reset` needs TCP";
                return Err(refuse(PLACE, word.span, message, "add `proto tcp` to the rule"));
            }
            with = RejectWith::TcpReset;
            continue;
        }
        let Some((_, _, code)) = table.iter().find(|(long, short, _)| [*long, *short].contains(&&*word.text)) else {
            let names = table.iter().map(|(long, _, _)| *long).chain(["tcp-reset"]);
            let help = suggestion(&word.text, names, "write icmp-port-unreachable, icmp-admin-prohibited or tcp-reset");
            let message = format!("`{}` is no answer in domain {}", word.text, context.scope.domain());
            return Err(refuse(OPERAND, word.span, message, help));
        };
        with = match context.scope.ip {
            Ip::V4 => RejectWith::Icmp(*code),
            Ip::V6 => RejectWith::Icmpv6(*code),
        };
    }
    Ok(Statement { exprs: vec![Expr::Reject(with)], effect: Effect::Final })
}

/// The one answer that is the first for IPv4 and the second for IPv6.
pub(super) fn reject_both(v4: RejectWith, v6: RejectWith) -> Option<RejectWith> {
    match (v4, v6) {
        (RejectWith::TcpReset, RejectWith::TcpReset) => Some(RejectWith::TcpReset),
        (RejectWith::Icmp(0), RejectWith::Icmpv6(0)) => Some(RejectWith::Icmpx(0)),
        (RejectWith::Icmp(3), RejectWith::Icmpv6(4)) => Some(RejectWith::Icmpx(1)),
        (RejectWith::Icmp(1), RejectWith::Icmpv6(3)) => Some(RejectWith::Icmpx(2)),
        (RejectWith::Icmp(13), RejectWith::Icmpv6(1)) => Some(RejectWith::Icmpx(3)),
        (
            RejectWith::TcpReset | RejectWith::Icmp(_) | RejectWith::Icmpv6(_) | RejectWith::Icmpx(_),
            RejectWith::TcpReset | RejectWith::Icmp(_) | RejectWith::Icmpv6(_) | RejectWith::Icmpx(_),
        ) => None,
    }
}

fn log(options: &[TargetOption], findings: &mut Vec<Diagnostic>) -> Result<Expr, Refusal> {
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

fn nflog(options: &[TargetOption], findings: &mut Vec<Diagnostic>) -> Result<Expr, Refusal> {
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

fn prefix(word: &Word, max: usize, findings: &mut Vec<Diagnostic>) -> Box<str> {
    let text = &*word.text;
    if text.len() <= max {
        return text.into();
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let kept = text.get(..end).unwrap_or("");
    findings.push(
        Diagnostic::warning(DOUBTFUL, word.span, format!("the prefix is cut to {max} bytes: `{kept}`"))
            .help("iptables cuts it too; write a shorter one"),
    );
    kept.into()
}

/// nft's default, warning, is left out.
fn level(word: &Word) -> Result<Option<LogLevel>, Refusal> {
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

fn notrack(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    place("NOTRACK", span, context, &[Table::Raw], &[Hook::Prerouting, Hook::Output])?;
    match options.first() {
        Some(option) => Err(unknown_option(option, "NOTRACK")),
        None => Ok(Statement { exprs: vec![Expr::Notrack], effect: Effect::Continues }),
    }
}

/// The refusal of a jump to a chain that does not exist.
pub(super) fn unknown_chain<'a>(word: &Word, context: &str, chains: impl Iterator<Item = &'a str>) -> Refusal {
    let message = format!("chain `{}` is not defined in {context}", word.text);
    refuse(
        UNKNOWN_CHAIN,
        word.span,
        message,
        suggestion(&word.text, chains, "define the chain in this table and domain"),
    )
}
