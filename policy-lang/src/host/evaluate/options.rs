//! Keywords, modules, protocols, actions and targets: what the words of a rule mean.

use std::rc::Rc;

use super::location::no_chain;
use super::modules::{absorb_mark, load_for_shortcut, repeat_protocol_for};
use super::{Evaluator, Flow, Step, error, hints, joined, nft};
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction, Families, Protocol};
use crate::host::limits::CLASS_ID;
use crate::host::rule::{Action, Domain, HostRule, Match, Operands, Word};
use crate::host::stream::{Call, Stream};
use crate::host::tree::{Node, Token, TokenKind};
use crate::host::value::{Value, belongs};
use crate::host::vocabulary::{
    self, ACTIONS, Arity, Keyword, Needs, Negation, Vocabulary, WITH_PORT_LISTS, WITH_PORTS,
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
            "def" | "include" | "subchain" | "hook" => {
                self.warn(span, format!("`{word}` is an old spelling"), &format!("write @{word}"));
                return self.directive(stream, draft, word, span);
            }
            _ => {}
        }
        if draft.location.chain.is_none() {
            return Err(hints::stray_word(draft, word, span));
        }
        draft.start(span);
        match word {
            "mod" | "module" => self.load_modules(stream, draft, span)?,
            // Of `mod policy`, `proto` is the protocol of IPsec.
            "proto" | "protocol" if find(draft, word).is_none_or(|found| found.module.is_none()) => {
                self.protocol(stream, draft, span)?;
            }
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
            let targets = vocabulary::of(domain(draft)).targets;
            let is_word = ACTIONS.contains(&&*text) || targets.iter().any(|target| target.name == &*text);
            return Err(if is_word { hints::never_negated(&text, bang) } else { hints::unknown(draft, &text, span) });
        };
        match found.keyword.negation {
            Negation::Either | Negation::Before => {}
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
        let Draft { location, mut matches, action, started, located, .. } = std::mem::take(draft);
        matches.shrink_to_fit();
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
        let Some(DraftAction { kind, span, matches_before, families_before: _ }) =
            action.or_else(|| nft::action(&matches))
        else {
            let diagnostic = error(code::RULE, joined(start, end), "this rule has no action");
            return Err(diagnostic.help("end it with ACCEPT, DROP, jump, … or with NOP, which only counts").into());
        };
        let action = match kind {
            ActionKind::Plain(action) => action,
            ActionKind::Target(target, options) => Action::Target { name: target.printed, options, span },
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
        nft::apart(rule).into_iter().try_for_each(|rule| self.emit(&location, rule, end, calls))
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
        if matches!(needs, Needs::Ports | Needs::Multiport) || module.is_some_and(|name| !vocabulary::is_module(name)) {
            draft.need_protocol();
        }
        repeat_protocol_for(draft, keyword.name);
        let (operands, negated, end) = match keyword.arity {
            Arity::Flag => (Operands::Flag, bang.is_some(), span),
            Arity::Multiplied => {
                let (words, negated, end) = self.multiplied(stream, draft, keyword, bang)?;
                (Operands::OneOf(Self::of_the_family(draft, keyword, words)), negated, end)
            }
            Arity::ClassId => {
                let (words, negated, end) = self.multiplied(stream, draft, keyword, bang)?;
                let words = words.into_iter().map(class_id).collect::<Step<Vec<Word>>>()?;
                (Operands::OneOf(words), negated, end)
            }
            Arity::Single => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                (Operands::OneOf(vec![only(keyword, words, end)?]), negated, end)
            }
            Arity::Joined => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                if words.is_empty() {
                    return Err(hints::empty(keyword, end));
                }
                (Operands::Joined(words), negated, end)
            }
            Arity::Repeated => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                (Operands::Repeated(words), negated, end)
            }
            Arity::Ports => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                if negated && words.is_empty() {
                    return Err(hints::empty(keyword, end));
                }
                let operands = if words.is_empty() { Operands::OneOf(words) } else { Operands::Joined(words) };
                (operands, negated, end)
            }
            Arity::Pair | Arity::Set | Arity::TwoWords => self.pair(stream, draft, keyword, bang)?,
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
        let (value, negated) = self.negatable(stream, keyword, bang)?;
        let words = self.force(value.items, domain(draft))?;
        self.charge(words.len(), value.span)?;
        Ok((words, negated, value.span))
    }

    /// One value or several, which multiply the rule; several written ones cannot be negated.
    pub(super) fn multiplied(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &Keyword,
        bang: Option<Span>,
    ) -> Step<(Vec<Word>, bool, Span)> {
        let (value, negated) = self.negatable(stream, keyword, bang)?;
        if negated && value.items.len() != 1 {
            let diagnostic = error(code::OPERAND, value.span, "an array cannot be negated here");
            return Err(diagnostic.help("write one rule that returns or jumps for each of its words").into());
        }
        let domain = domain(draft);
        let words = match domain {
            Domain::Ip | Domain::Ip6 if is_address(keyword) => self.addresses(value.items, domain)?,
            Domain::Ip | Domain::Ip6 | Domain::Arp | Domain::Eb => self.force(value.items, domain)?,
        };
        self.charge(words.len(), value.span)?;
        Ok((words, negated, value.span))
    }

    fn negatable(&mut self, stream: &mut Stream, keyword: &Keyword, before: Option<Span>) -> Step<(Value, bool)> {
        let after = stream.take_mark("!");
        let mut value = self.value(stream)?;
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
        if keyword.negation == Negation::Before && before.is_none() {
            let message = format!("`!` cannot stand after `{}`", keyword.name);
            return Err(error(code::OPERAND, *bang, message)
                .help(format!("write it before: ! {} …", keyword.name))
                .into());
        }
        Ok((value, true))
    }

    /// Two operands of which only the first may be negated.
    pub(super) fn pair(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &Keyword,
        bang: Option<Span>,
    ) -> Step<(Operands, bool, Span)> {
        let (mut first, negated, start) = self.list(stream, draft, keyword, bang)?;
        let value = self.value(stream)?;
        super::values::plain(&value)?;
        let (mut second, end) = (self.force(value.items, domain(draft))?, value.span);
        if matches!(keyword.arity, Arity::Set | Arity::TwoWords) {
            first = vec![only(keyword, first, start)?];
        }
        if keyword.arity == Arity::TwoWords {
            second = vec![only(keyword, second, end)?];
        }
        if first.is_empty() || second.is_empty() {
            return Err(hints::empty(keyword, joined(start, end)));
        }
        Ok((Operands::Pair(first, second), negated, end))
    }

    /// Inside `domain (ip ip6)`, addresses of the other family are left out.
    fn of_the_family(draft: &Draft, keyword: &Keyword, mut words: Vec<Word>) -> Vec<Word> {
        if is_address(keyword) && draft.location.families == Families::Several {
            words.retain(|word| belongs(&word.text, domain(draft)));
        }
        words
    }
}

fn is_address(keyword: &Keyword) -> bool {
    matches!(keyword.canonical, "saddr" | "daddr")
}

pub(super) fn domain(draft: &Draft) -> Domain {
    draft.location.domain.unwrap_or(Domain::Ip)
}

/// The keyword that a word is in a rule: that of the protocol or the module that was named last, one of the core, a
/// shortcut.
pub(super) fn find(draft: &Draft, word: &str) -> Option<Found> {
    let domain = domain(draft);
    let Vocabulary { core, shortcuts, .. } = vocabulary::of(domain);
    let named = |keywords: &'static [Keyword]| keywords.iter().find(|keyword| keyword.name == word);
    let found = |keyword: &'static Keyword, module| {
        let needs = if keyword.arity == Arity::Ports { Needs::Multiport } else { Needs::Nothing };
        Found { keyword, module, needs, is_shortcut: false }
    };
    for family in draft.families.iter().rev() {
        if let Some(keyword) = family.keyword(word) {
            return Some(found(keyword, Some(family.name)));
        }
    }
    if let Some(keyword) = named(core) {
        let needs = if matches!(word, "sport" | "dport") { Needs::Ports } else { Needs::Nothing };
        return Some(Found { keyword, module: None, needs, is_shortcut: false });
    }
    shortcuts.iter().find(|shortcut| shortcut.keyword.name == word).map(|shortcut| Found {
        keyword: &shortcut.keyword,
        module: Some(shortcut.module),
        needs: shortcut.needs,
        is_shortcut: true,
    })
}

pub(super) fn check_needs(draft: &mut Draft, needs: Needs, word: &str, span: Span) -> Step<()> {
    let protocol = draft.protocol.as_ref();
    match (needs, protocol) {
        (Needs::Nothing, _) => Ok(()),
        (Needs::Tcp | Needs::Ports | Needs::Multiport, None) => {
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
        (Needs::Ports, Some(protocol)) => has_ports(protocol, WITH_PORTS, word, span),
        (Needs::Multiport, Some(protocol)) => has_ports(protocol, WITH_PORT_LISTS, word, span),
    }
}

/// Of several protocols one with ports is enough: iptables refuses the others.
fn has_ports(protocol: &Protocol, with_ports: &[&str], word: &str, span: Span) -> Step<()> {
    let Protocol { names, negated, pending: _ } = protocol;
    if !negated && names.iter().any(|name| with_ports.contains(&&**name)) {
        return Ok(());
    }
    let not = if *negated { "every protocol but " } else { "" };
    let message = match names.first() {
        Some(name) => format!("`{word}` is not possible for {not}`{name}`"),
        None => format!("`{word}` needs a protocol, and the array before it is empty"),
    };
    let help = format!("protocols with ports, by name: {}", with_ports.join(", "));
    Err(error(code::OPERAND, span, message).help(help).into())
}

/// The one word that an operand must be.
pub(super) fn only(keyword: &Keyword, words: Vec<Word>, span: Span) -> Step<Word> {
    <[Word; 1]>::try_from(words).map(|[word]| word).map_err(|words| {
        let message = format!("`{}` takes one word, not {}", keyword.name, words.len());
        error(code::OPERAND, span, message).into()
    })
}

/// A control group's number; `MAJOR:MINOR` in hexadecimal is two halves of 16 bits.
fn class_id(mut word: Word) -> Step<Word> {
    let is_hex = |half: &str| (1..=4).contains(&half.len()) && half.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = match word.text.split_once(':') {
        Some((major, minor)) if is_hex(major) && is_hex(minor) => {
            u64::from_str_radix(major, 16).ok().zip(u64::from_str_radix(minor, 16).ok()).map(|(a, b)| (a << 16) | b)
        }
        Some(_) => None,
        None if word.text.bytes().all(|digit| digit.is_ascii_digit()) => word.text.parse().ok(),
        None => None,
    };
    let Some(number) = number.filter(|number| *number <= CLASS_ID) else {
        let diagnostic = error(code::OPERAND, word.span, format!("`{}` is no class of a control group", word.text));
        return Err(diagnostic.help("write a decimal number of 32 bits, or MAJOR:MINOR in hexadecimal").into());
    };
    // ferm leaves a decimal number as it is written.
    if word.text.contains(':') {
        word.text = number.to_string().into();
    }
    Ok(word)
}

fn operand_count(operands: &Operands) -> usize {
    match operands {
        Operands::Flag => 0,
        Operands::OneOf(words) | Operands::Joined(words) | Operands::Repeated(words) => words.len(),
        Operands::Pair(mask, comparison) => mask.len() + comparison.len(),
    }
}
