//! What is wrong with a word, and what to write instead.

use super::error;
use super::location::no_chain;
use super::options::{domain, find};
use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::vocabulary::{self, ACTIONS, Keyword, Vocabulary};
use crate::source::Span;
use crate::suggest::nearest;

/// A word where no chain is known.
pub(super) fn stray_word(draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
    let targets = vocabulary::of(domain(draft)).targets;
    let is_known = find(draft, word).is_some()
        || ACTIONS.contains(&word)
        || matches!(word, "mod" | "module" | "realgoto")
        || targets.iter().any(|target| target.name == word);
    if is_known { no_chain(span) } else { unknown(draft, word, span) }
}

pub(super) fn empty(keyword: &Keyword, span: Span) -> Box<Diagnostic> {
    error(code::OPERAND, span, format!("`{}` cannot take an empty array", keyword.name)).into()
}

pub(super) fn never_negated(word: &str, bang: Span) -> Box<Diagnostic> {
    error(code::OPERAND, bang, format!("`{word}` cannot be negated")).into()
}

/// What is wrong with a word that is no keyword here.
pub(super) fn unknown(draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
    let Vocabulary { core, shortcuts, protocols, modules, targets } = vocabulary::of(domain(draft));
    let brings = |family: &&vocabulary::Family| family.keywords.iter().any(|keyword| keyword.name == word);
    let diagnostic = error(code::UNKNOWN_WORD, span, format!("`{word}` is not a keyword here"));
    if let Some(module) = modules.iter().find(brings) {
        return diagnostic.help(format!("write `mod {}` before it", module.name)).into();
    }
    if let Some(protocol) = protocols.iter().find(brings) {
        return diagnostic.help(format!("it needs `proto {}` before it, and no other protocol", protocol.name)).into();
    }
    if let Some(target) = targets.iter().find(|target| target.options.iter().any(|keyword| keyword.name == word)) {
        return diagnostic.help(format!("it is an option of {}, and stands after it", target.name)).into();
    }
    let structure = ["domain", "table", "chain", "policy", "mod", "proto"];
    let candidates = structure
        .into_iter()
        .chain(ACTIONS.iter().copied())
        .chain(targets.iter().map(|target| target.name))
        .chain(core.iter().map(|keyword| keyword.name))
        .chain(shortcuts.iter().map(|shortcut| shortcut.keyword.name))
        .chain(draft.families.iter().flat_map(|module| module.keywords.iter().map(|keyword| keyword.name)));
    match nearest(word, &candidates.collect::<Vec<_>>()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => {
            let names: Vec<&str> = core.iter().map(|keyword| keyword.name).collect();
            let with_modules = if modules.is_empty() { "" } else { "; `mod NAME` brings those of a module" };
            diagnostic.help(format!("without a module there are {}{with_modules}", names.join(", "))).into()
        }
    }
}
