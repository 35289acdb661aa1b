//! Keywords, modules, protocols, actions and targets: what the words of a rule mean.

use std::rc::Rc;
use std::sync::Arc;

use super::location::no_chain;
use super::{Evaluator, Flow, Step, error, hints, joined};
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction, Families, Protocol};
use crate::host::rule::{Action, Domain, HostRule, Match, Operands, Word};
use crate::host::stream::{Call, Stream};
use crate::host::tree::{Node, Token, TokenKind};
use crate::host::value::{Value, belongs, force};
use crate::host::vocabulary::{
    self, ACTIONS, Arity, CORE, Keyword, MODULE_MARK, Needs, Negation, PROTOCOLS, SHORTCUTS, TARGETS, WITH_PORTS,
};
use crate::source::Span;

/// A keyword and what brings it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    keyword: &'static Keyword,
    module: Option<&'static str>,
    needs: Needs,
    /// Whether the keyword loads its module itself.
    is_shortcut: bool,
}

impl Evaluator<'_> {
    /// A bare word where a keyword may stand.
    pub(super) fn word(&mut self, stream: &mut Stream, draft: &mut Draft, word: &str, span: Span) -> Step<Flow> {
        match word {
            "domain" => return self.domain(stream, draft, span),
            "table" => return self.table(stream, draft, span),
            "chain" => return self.chain(stream, draft, span),
            "policy" => return self.policy(stream, draft, span),
            "def" | "include" | "subchain" => {
                self.warn(span, format!("`{word}` is an old spelling"), &format!("write @{word}"));
                return self.directive(stream, draft, word, span);
            }
            "hook" => return self.directive(stream, draft, word, span),
            _ => {}
        }
        if draft.location.chain.is_none() {
            return Err(hints::stray_word(draft, word, span));
        }
        draft.start(span);
        match word {
            "mod" | "module" => self.load_modules(stream, draft, span)?,
            "proto" | "protocol" => self.protocol(stream, draft, span)?,
            "jump" | "goto" | "realgoto" => self.jump(stream, draft, word, span)?,
            _ => {
                if !self.target_option(stream, draft, word, span)? && !Self::action(draft, word, span)? {
                    let Some(found) = find(draft, word) else { return Err(hints::unknown(draft, word, span)) };
                    self.option(stream, draft, found, span, None)?;
                }
            }
        }
        Ok(Flow::More)
    }

    /// `!` before a keyword.
    pub(super) fn negated_keyword(&mut self, stream: &mut Stream, draft: &mut Draft, bang: Span) -> Step<Flow> {
        let position = stream.position();
        let Some(Node::Token(Token { kind: TokenKind::Word, text, span })) = stream.next() else {
            return Err(error(code::SYNTAX, position, "a keyword is missing after `!`").into());
        };
        if draft.location.chain.is_none() {
            return Err(no_chain(span));
        }
        draft.start(bang);
        let Some(found) = find(draft, &text) else {
            let is_word = ACTIONS.contains(&&*text) || TARGETS.iter().any(|target| target.name == &*text);
            return Err(if is_word { hints::never_negated(&text, bang) } else { hints::unknown(draft, &text, span) });
        };
        match found.keyword.negation {
            Negation::Either => {}
            Negation::After => {
                let message = format!("`!` cannot stand before `{text}`");
                return Err(error(code::OPERAND, bang, message).help(format!("write it after: {text} !…")).into());
            }
            Negation::Never => return Err(hints::never_negated(&text, bang)),
        }
        self.option(stream, draft, found, span, Some(bang))?;
        Ok(Flow::More)
    }

    /// The `;` of a rule.
    pub(super) fn finish(&mut self, draft: &mut Draft, end: Span, calls: Option<&Rc<Call>>) -> Step<()> {
        let Draft { location, matches, action, started, located, .. } = std::mem::take(draft);
        let Some(start) = started else {
            if located.is_none() {
                return Err(error(code::RULE, end, "this `;` ends an empty rule")
                    .help("no `;` is needed after `}`")
                    .into());
            }
            if location.chain.is_none() {
                return Err(no_chain(end));
            }
            self.output.enable(&location);
            return Ok(());
        };
        let Some(DraftAction { kind, span, matches_before }) = action else {
            let diagnostic = error(code::RULE, joined(start, end), "this rule has no action");
            return Err(diagnostic.help("end it with ACCEPT, DROP, jump, … or with NOP, which only counts").into());
        };
        let action = match kind {
            ActionKind::Plain(action) => action,
            ActionKind::Target(target, options) => Action::Target { name: target.name, options, span },
        };
        let rule = HostRule {
            origin: self.sources.origin(span),
            span: joined(start, end),
            provenance: 0,
            matches,
            matches_before,
            action,
        };
        let words: usize = rule.matches.iter().map(|part| operand_count(&part.operands)).sum();
        self.charge(words, end)?;
        self.emit(&location, rule, end, calls)
    }

    fn load_modules(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<()> {
        let value = self.value(stream, &draft.location)?;
        super::values::plain(&value)?;
        for word in force(&value.items, domain(draft)) {
            let Some(module) = vocabulary::module(&word.text) else { return Err(hints::unknown_module(&word)) };
            if draft.modules.iter().any(|loaded| std::ptr::eq(*loaded, module)) {
                continue;
            }
            draft.modules.push(module);
            draft.matches.push(module_mark(module.name, joined(span, word.span)));
        }
        Ok(())
    }

    fn protocol(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<()> {
        let Some(keyword) = CORE.iter().find(|keyword| keyword.name == "proto") else { return Ok(()) };
        let (mut words, negated, end) = self.multiplied(stream, draft, keyword, None)?;
        if domain(draft) == Domain::Ip6 {
            for word in words.iter_mut().filter(|word| &*word.text == "icmp") {
                word.text = "icmpv6".into();
            }
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

    /// A match.
    fn option(
        &mut self,
        stream: &mut Stream,
        draft: &mut Draft,
        found: Found,
        span: Span,
        bang: Option<Span>,
    ) -> Step<()> {
        let Found { keyword, module, needs, is_shortcut } = found;
        check_needs(draft, needs, keyword.name, span)?;
        if let Some(name) = module.filter(|_| is_shortcut) {
            load_for_shortcut(draft, name, span);
        }
        if needs == Needs::Ports || module.is_some_and(|name| !vocabulary::is_module(name)) {
            draft.need_protocol();
        }
        let (operands, negated, end) = match keyword.arity {
            Arity::Flag => (Operands::Flag, bang.is_some(), span),
            Arity::Multiplied => {
                let (words, negated, end) = self.multiplied(stream, draft, keyword, bang)?;
                (Operands::OneOf(Self::of_the_family(draft, keyword, words)), negated, end)
            }
            Arity::Single => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                if words.len() != 1 {
                    let message = format!("`{}` takes one word, not {}", keyword.name, words.len());
                    return Err(error(code::OPERAND, end, message).into());
                }
                (Operands::OneOf(words), negated, end)
            }
            Arity::Joined | Arity::Repeated => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                if words.is_empty() {
                    return Err(hints::empty(keyword, end));
                }
                (Operands::Joined(words), negated, end)
            }
            Arity::Ports => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                if negated && words.is_empty() {
                    return Err(hints::empty(keyword, end));
                }
                let operands = if words.is_empty() { Operands::OneOf(words) } else { Operands::Joined(words) };
                (operands, negated, end)
            }
            Arity::Pair => {
                let (mask, negated, first) = self.list(stream, draft, keyword, bang)?;
                let (comparison, _, end) = self.pair_end(stream, draft)?;
                if mask.is_empty() || comparison.is_empty() {
                    return Err(hints::empty(keyword, joined(first, end)));
                }
                (Operands::Pair(mask, comparison), negated, end)
            }
        };
        if matches!(&operands, Operands::OneOf(words) if words.is_empty()) && draft.location.families == Families::One {
            self.warn(joined(span, end), "an empty array: this rule never exists", "ferm leaves it out too");
        }
        absorb_mark(draft, module, is_shortcut);
        let part = Match { keyword: keyword.canonical, module, negated, operands, span: joined(span, end) };
        draft.matches.push(part);
        Ok(())
    }

    /// One list of operands with its negation.
    pub(super) fn list(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &Keyword,
        bang: Option<Span>,
    ) -> Step<(Vec<Word>, bool, Span)> {
        let (value, negated) = self.negatable(stream, draft, keyword, bang)?;
        let words = force(&value.items, domain(draft));
        self.charge(words.len(), value.span)?;
        Ok((words, negated, value.span))
    }

    /// One value or several, which multiply the rule; several written ones cannot be negated.
    fn multiplied(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &Keyword,
        bang: Option<Span>,
    ) -> Step<(Vec<Word>, bool, Span)> {
        let (value, negated) = self.negatable(stream, draft, keyword, bang)?;
        if negated && value.items.len() != 1 {
            let diagnostic = error(code::OPERAND, value.span, "an array cannot be negated here");
            return Err(diagnostic.help("write one rule that returns or jumps for each of its words").into());
        }
        let words = force(&value.items, domain(draft));
        self.charge(words.len(), value.span)?;
        Ok((words, negated, value.span))
    }

    fn negatable(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &Keyword,
        before: Option<Span>,
    ) -> Step<(Value, bool)> {
        let after = stream.take_mark("!");
        let mut value = self.value(stream, &draft.location)?;
        let bangs = [before, after, value.negated.take()];
        let mut bangs = bangs.iter().flatten();
        let Some(bang) = bangs.next() else { return Ok((value, false)) };
        if let Some(second) = bangs.next() {
            return Err(error(code::OPERAND, *second, "this negates what is already negated")
                .label(*bang, "the first `!`")
                .into());
        }
        if keyword.negation == Negation::Never {
            return Err(hints::never_negated(keyword.name, *bang));
        }
        Ok((value, true))
    }

    fn pair_end(&mut self, stream: &mut Stream, draft: &Draft) -> Step<(Vec<Word>, bool, Span)> {
        let value = self.value(stream, &draft.location)?;
        super::values::plain(&value)?;
        Ok((force(&value.items, domain(draft)), false, value.span))
    }

    /// Inside `domain (ip ip6)`, addresses of the other family are left out.
    fn of_the_family(draft: &Draft, keyword: &Keyword, mut words: Vec<Word>) -> Vec<Word> {
        let is_address = matches!(keyword.canonical, "saddr" | "daddr");
        if is_address && draft.location.families == Families::Several {
            words.retain(|word| belongs(&word.text, domain(draft)));
        }
        words
    }
}

pub(super) fn domain(draft: &Draft) -> Domain {
    draft.location.domain.unwrap_or(Domain::Ip)
}

/// The keyword that a word is in a rule: the protocol's, a module's, one of the core, a shortcut.
pub(super) fn find(draft: &Draft, word: &str) -> Option<Found> {
    let named = |keywords: &'static [Keyword]| keywords.iter().find(|keyword| keyword.name == word);
    let found = |keyword: &'static Keyword, module| {
        let needs = if keyword.arity == Arity::Ports { Needs::Ports } else { Needs::Nothing };
        Found { keyword, module, needs, is_shortcut: false }
    };
    if let Some(family) = draft.single_protocol().and_then(|name| protocol_family(name, domain(draft))) {
        let alias = if matches!(word, "icmp-type" | "icmpv6-type") { family.keywords.first() } else { None };
        if let Some(keyword) = alias.filter(|_| family.name != "tcp").or_else(|| named(family.keywords)) {
            return Some(found(keyword, Some(family.name)));
        }
    }
    for module in draft.modules.iter().rev() {
        if let Some(keyword) = named(module.keywords) {
            return Some(found(keyword, Some(module.name)));
        }
    }
    if let Some(keyword) = named(CORE) {
        let needs = if matches!(word, "sport" | "dport") { Needs::Ports } else { Needs::Nothing };
        return Some(Found { keyword, module: None, needs, is_shortcut: false });
    }
    SHORTCUTS.iter().find(|shortcut| shortcut.keyword.name == word).map(|shortcut| Found {
        keyword: &shortcut.keyword,
        module: Some(shortcut.module),
        needs: shortcut.needs,
        is_shortcut: true,
    })
}

/// The keywords that a protocol brings; ICMP's are called after the domain.
fn protocol_family(name: &str, domain: Domain) -> Option<&'static vocabulary::Family> {
    let family = match (name, domain) {
        ("icmp" | "icmpv6" | "ipv6-icmp", Domain::Ip6) => "icmpv6",
        ("icmp" | "icmpv6" | "ipv6-icmp", Domain::Ip | Domain::Arp | Domain::Eb) => "icmp",
        _ => name,
    };
    PROTOCOLS.iter().find(|candidate| candidate.name == family)
}

pub(super) fn check_needs(draft: &mut Draft, needs: Needs, word: &str, span: Span) -> Step<()> {
    let protocol = draft.protocol.as_ref();
    match (needs, protocol) {
        (Needs::Nothing, _) => Ok(()),
        (Needs::Tcp | Needs::Ports, None) => {
            let diagnostic = error(code::OPERAND, span, format!("`{word}` needs a protocol before it"));
            Err(diagnostic.help("for example: proto tcp").into())
        }
        (Needs::Tcp, Some(Protocol { names, negated, pending: _ })) => {
            if let Some(name) = names.iter().find(|name| *negated || &***name != "tcp") {
                let not = if *negated { "every protocol but " } else { "" };
                let diagnostic = error(code::OPERAND, span, format!("`{word}` is not possible for {not}`{name}`"));
                return Err(diagnostic.help("it needs `proto tcp`").into());
            }
            draft.need_protocol();
            Ok(())
        }
        (Needs::Ports, Some(Protocol { names, negated, pending: _ })) => match names.as_slice() {
            [name] if *negated || !WITH_PORTS.contains(&&**name) => {
                let not = if *negated { "every protocol but " } else { "" };
                let diagnostic = error(code::OPERAND, span, format!("`{word}` is not possible for {not}`{name}`"));
                Err(diagnostic.help(format!("protocols with ports, by name: {}", WITH_PORTS.join(", "))).into())
            }
            _ => Ok(()),
        },
    }
}

/// A shortcut loads its module; where it is loaded already, iptables is told again. A protocol that is
/// repeated in a subchain comes between the module and its option.
fn load_for_shortcut(draft: &mut Draft, name: &str, span: Span) {
    let Some(module) = vocabulary::module(name) else { return };
    let is_repeated = draft.protocol.as_ref().is_some_and(|protocol| protocol.pending.is_some());
    if is_repeated || draft.matches.iter().any(|part| part.module == Some(module.name)) {
        draft.matches.push(module_mark(module.name, span));
    }
    // Loading `multiport` for a shortcut does not make its own keywords known.
    if module.name == "comment" {
        draft.modules.push(module);
    }
}

/// The mark of `mod NAME` is not needed where an option of the module follows at once.
fn absorb_mark(draft: &mut Draft, module: Option<&str>, is_shortcut: bool) {
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

fn module_mark(module: &'static str, span: Span) -> Match {
    Match { keyword: MODULE_MARK, module: Some(module), negated: false, operands: Operands::Flag, span }
}

fn operand_count(operands: &Operands) -> usize {
    match operands {
        Operands::Flag => 0,
        Operands::OneOf(words) | Operands::Joined(words) => words.len(),
        Operands::Pair(mask, comparison) => mask.len() + comparison.len(),
    }
}
