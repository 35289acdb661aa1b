//! The fix that accepts something first of all in a chain.

use policy_lang::diagnostic::Fix;
use policy_lang::source::{Sources, Span};

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
