//! From an action to the expressions that end a rule.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, ChainPolicy, HostRule, Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::{Effect, Object};
use super::code::{PLACE, Refusal, UNKNOWN_CHAIN, refuse, suggestion};
use super::matching::Context;
use super::operand::only;
use super::{
    copy, ipset, logging, marking, nft, proxy, queue, refusal, reject, rewriting, segment, tracking, translation,
};
use crate::ruleset::{Expr, Hook, Verdict};

/// Every hook.
pub(super) const EVERYWHERE: [Hook; 5] =
    [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

/// What a rule does once it matches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Statement {
    pub(super) exprs: Vec<Expr>,
    pub(super) uses: Option<Object>,
    pub(super) effect: Effect,
}

impl Statement {
    /// These expressions, after which the packet goes on.
    pub(super) fn continuing(exprs: Vec<Expr>) -> Self {
        Self { exprs, uses: None, effect: Effect::Continues }
    }

    /// The same with something of the table's that it uses.
    pub(super) fn using(object: Object) -> Self {
        Self { uses: Some(object), ..Self::continuing(Vec::new()) }
    }
}

/// Reads what a rule does. Warnings go to `findings`.
pub(super) fn read(context: Context<'_>, findings: &mut Vec<Diagnostic>) -> Result<Statement, Refusal> {
    nft::with_text(read_action(&context.rule.action, context, findings)?, context)
}

/// Reads an action.
pub(super) fn read_action(
    action: &Action,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Statement, Refusal> {
    match action {
        Action::Accept => Ok(verdict(Verdict::Accept)),
        Action::Drop => dropped(context),
        Action::Return => Ok(returned(context.scope.policy)),
        Action::Nop => Ok(Statement::continuing(Vec::new())),
        Action::Jump(word) => jump(word, context),
        Action::Goto(word) => goto(word, context),
        Action::Target { name, options, span } => target(name, options, *span, context, findings),
    }
}

/// Whether a rule that was refused has to be replaced by a drop, because without it something could pass.
pub(super) fn holds_back(rule: &HostRule) -> bool {
    match &rule.action {
        Action::Nop if nft::holds_back(rule) => true,
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
                | "TTL"
                | "HL"
                | "CHECKSUM"
                | "TRACE"
                | "AUDIT"
                | "ULOG"
                | "LED"
                | "RATEEST"
                | "IDLETIMER"
                | "CLASSIFY"
                | "TEE"
                | "NETMAP"
                | "SAME"
                | "BALANCE"
                | "SNPT"
                | "DNPT"
                | "TCPOPTSTRIP"
                | "dnat"
                | "snat"
                | "redirect"
        ),
    }
}

/// This verdict, after which the packet does not go on.
pub(super) fn verdict(verdict: Verdict) -> Statement {
    Statement { exprs: vec![Expr::Verdict(verdict)], uses: None, effect: Effect::Final }
}

fn dropped(context: Context<'_>) -> Result<Statement, Refusal> {
    if context.scope.table == Table::Nat {
        let message = "DROP is not allowed in table nat";
        return Err(refuse(PLACE, context.rule.span, message, "drop the packet in table filter or mangle"));
    }
    Ok(verdict(Verdict::Drop))
}

/// In a built-in chain RETURN means the chain's policy, which is a rule here: the chain's own policy accepts.
pub(super) fn returned(policy: Option<ChainPolicy>) -> Statement {
    match policy {
        // The last two are refused, and the chain drops instead.
        Some(ChainPolicy::Drop | ChainPolicy::Queue | ChainPolicy::Return) => verdict(Verdict::Drop),
        Some(ChainPolicy::Accept) | None => verdict(Verdict::Return),
    }
}

fn jump(word: &Word, context: Context<'_>) -> Result<Statement, Refusal> {
    match &*word.text {
        "ACCEPT" => return Ok(verdict(Verdict::Accept)),
        "DROP" => return dropped(context),
        "RETURN" => return Ok(returned(context.scope.policy)),
        "REJECT" => return reject::reject(&[], word.span, context),
        _ => {}
    }
    let callee = context.scope.callee(word, context.rule)?;
    Ok(Statement::continuing(vec![Expr::Verdict(Verdict::Jump(callee.name.clone()))]))
}

fn goto(word: &Word, context: Context<'_>) -> Result<Statement, Refusal> {
    if ["ACCEPT", "DROP", "RETURN", "REJECT"].contains(&&*word.text) {
        return jump(word, context);
    }
    let callee = context.scope.callee(word, context.rule)?;
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
    let continues = |exprs| Ok(Statement::continuing(exprs));
    match name {
        "REJECT" => reject::reject(options, span, context),
        "LOG" => continues(vec![logging::log(options, findings)?]),
        "NFLOG" => continues(vec![logging::nflog(options, findings)?]),
        "AUDIT" => continues(vec![logging::audit(options, span)?]),
        "NOTRACK" => tracking::notrack(options, span, context),
        "CT" => tracking::connection(options, span, context),
        "MARK" => continues(vec![marking::packet(options, span, context)?]),
        "CONNMARK" => marking::connection(options, span, context, findings),
        "TCPMSS" => continues(vec![segment::size(options, span, context)?]),
        "CLASSIFY" => continues(vec![marking::class(options, span, context)?]),
        "TRACE" => continues(vec![marking::trace(options, span, context)?]),
        "TEE" => copy::read(options, span, context),
        "TPROXY" => proxy::transparent(options, span, context),
        "SYNPROXY" => proxy::handshake(options, span, context),
        "TCPOPTSTRIP" => proxy::strip(options, span, context),
        "NFQUEUE" => queue::read(options, span),
        "QUEUE" => queue::first(options),
        "DSCP" => rewriting::class(options, span, context),
        "TOS" => rewriting::service(options, span, context),
        "TTL" => rewriting::hops("TTL", options, span, context),
        "HL" => rewriting::hops("HL", options, span, context),
        "SET" => ipset::target(options, span, context),
        "NETMAP" => {
            let exprs = vec![translation::network(options, span, context)?];
            Ok(Statement { exprs, uses: None, effect: Effect::Final })
        }
        "DNAT" | "SNAT" | "MASQUERADE" | "REDIRECT" => {
            let exprs = vec![translation::read(name, options, span, context, findings)?];
            Ok(Statement { exprs, uses: None, effect: Effect::Final })
        }
        _ => Err(refusal::of_target(name, span)),
    }
}

/// The option of a target that is none of those it has.
pub(super) fn unknown_option(option: &TargetOption, target: &str) -> Refusal {
    refusal::of_option(option, target)
}

/// The one word of an option.
pub(super) fn value(option: &TargetOption) -> Result<&Word, Refusal> {
    only(option.keyword, &option.operands, option.span)
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
