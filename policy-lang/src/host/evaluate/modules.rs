//! `mod` and `proto`: what makes further keywords known.

use std::sync::Arc;

use super::options::domain;
use super::{Evaluator, Step, joined};
use crate::host::draft::{Draft, Protocol};
use crate::host::rule::{Domain, Match, Operands, Word};
use crate::host::stream::Stream;
use crate::host::vocabulary::{self, Family, MODULE_MARK};
use crate::source::Span;

impl Evaluator<'_> {
    /// What follows `mod`. A name that no table knows brings no keywords and is handed on, as ferm does.
    pub(super) fn load_modules(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<()> {
        let value = self.value(stream)?;
        super::values::plain(&value)?;
        for word in self.force(value.items, domain(draft))? {
            if draft.loaded.contains(&word.text) {
                continue;
            }
            draft.loaded.push(Arc::clone(&word.text));
            let place = joined(span, word.span);
            let known = vocabulary::of(domain(draft)).modules.iter().find(|module| *module.name == *word.text);
            match known {
                Some(module) => {
                    make_known(draft, module);
                    draft.matches.push(module_mark(module.name, place));
                }
                None => draft.matches.push(unknown_module_mark(word, place)),
            }
        }
        Ok(())
    }

    /// What follows `proto`.
    pub(super) fn protocol(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<()> {
        let core = vocabulary::of(domain(draft)).core;
        let Some(keyword) = core.iter().find(|keyword| keyword.name == "proto") else { return Ok(()) };
        let (mut words, negated, end) = self.multiplied(stream, draft, keyword, None)?;
        // ferm leaves the negated name alone.
        if domain(draft) == Domain::Ip6 && !negated {
            for word in words.iter_mut().filter(|word| &*word.text == "icmp") {
                word.text = "icmpv6".into();
            }
        }
        if let ([word], false) = (words.as_slice(), negated)
            && let Some(family) = protocol_family(&word.text, domain(draft))
        {
            make_known(draft, family);
        }
        let names = words.iter().map(|word| Arc::clone(&word.text)).collect();
        draft.protocol = Some(Protocol { names, negated, pending: None });
        draft.matches.push(Match {
            keyword: keyword.canonical,
            module: None,
            negated,
            operands: Operands::OneOf(words),
            span: joined(span, end),
        });
        Ok(())
    }
}

/// A shortcut loads its module; where it is loaded already, iptables is told again. A protocol that is
/// repeated in a subchain comes between the module and its option.
pub(super) fn load_for_shortcut(draft: &mut Draft, name: &str, span: Span) {
    let Some(module) = vocabulary::module_named(name) else { return };
    let is_repeated = draft.protocol.as_ref().is_some_and(|protocol| protocol.pending.is_some());
    if is_repeated || draft.matches.iter().any(|part| part.module == Some(module.name)) {
        draft.matches.push(module_mark(module.name, span));
    }
    make_known(draft, module);
    if !draft.loaded.iter().any(|loaded| &**loaded == name) {
        draft.loaded.push(name.into());
    }
}

/// The mark of `mod NAME` is not needed where an option of the module follows at once.
pub(super) fn absorb_mark(draft: &mut Draft, module: Option<&str>, is_shortcut: bool) {
    let follows = |part: &Match| part.keyword == MODULE_MARK && part.module == module;
    if !is_shortcut && module.is_some() && draft.matches.last().is_some_and(follows) {
        draft.matches.pop();
        if let Some(action) = &mut draft.action {
            for before in &mut action.matches_before {
                *before = (*before).min(draft.matches.len());
            }
        }
    }
}

/// Makes a family's keywords known; of two families with one keyword the one that was named last counts.
fn make_known(draft: &mut Draft, module: &'static Family) {
    draft.families.retain(|known| !std::ptr::eq(*known, module));
    draft.families.push(module);
}

fn module_mark(module: &'static str, span: Span) -> Match {
    Match { keyword: MODULE_MARK, module: Some(module), negated: false, operands: Operands::Flag, span }
}

fn unknown_module_mark(name: Word, span: Span) -> Match {
    Match { keyword: MODULE_MARK, module: None, negated: false, operands: Operands::OneOf(vec![name]), span }
}

/// Repeats the parent chain's protocol in a subchain's rule if it has a word of this name, whoever brings the one that
/// is meant. Of several protocols the first that has it becomes the rule's only one.
pub(super) fn repeat_protocol_for(draft: &mut Draft, word: &str) {
    let domain = domain(draft);
    let Some(Protocol { names, negated: false, pending: Some(pending) }) = &mut draft.protocol else { return };
    let has_word = |name: &Arc<str>| protocol_family(name, domain).is_some_and(|family| family.keyword(word).is_some());
    let Some(at) = names.iter().position(has_word) else { return };
    *names = vec![names.swap_remove(at)];
    if let Operands::OneOf(words) = &mut pending.operands
        && at < words.len()
    {
        *words = vec![words.swap_remove(at)];
    }
    draft.need_protocol();
}

/// The keywords that a protocol brings; ICMP's are called after the domain.
fn protocol_family(name: &str, domain: Domain) -> Option<&'static Family> {
    let family = match (name, domain) {
        ("icmp" | "icmpv6" | "ipv6-icmp", Domain::Ip6) => "icmpv6",
        ("icmp" | "icmpv6" | "ipv6-icmp", Domain::Ip) => "icmp",
        _ => name,
    };
    vocabulary::of(domain).protocols.iter().find(|candidate| candidate.name == family)
}
