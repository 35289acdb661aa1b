//! PAL604 unused-variable: a variable that is defined and never used.

use std::collections::BTreeSet;

use policy_lang::diagnostic::Fix;
use policy_lang::host::rule::HostRules;
use policy_lang::host::variables::{self, Definition};
use policy_lang::source::{SourceId, Sources, Span};

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds variables that a file of rules defines and that no text of the input uses.
    ///
    /// ## Why it bites
    ///
    /// A list of administrators that no rule mentions lets nobody in, and reads as if it did.
    ///
    /// ## How it is decided
    ///
    /// By the name: `$NAME` stands nowhere else in the input, comments and texts in quotes included. Files that only
    /// define things are left alone, because others may include them, and so are files with an `@include` that hangs
    /// on an `@if`.
    ///
    /// ## Bad
    ///
    /// ```text
    /// @def $ADMINS = (192.0.2.1 192.0.2.2);
    /// chain INPUT { proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// @def $ADMINS = (192.0.2.1 192.0.2.2);
    /// chain INPUT { saddr $ADMINS proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where another program puts rules behind the file.
    pub(crate) static UNUSED_VARIABLE = "PAL604" "unused-variable" Note Safe On,
        "a variable that is defined and never used", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let chains = rules.chains.iter().map(|chain| chain.span);
    let spans = chains.chain(rules.rules().map(|rule| rule.span));
    let own: BTreeSet<SourceId> = spans.map(|span| span.source).collect();
    let may_hide = |source: &SourceId| {
        let text = world.sources.text(*source);
        text.contains("@if") && text.contains("@include")
    };
    if own.iter().any(may_hide) {
        return;
    }
    let defined: Vec<Definition> =
        own.iter().flat_map(|source| variables::definitions(*source, world.sources)).collect();
    let places: BTreeSet<Span> = defined.iter().map(|definition| definition.span).collect();
    for definition in &defined {
        if is_used(&definition.name, &places, world.sources) {
            continue;
        }
        let message = format!("`${}` is defined and never used", definition.name);
        let finding = report.at(definition.span, message);
        // What a command does besides printing is not known.
        if !definition.has_command {
            let span = with_line(definition.statement, world.sources);
            finding.fix = Some(Fix::safe("take the definition away", span, ""));
        }
    }
}

/// Whether a name stands behind a `$` somewhere that is no definition of it.
fn is_used(name: &str, definitions: &BTreeSet<Span>, sources: &Sources) -> bool {
    sources.ids().any(|source| {
        let text = sources.text(source);
        let mut mentions = text.match_indices('$').filter(|(at, _)| {
            let rest = text.get(at + 1..).and_then(|rest| rest.strip_prefix(name));
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_'))
        });
        mentions.any(|(at, _)| {
            let start = u32::try_from(at + 1).unwrap_or(u32::MAX);
            !definitions.iter().any(|span| span.source == source && span.start == start)
        })
    })
}

/// A statement with the line that it has for itself.
fn with_line(statement: Span, sources: &Sources) -> Span {
    let text = sources.text(statement.source);
    let (before, after) = (text.get(..statement.start as usize), text.get(statement.end as usize..));
    let begins = before.is_some_and(|before| before.is_empty() || before.ends_with('\n'));
    match after.filter(|after| begins && after.starts_with('\n')) {
        Some(_) => Span { end: statement.end + 1, ..statement },
        None => statement,
    }
}
