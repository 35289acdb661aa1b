//! Host rules written like ferm's: from text to a rule IR that still has every array unexpanded.
//!
//! The stages are a token tree, an evaluator over it, and the rule IR in [`rule`]; [`expand`] prints the IR as
//! the iptables-save text that ferm itself would load.
//!
//! The expansion is ferm's own, line by line, with the exceptions in docs/host/deviations.md. Every word that ferm knows
//! is read; what has no form in nftables is refused where the IR is lowered.
//!
//! Invariant: every word is acted upon or refused with its place. Operands are words: whether `dport 99999` makes
//! sense is decided where the IR is lowered.

pub mod code;
mod draft;
mod evaluate;
pub mod expand;
mod files;
pub mod ipset;
mod limits;
pub mod reference;
pub mod rule;
mod stream;
mod surroundings;
#[cfg(test)]
mod tests;
mod tree;
mod value;
pub mod variables;
mod vocabulary;

use std::sync::Arc;

pub use self::files::{FileError, Files, MemoryFiles};
use self::ipset::IpSets;
use self::rule::HostRules;
pub use self::surroundings::{CommandError, Commands, LookupError, Record, Resolver, Surroundings};
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};

/// Reads the host rules in the file at `main_path` and in everything that it includes.
///
/// `definitions` are variables in ferm's syntax, `$name=value`, that take precedence over every `@def` of the same
/// name. A statement with an error in it gives no rules; the statements after it are read all the same, so that one
/// run finds many errors. Whoever enforces the result looks for errors among the diagnostics first.
pub fn parse(
    main_path: &str,
    files: &dyn Files,
    definitions: &[String],
    sources: &mut Sources,
) -> (HostRules, Vec<Diagnostic>) {
    evaluate::evaluate(main_path, Surroundings::of_files(files), definitions, sources)
}

/// The same with more of the machine than its files: what runs commands and what looks names up.
pub fn parse_in(
    main_path: &str,
    surroundings: Surroundings<'_>,
    definitions: &[String],
    sources: &mut Sources,
) -> (HostRules, Vec<Diagnostic>) {
    let (mut rules, mut findings) = evaluate::evaluate(main_path, surroundings, definitions, sources);
    let mut ipsets = IpSets::default();
    for path in surroundings.ipsets {
        match surroundings.files.read(path) {
            Ok(text) => findings.extend(ipsets.read(path, &text, sources)),
            Err(error) => {
                let span = Span { source: sources.add(path, ""), start: 0, end: 0 };
                let message = format!("the sets in `{path}` cannot be read: {error}");
                findings.push(Diagnostic::error(code::INCLUDE, span, message).help("write them: ipset save > FILE"));
            }
        }
    }
    rules.ipsets = Arc::new(ipsets);
    (rules, findings)
}
