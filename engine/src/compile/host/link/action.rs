//! What rules of `domain arp` and `domain eb` do.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Action, HostRule, TargetOption, Word};
use policy_lang::source::Span;

use super::{Link, Scope};
use crate::compile::host::chains;
use crate::compile::host::code::{OPERAND, Refusal, UNSUPPORTED, refuse};
use crate::compile::host::logging;
use crate::compile::host::operand::{bounded, words};
use crate::compile::host::target::{Statement, returned, unknown_chain, unknown_option, value, verdict};
use crate::ruleset::{Assign, AssignTarget, Expr, Log, LogLevel, Verdict};

/// Reads the action of a rule.
pub(super) fn read(rule: &HostRule, scope: Scope<'_>, findings: &mut Vec<Diagnostic>) -> Result<Statement, Refusal> {
    let logged = log(rule, findings)?;
    let mut statement = act(rule, scope)?;
    statement.exprs.splice(0..0, logged);
    Ok(statement)
}

fn act(rule: &HostRule, scope: Scope<'_>) -> Result<Statement, Refusal> {
    match &rule.action {
        Action::Accept => Ok(verdict(Verdict::Accept)),
        Action::Drop => Ok(verdict(Verdict::Drop)),
        Action::Return => Ok(returned(scope.policy)),
        Action::Nop => Ok(Statement::continuing(Vec::new())),
        Action::Jump(word) => jump(word, scope),
        Action::Goto(word) => {
            let message = format!("domain {} has no `goto`", scope.link.domain());
            Err(refuse(UNSUPPORTED, word.span, message, "write `jump`, and a rule that ends after it"))
        }
        Action::Target { name: "mark", options, span } => mark(options, *span, scope),
        Action::Target { name, span, .. } => Err(refused(name, *span)),
    }
}

/// ebtables' log, which goes along with whatever else a rule does.
fn log(rule: &HostRule, findings: &mut Vec<Diagnostic>) -> Result<Option<Expr>, Refusal> {
    /// `NF_LOG_MACDECODE`: with the frame's header.
    const HEADER: u32 = 32;
    // Its level unless one is given.
    let mut log = Log { level: Some(LogLevel::Notice), flags: HEADER, ..Log::default() };
    let mut is_wanted = false;
    for found in rule.matches.iter().filter(|found| found.module.is_none()) {
        match (found.keyword, words(&found.operands).first()) {
            ("log" | "log-ip" | "log-arp", _) => {}
            ("log-level", Some(word)) => log.level = logging::level(word)?,
            ("log-prefix", Some(word)) => log.prefix = Some(logging::prefix(word, logging::LOG_PREFIX_MAX, findings)),
            _ => continue,
        }
        is_wanted = true;
    }
    Ok(is_wanted.then_some(Expr::Log(log)))
}

/// `MARK set-mark NUMBER`, which accepts unless `mark-target` says something else.
fn mark(options: &[TargetOption], span: Span, scope: Scope<'_>) -> Result<Statement, Refusal> {
    let mut bits = None;
    let mut after = verdict(Verdict::Accept);
    for option in options {
        let word = value(option)?;
        match option.keyword {
            "set-mark" => bits = Some(bounded(word, "mark", u32::MAX)?),
            "mark-target" => {
                after = match &*word.text {
                    "ACCEPT" => verdict(Verdict::Accept),
                    "DROP" => verdict(Verdict::Drop),
                    "CONTINUE" => Statement::continuing(Vec::new()),
                    "RETURN" if scope.hook.is_none() => verdict(Verdict::Return),
                    _ => {
                        let message = format!("`{}` is no verdict here", word.text);
                        return Err(refuse(OPERAND, word.span, message, "write ACCEPT, DROP or CONTINUE"));
                    }
                }
            }
            _ => return Err(unknown_option(option, "MARK")),
        }
    }
    let Some(xor) = bits else {
        return Err(refuse(OPERAND, span, "MARK sets no mark", "write `MARK set-mark NUMBER`"));
    };
    let assign = Assign { target: AssignTarget::Mark, source: AssignTarget::Mark, mask: 0, xor };
    after.exprs.insert(0, Expr::Assign(assign));
    Ok(after)
}

fn refused(name: &str, span: Span) -> Refusal {
    let message = format!("the target `{name}` has no form in nftables here");
    let help = match name {
        "dnat" | "redirect" => {
            "nftables does not say whom a frame with another address is for: set the address by tc, or route"
        }
        "snat" => "let the bridge's neighbours see its own address: set the port's address by `ip link set … address`",
        "arpreply" => "let the kernel answer: `ip neigh add proxy ADDRESS dev INTERFACE`",
        _ => "keep the rule in a table of its own beside this one",
    };
    refuse(UNSUPPORTED, span, message, help)
}

fn jump(word: &Word, scope: Scope<'_>) -> Result<Statement, Refusal> {
    match &*word.text {
        "ACCEPT" => return Ok(verdict(Verdict::Accept)),
        "DROP" => return Ok(verdict(Verdict::Drop)),
        "RETURN" => return Ok(returned(scope.policy)),
        "CONTINUE" if scope.link == Link::Bridge => return Ok(Statement::continuing(Vec::new())),
        _ => {}
    }
    let Scope { link, table, chain, .. } = scope;
    if scope.loops.contains(&(chain.into(), std::sync::Arc::clone(&word.text))) {
        return Err(chains::circular(chain, word));
    }
    let Some(callee) = scope.callees.get(&word.text) else {
        let place = format!("table {table} of domain {}", link.domain());
        if link.built_in(table, &word.text).is_some() {
            return Err(chains::built_in(word, &place));
        }
        return Err(unknown_chain(word, &place, scope.callees.keys().map(|name| &**name)));
    };
    let levels = 1 + callee.height;
    if scope.hook.is_some() && levels > scope.depth_max {
        return Err(chains::too_deep(word, levels, scope.depth_max));
    }
    Ok(Statement::continuing(vec![Expr::Verdict(Verdict::Jump(callee.name.clone()))]))
}
