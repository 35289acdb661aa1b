//! The fixes that accept something first of all in a chain, and that close one.

use policy_lang::diagnostic::Fix;
use policy_lang::host::rule::{Domain, HostChain, HostRule, HostRules};
use policy_lang::source::{Sources, Span};

use crate::lint::host::matching::{self, accepts};
use crate::lint::host::removing::begins_statement;

/// Writes a rule behind the policy of a chain; nothing where no policy stands at the place, or another kind of statement.
///
/// The rule is asked before all others, so it may open what one of them closes: never a safe fix.
pub(crate) fn fix(rule: &str, policy: Span, sources: &Sources) -> Option<Fix> {
    let text = sources.text(policy.source);
    let written = text.get(policy.start as usize..policy.end as usize)?;
    let rest = text.get(policy.end as usize..)?;
    let end = match (written.ends_with(';'), rest.find(';')) {
        (true, _) => 0,
        (false, Some(at)) if rest.get(..at)?.trim().is_empty() => at + 1,
        (false, _) => return None,
    };
    // `chain INPUT policy DROP;` has no block to write into.
    let before = text.get(..policy.start as usize)?;
    let before = before.trim_end().strip_suffix("policy").unwrap_or(before);
    if !begins_statement(before) {
        return None;
    }
    let line = before.rsplit('\n').next().filter(|line| line.trim().is_empty());
    let gap = line.map_or_else(|| " ".to_owned(), |indent| format!("\n{indent}"));
    let at = policy.end + u32::try_from(end).ok()?;
    Some(Fix::risky(format!("begin with `{rule}`"), Span { start: at, end: at, ..policy }, format!("{gap}{rule}")))
}

/// Gives a chain the policy DROP, and the rules before it without which a closed chain cuts everything off.
pub(crate) fn closed(rules: &HostRules, chain: &HostChain, sources: &Sources) -> Option<Fix> {
    let of_text: Vec<_> = rules.chains.iter().filter(|other| other.span == chain.span).collect();
    let lacks = |is_it: &dyn Fn(&HostRule) -> bool| of_text.iter().any(|chain| !accepts(rules, chain, is_it));
    let mut needed = Vec::new();
    if lacks(&matching::is_of_established) {
        needed.push("mod state state (ESTABLISHED RELATED) ACCEPT;");
    }
    if chain.name.as_ref() == "INPUT" {
        if lacks(&matching::is_of_loopback) {
            needed.push("interface lo ACCEPT;");
        }
        let of_v6 = of_text.iter().filter(|chain| chain.domain == Domain::Ip6);
        if of_v6.clone().any(|chain| !accepts(rules, chain, &matching::is_of_neighbours)) {
            let is_shared = of_v6.count() < of_text.len();
            needed.push(if is_shared {
                "@if @eq($DOMAIN, ip6) proto ipv6-icmp ACCEPT;"
            } else {
                "proto ipv6-icmp ACCEPT;"
            });
        }
    }
    let title = format!("close {}", chain.name);
    if let Some((_, policy)) = chain.policy {
        let written = sources.text(policy.source).get(policy.start as usize..policy.end as usize)?;
        let at = policy.start + u32::try_from(written.find("ACCEPT")?).ok()?;
        let mut fix = Fix::risky(title, Span { start: at, end: at + 6, ..policy }, "DROP");
        if !needed.is_empty() {
            fix.edits.extend(self::fix(&needed.join(" "), policy, sources)?.edits);
        }
        return Some(fix);
    }
    let text = sources.text(chain.span.source);
    let rest = text.get(chain.span.end as usize..)?;
    let block = rest.trim_start().strip_prefix('{')?;
    let at = u32::try_from(text.len() - block.len()).ok()?;
    let indent = |lines: &str| lines.chars().take_while(|letter| matches!(letter, ' ' | '\t')).collect::<String>();
    let line = block.strip_prefix('\n').map(indent);
    let gap = line.map_or_else(|| " ".to_owned(), |indent| format!("\n{indent}"));
    let statements = std::iter::once("policy DROP;").chain(needed).map(|statement| format!("{gap}{statement}"));
    Some(Fix::risky(title, Span { start: at, end: at, ..chain.span }, statements.collect::<String>()))
}
