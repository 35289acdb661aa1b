//! Keywords, modules, protocols, actions and targets: what the words of a rule mean.

use std::rc::Rc;
use std::sync::Arc;

use super::location::{no_chain, two_actions};
use super::{Evaluator, Flow, Step, error, joined};
use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction, Families, Protocol};
use crate::host::limits::LOG_PREFIX;
use crate::host::rule::{Action, Domain, HostRule, Match, Operands, TargetOption, Word};
use crate::host::stream::{Call, Stream};
use crate::host::tree::{Node, Token, TokenKind};
use crate::host::value::{Value, belongs, force};
use crate::host::vocabulary::suggestion::nearest;
use crate::host::vocabulary::{
    self, ACTIONS, Arity, CORE, FOREIGN, Keyword, MODULE_MARK, MODULES, Needs, Negation, PROTOCOLS, SHORTCUTS, TARGETS,
    WITH_PORTS,
};
use crate::source::Span;

/// A keyword and what brings it.
#[derive(Clone, Copy, Debug)]
struct Found {
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
            return Err(self.stray_word(draft, word, span));
        }
        draft.start(span);
        match word {
            "mod" | "module" => self.load_modules(stream, draft, span)?,
            "proto" | "protocol" => self.protocol(stream, draft, span)?,
            "jump" | "goto" | "realgoto" => self.jump(stream, draft, word, span)?,
            _ => {
                if !self.target_option(stream, draft, word, span)? && !self.action(draft, word, span)? {
                    let Some(found) = find(draft, word) else { return Err(unknown(draft, word, span)) };
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
            return Err(if is_word { never_negated(&text, bang) } else { unknown(draft, &text, span) });
        };
        match found.keyword.negation {
            Negation::Either => {}
            Negation::After => {
                let message = format!("`!` cannot stand before `{text}`");
                return Err(error(code::OPERAND, bang, message).help(format!("write it after: {text} !…")).into());
            }
            Negation::Never => return Err(never_negated(&text, bang)),
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
            matches_before_action: matches_before,
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
            let Some(module) = vocabulary::module(&word.text) else { return Err(unknown_module(&word)) };
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

    fn jump(&mut self, stream: &mut Stream, draft: &mut Draft, word: &str, span: Span) -> Step<()> {
        if word == "realgoto" {
            self.warn(span, "`realgoto` is an old spelling", "write goto");
        }
        let chain = self.single(stream, &draft.location)?;
        let action = match (word, &*chain.text) {
            ("jump", "ACCEPT") => Action::Accept,
            ("jump", "DROP") => Action::Drop,
            ("jump", "RETURN") => Action::Return,
            ("jump", _) => Action::Jump(chain),
            _ => Action::Goto(chain),
        };
        set_action(draft, ActionKind::Plain(action), span)
    }

    /// An action or a target. Returns whether the word is one.
    fn action(&mut self, draft: &mut Draft, word: &str, span: Span) -> Step<bool> {
        let kind = match word {
            "ACCEPT" => ActionKind::Plain(Action::Accept),
            "DROP" => ActionKind::Plain(Action::Drop),
            "RETURN" => ActionKind::Plain(Action::Return),
            "NOP" => ActionKind::Plain(Action::Nop),
            _ => match TARGETS.iter().find(|target| target.name == word) {
                Some(target) => {
                    check_needs(draft, target.needs, word, span)?;
                    ActionKind::Target(target, Vec::new())
                }
                None => return Ok(false),
            },
        };
        set_action(draft, kind, span)?;
        Ok(true)
    }

    /// An option of the rule's target. Returns whether the word is one.
    fn target_option(&mut self, stream: &mut Stream, draft: &mut Draft, word: &str, span: Span) -> Step<bool> {
        let Some(DraftAction { kind: ActionKind::Target(target, _), .. }) = &draft.action else { return Ok(false) };
        let target = *target;
        let Some(keyword) = target.options.iter().find(|keyword| keyword.name == word) else { return Ok(false) };
        let (operands, end) = self.target_operands(stream, draft, keyword)?;
        let operands = self.adjusted(draft, keyword, operands);
        let option = TargetOption { keyword: keyword.canonical, operands, span: joined(span, end.unwrap_or(span)) };
        if let Some(DraftAction { kind: ActionKind::Target(_, options), .. }) = &mut draft.action {
            options.push(option);
        }
        Ok(true)
    }

    fn target_operands(
        &mut self,
        stream: &mut Stream,
        draft: &Draft,
        keyword: &'static Keyword,
    ) -> Step<(Operands, Option<Span>)> {
        match keyword.arity {
            Arity::Flag => Ok((Operands::Flag, None)),
            Arity::Single | Arity::Multiplied => {
                let (words, _, end) = self.list(stream, draft, keyword, None)?;
                if words.len() != 1 {
                    let message = format!("`{}` takes one word, not {}", keyword.name, words.len());
                    return Err(error(code::OPERAND, end, message).into());
                }
                Ok((Operands::OneOf(words), Some(end)))
            }
            Arity::Joined | Arity::Ports | Arity::Pair | Arity::Repeated => {
                let (words, _, end) = self.list(stream, draft, keyword, None)?;
                if words.is_empty() {
                    return Err(empty(keyword, end));
                }
                Ok((Operands::Joined(words), Some(end)))
            }
        }
    }

    /// What ferm does to the operands of single options: ip6's names of rejections, the length of a log prefix.
    fn adjusted(&mut self, draft: &Draft, keyword: &Keyword, mut operands: Operands) -> Operands {
        let Operands::OneOf(words) = &mut operands else { return operands };
        for word in words {
            if keyword.name == "reject-with" && domain(draft) == Domain::Ip6 {
                word.text = reject_in_ip6(&word.text).into();
            } else if keyword.name == "log-prefix" && word.text.len() > LOG_PREFIX {
                let message = format!("this log prefix is longer than {LOG_PREFIX} bytes");
                self.warn(word.span, message, "the rest is cut off, as the kernel would");
                word.text = word.text.get(..floor(&word.text, LOG_PREFIX)).unwrap_or("").into();
            }
        }
        operands
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
                (Operands::OneOf(self.of_the_family(draft, keyword, words)), negated, end)
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
                    return Err(empty(keyword, end));
                }
                (Operands::Joined(words), negated, end)
            }
            Arity::Ports => {
                let (words, negated, end) = self.list(stream, draft, keyword, bang)?;
                let operands = if words.is_empty() { Operands::OneOf(words) } else { Operands::Joined(words) };
                (operands, negated, end)
            }
            Arity::Pair => {
                let (mask, negated, first) = self.list(stream, draft, keyword, bang)?;
                let (comparison, _, end) = self.pair_end(stream, draft)?;
                if mask.is_empty() || comparison.is_empty() {
                    return Err(empty(keyword, joined(first, end)));
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
    fn list(
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
            return Err(never_negated(keyword.name, *bang));
        }
        Ok((value, true))
    }

    fn pair_end(&mut self, stream: &mut Stream, draft: &Draft) -> Step<(Vec<Word>, bool, Span)> {
        let value = self.value(stream, &draft.location)?;
        super::values::plain(&value)?;
        Ok((force(&value.items, domain(draft)), false, value.span))
    }

    /// Inside `domain (ip ip6)`, addresses of the other family are left out.
    fn of_the_family(&self, draft: &Draft, keyword: &Keyword, mut words: Vec<Word>) -> Vec<Word> {
        let is_address = matches!(keyword.canonical, "saddr" | "daddr");
        if is_address && draft.location.families == Families::Several {
            words.retain(|word| belongs(&word.text, domain(draft)));
        }
        words
    }

    /// A word where no chain is known.
    fn stray_word(&self, draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
        let is_known = find(draft, word).is_some()
            || ACTIONS.contains(&word)
            || matches!(word, "mod" | "module" | "realgoto")
            || TARGETS.iter().any(|target| target.name == word);
        if is_known { no_chain(span) } else { unknown(draft, word, span) }
    }
}

fn domain(draft: &Draft) -> Domain {
    draft.location.domain.unwrap_or(Domain::Ip)
}

/// The keyword that a word is in a rule: the protocol's, a module's, one of the core, a shortcut.
fn find(draft: &Draft, word: &str) -> Option<Found> {
    let named = |keywords: &'static [Keyword]| keywords.iter().find(|keyword| keyword.name == word);
    let found = |keyword, module| Found { keyword, module, needs: Needs::Nothing, is_shortcut: false };
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

fn check_needs(draft: &mut Draft, needs: Needs, word: &str, span: Span) -> Step<()> {
    let protocol = draft.protocol.as_ref();
    match (needs, protocol) {
        (Needs::Nothing, _) => Ok(()),
        (Needs::Protocol | Needs::Ports, None) => {
            let diagnostic = error(code::OPERAND, span, format!("`{word}` needs a protocol before it"));
            Err(diagnostic.help("for example: proto tcp").into())
        }
        (Needs::Protocol, Some(_)) => {
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

/// A shortcut loads its module; where it is loaded already, iptables is told again.
fn load_for_shortcut(draft: &mut Draft, name: &str, span: Span) {
    let Some(module) = vocabulary::module(name) else { return };
    if draft.matches.iter().any(|part| part.module == Some(module.name)) {
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
            action.matches_before = action.matches_before.min(draft.matches.len());
        }
    }
}

fn module_mark(module: &'static str, span: Span) -> Match {
    Match { keyword: MODULE_MARK, module: Some(module), negated: false, operands: Operands::Flag, span }
}

fn set_action(draft: &mut Draft, kind: ActionKind, span: Span) -> Step<()> {
    if let Some(first) = &draft.action {
        return Err(two_actions(span, first));
    }
    draft.action = Some(DraftAction { kind, span, matches_before: draft.matches.len() });
    Ok(())
}

fn operand_count(operands: &Operands) -> usize {
    match operands {
        Operands::Flag => 0,
        Operands::OneOf(words) | Operands::Joined(words) => words.len(),
        Operands::Pair(mask, comparison) => mask.len() + comparison.len(),
    }
}

fn reject_in_ip6(name: &str) -> &str {
    match name {
        "icmp-net-unreachable" => "icmp6-no-route",
        "icmp-host-unreachable" => "icmp6-addr-unreachable",
        "icmp-port-unreachable" => "icmp6-port-unreachable",
        "icmp-net-prohibited" | "icmp-host-prohibited" | "icmp-admin-prohibited" => "icmp6-adm-prohibited",
        _ => name,
    }
}

/// The last character boundary that is not past `limit` bytes.
fn floor(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn empty(keyword: &Keyword, span: Span) -> Box<Diagnostic> {
    error(code::OPERAND, span, format!("`{}` cannot take an empty array", keyword.name)).into()
}

fn never_negated(word: &str, bang: Span) -> Box<Diagnostic> {
    error(code::OPERAND, bang, format!("`{word}` cannot be negated")).into()
}

fn unknown_module(word: &Word) -> Box<Diagnostic> {
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
    match nearest(name, MODULES.iter().map(|module| module.name)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => diagnostic.help(format!("the modules are {}", names_of_modules())).into(),
    }
}

fn names_of_modules() -> String {
    MODULES.iter().map(|module| module.name).collect::<Vec<_>>().join(", ")
}

/// What is wrong with a word that is no keyword here.
fn unknown(draft: &Draft, word: &str, span: Span) -> Box<Diagnostic> {
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
    match nearest(word, candidates) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
        None => diagnostic.help("see the reference of supported keywords").into(),
    }
}
