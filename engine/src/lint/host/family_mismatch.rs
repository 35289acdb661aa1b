//! PAL618 family-mismatch: an address of the other family.

use policy_lang::diagnostic::{Diagnostic, Fix, Safety};
use policy_lang::source::{Sources, Span};

use crate::lint::edit;
use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds IPv4 addresses in the domain `ip6`, and the reverse.
    ///
    /// ## Why it bites
    ///
    /// Such a rule never matches, or is refused.
    ///
    /// ## How it is decided
    ///
    /// By the domain of the rule and the family of the address.
    ///
    /// ## Bad
    ///
    /// ```text
    /// domain ip6 chain INPUT saddr 192.0.2.1 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// domain ip chain INPUT saddr 192.0.2.1 ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static FAMILY_MISMATCH = "PAL618" "family-mismatch" Error Unsafe On,
        "an address of the other family", Check::Elsewhere;
}

/// Adds the fix that leaves an address out of the domains of the other family.
pub(crate) fn mend(finding: &mut Diagnostic, sources: &Sources) {
    finding.fix = finding.span.and_then(|span| {
        let list = list_around(span, sources)?;
        let is_list = list != span;
        let before = sources.text(list.source).get(..list.start as usize)?.trim_end();
        // Anywhere else, as in a definition, the value may be used where no domain is known. `!` of no address is everybody.
        let of_rule = ["saddr", "daddr", "source", "destination"].iter().any(|keyword| before.ends_with(keyword));
        let at = |place| Span { start: place, end: place, ..list };
        let edits = vec![edit::replace(at(list.start), "@ipfilter("), edit::replace(at(list.end), ")")];
        let title = if is_list {
            "take the addresses of the domain's family"
        } else {
            "only where it is of the domain's family"
        };
        of_rule.then(|| Fix { safety: Safety::Unsafe, title: title.to_owned(), edits })
    });
}

/// The list in brackets that a word is in, with its brackets; else the word.
fn list_around(word: Span, sources: &Sources) -> Option<Span> {
    let text = sources.text(word.source);
    let before = text.get(..word.start as usize)?;
    let of_statement = before.rfind([';', '{', '}']).map_or(0, |at| at + 1);
    let Some(open) = before.get(of_statement..)?.rfind(['(', ')']).map(|at| at + of_statement) else {
        return Some(word);
    };
    if before.get(open..)?.starts_with(')') {
        return Some(word);
    }
    let close = text.get(word.end as usize..)?.find([')', '(', ';'])? + word.end as usize;
    let is_closed = text.get(close..)?.starts_with(')');
    let (start, end) = (u32::try_from(open).ok()?, u32::try_from(close + 1).ok()?);
    is_closed.then_some(Span { start, end, ..word })
}
