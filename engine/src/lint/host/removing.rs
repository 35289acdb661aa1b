//! The fix that takes a rule out of its chain.

use std::collections::BTreeMap;

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::host::rule::{HostChain, HostRule, HostRules};
use policy_lang::source::{Sources, Span};

use crate::lint::edit;
use crate::lint::host::matching::{self, Relation};
use crate::lint::rule::{Report, label};
use crate::lint::world::World;

/// How often each place of the text became a rule: in two domains, or by every call of a function.
fn uses<'r>(rules: impl Iterator<Item = &'r HostRule>) -> BTreeMap<Span, usize> {
    let mut uses: BTreeMap<Span, usize> = BTreeMap::new();
    for rule in rules {
        *uses.entry(rule.span).or_default() += 1;
    }
    uses
}

/// Says of each rule that an earlier one of its chain covers in this way what it is, and takes it away where its text is no
/// rule elsewhere, which would go with it.
pub(crate) fn covered(
    (world, rules): (&World<'_>, &HostRules),
    relation: Relation,
    (what, earlier_is): (&'static str, &'static str),
    report: &mut Report<'_>,
) {
    let covered = rules.chains.iter().flat_map(matching::covered);
    let covered: Vec<_> = covered.filter(|(_, _, found)| *found == relation).collect();
    let (found, all) = (uses(covered.iter().map(|(rule, ..)| *rule)), uses(rules.rules()));
    for (rule, earlier, _) in covered {
        let finding = report.at(rule.span, what);
        label(finding, Some(earlier.span), earlier_is);
        if found.get(&rule.span) == all.get(&rule.span) {
            finding.fix = fix(rule, Safety::Safe, world.sources);
        }
    }
}

/// Whether a statement can begin behind a text: at the beginning, after a statement or a bracket, and comments.
pub(crate) fn begins_statement(before: &str) -> bool {
    let ends = |text: &str| text.trim_end().ends_with(['{', ';', '}']);
    for line in before.lines().rev() {
        let code = line.split_once('#').map_or(line, |(code, _)| code);
        if !code.trim().is_empty() {
            // A `#` in quotes is no comment, but then what stands before it ends nothing.
            return ends(code);
        }
    }
    true
}

/// Takes out a rule that is a statement of its own, with the line that it has for itself; nothing where it is part of
/// more, as in `proto tcp { … }` or `chain INPUT DROP;`.
pub(crate) fn fix(rule: &HostRule, safety: Safety, sources: &Sources) -> Option<Fix> {
    let text = sources.text(rule.span.source);
    let own = text.get(rule.span.start as usize..rule.span.end as usize)?;
    let (before, rest) = (text.get(..rule.span.start as usize)?, text.get(rule.span.end as usize..)?);
    if !begins_statement(before) || own.contains(['{', '}', '@', '&', '#']) {
        return None;
    }
    let semicolon = if own.ends_with(';') { 0 } else { rest.find(';')? + 1 };
    let gap = rest.get(..semicolon.saturating_sub(1))?;
    if !gap.trim().is_empty() {
        return None;
    }
    let line = before.rsplit('\n').next().filter(|line| line.trim().is_empty());
    let after = rest.get(semicolon..)?;
    // A line that is left empty goes; a comment in it stays.
    let (start, end) = match line.filter(|_| after.starts_with('\n')) {
        Some(indent) => (rule.span.start as usize - indent.len(), rule.span.end as usize + semicolon + 1),
        None => (before.trim_end_matches(' ').len(), rule.span.end as usize + semicolon),
    };
    let span = Span { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()?, ..rule.span };
    Some(Fix::one(safety, "take the rule away", edit::replace(span, "")))
}

/// Takes out a chain that is a statement of its own and holds all of its rules; nothing where something in it may be of use
/// elsewhere, as a definition is.
pub(crate) fn chain(chain: &HostChain, rules: &HostRules, sources: &Sources) -> Option<Fix> {
    let text = sources.text(chain.span.source);
    let before = text.get(..chain.span.start as usize)?.trim_end().strip_suffix("chain")?;
    let end = statement_end(text, chain.span.end as usize)?;
    let own = text.get(before.len()..end)?;
    let span = Span { start: u32::try_from(before.len()).ok()?, end: u32::try_from(end).ok()?, ..chain.span };
    let is_inside = |other: &Span| other.source == span.source && span.start <= other.start && other.end <= span.end;
    let holds_all = chain.rules.iter().all(|rule| is_inside(&rule.span));
    let mut others = rules.chains.iter().filter(|other| other.span != chain.span);
    let holds_others =
        others.any(|other| is_inside(&other.span) || other.rules.iter().any(|rule| is_inside(&rule.span)));
    if !begins_statement(before) || own.contains(['@', '&']) || !holds_all || holds_others {
        return None;
    }
    let line = before.rsplit('\n').next().filter(|line| line.trim().is_empty());
    let span = match line.filter(|_| text.get(end..).is_some_and(|after| after.starts_with('\n'))) {
        Some(indent) => Span { start: span.start - u32::try_from(indent.len()).ok()?, end: span.end + 1, ..span },
        None => span,
    };
    Some(Fix::safe("take the chain away", span, ""))
}

/// Where the statement ends in which a place stands: behind its semicolon or its block.
fn statement_end(text: &str, from: usize) -> Option<usize> {
    let (mut depth, mut quote, mut in_comment) = (0_usize, None, false);
    for (at, letter) in text.get(from..)?.char_indices() {
        match (in_comment, quote, letter) {
            (true, _, '\n') => in_comment = false,
            (false, Some(open), _) if letter == open => quote = None,
            (true, ..) | (false, Some(_), _) => {}
            (false, None, '#') => in_comment = true,
            (false, None, '"' | '\'' | '`') => quote = Some(letter),
            (false, None, '{') => depth += 1,
            (false, None, '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(from + at + 1);
                }
            }
            (false, None, ';') if depth == 0 => return Some(from + at + 1),
            (false, None, _) => {}
        }
    }
    None
}
