//! What is wrong with a word, and what to write instead.

use super::error;
use super::location::no_chain;
use super::options::find;
use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::rule::Word;
use crate::host::vocabulary::{
    self, ACTIONS, CORE, FOREIGN, Keyword, MODULES, PROTOCOLS, SHORTCUTS, TARGETS, WITH_PORTS,
};
use crate::source::Span;
use crate::suggest::nearest;

/// A word where no chain is known.
pub(super) fn stray_word(draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
    let is_known = find(draft, word).is_some()
        || ACTIONS.contains(&word)
        || matches!(word, "mod" | "module" | "realgoto")
        || TARGETS.iter().any(|target| target.name == word);
    if is_known { no_chain(span) } else { unknown(draft, word, span) }
}

pub(super) fn empty(keyword: &Keyword, span: Span) -> Box<Diagnostic> {
    error(code::OPERAND, span, format!("`{}` cannot take an empty array", keyword.name)).into()
}

pub(super) fn never_negated(word: &str, bang: Span) -> Box<Diagnostic> {
    error(code::OPERAND, bang, format!("`{word}` cannot be negated")).into()
}

pub(super) fn unknown_module(word: &Word) -> Box<Diagnostic> {
    let name = &*word.text;
    if FOREIGN.contains(&name) {
        return error(code::UNSUPPORTED, word.span, format!("module `{name}` is not supported"))
            .help(format!("supported: {}", names_of_modules()))
            .into();
    }
    let diagnostic = error(code::UNKNOWN_WORD, word.span, format!("there is no module `{name}`"));
    if WITH_PORTS.contains(&name) || matches!(name, "icmp" | "icmpv6" | "icmp6") {
        return diagnostic.help(format!("its keywords come with `proto {name}`")).into();
    }
    let names: Vec<&str> = MODULES.iter().map(|module| module.name).collect();
    match nearest(name, &names) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => diagnostic.help(format!("the modules are {}", names_of_modules())).into(),
    }
}

fn names_of_modules() -> String {
    MODULES.iter().map(|module| module.name).collect::<Vec<_>>().join(", ")
}

/// What is wrong with a word that is no keyword here.
pub(super) fn unknown(draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
    let brings = |family: &&vocabulary::Family| family.keywords.iter().any(|keyword| keyword.name == word);
    let diagnostic = error(code::UNKNOWN_WORD, span, format!("`{word}` is not a keyword here"));
    if let Some(module) = MODULES.iter().find(brings) {
        return diagnostic.help(format!("write `mod {}` before it", module.name)).into();
    }
    if let Some(protocol) = PROTOCOLS.iter().find(brings) {
        return diagnostic.help(format!("it needs `proto {}` before it, and no other protocol", protocol.name)).into();
    }
    if let Some(target) = TARGETS.iter().find(|target| target.options.iter().any(|keyword| keyword.name == word)) {
        return diagnostic.help(format!("it is an option of {}, and stands after it", target.name)).into();
    }
    if FOREIGN.contains(&word) {
        let what =
            if word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') { "target" } else { "keyword" };
        return error(code::UNSUPPORTED, span, format!("{what} `{word}` is not supported"))
            .help(format!(
                "supported targets: {}",
                TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ")
            ))
            .into();
    }
    let structure = ["domain", "table", "chain", "policy", "mod", "proto"];
    let candidates = structure
        .into_iter()
        .chain(ACTIONS.iter().copied())
        .chain(TARGETS.iter().map(|target| target.name))
        .chain(CORE.iter().map(|keyword| keyword.name))
        .chain(SHORTCUTS.iter().map(|shortcut| shortcut.keyword.name))
        .chain(draft.modules.iter().flat_map(|module| module.keywords.iter().map(|keyword| keyword.name)));
    match nearest(word, &candidates.collect::<Vec<_>>()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => {
            let names: Vec<&str> = CORE.iter().map(|keyword| keyword.name).collect();
            let help =
                format!("without a module there are {}; the modules are {}", names.join(", "), names_of_modules());
            diagnostic.help(help).into()
        }
    }
}
