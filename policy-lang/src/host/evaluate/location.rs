//! `domain`, `table`, `chain` and `policy`: where rules go, and the statements that are read once for each of several.

use std::sync::Arc;

use smallvec::smallvec;

use super::scope::Place;
use super::values::{deferred_refused, plain};
use super::{Evaluator, Flow, Step, error};
use crate::host::code;
use crate::host::draft::{ActionKind, Draft, DraftAction, Families, Location, Protocol};
use crate::host::expand::BUILTIN_CHAINS;
use crate::host::limits::CHAIN_NAME;
use crate::host::rule::{Action, ChainPolicy, Domain, Table, Word};
use crate::host::stream::Stream;
use crate::host::tree::{Brackets, Group, Node};
use crate::host::value::Item;
use crate::source::Span;
use crate::suggest::nearest;

const TABLES: &[Table] = &[Table::Filter, Table::Nat, Table::Mangle, Table::Raw, Table::Security, Table::Broute];

/// How packets enter a subchain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    /// `@subchain`
    Jump,
    /// `@gotosubchain`
    Goto,
}

impl Evaluator<'_> {
    /// What follows `domain`.
    pub(super) fn domain(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<Flow> {
        if draft.location.domain.is_some() {
            let diagnostic = error(code::LOCATION, span, "`domain` is given twice for one rule");
            return Err(diagnostic.help("`table` and `chain` without `domain` mean `domain ip`").into());
        }
        let words = self.named(stream)?;
        let mut domains = Vec::with_capacity(words.len());
        for word in &words {
            domains.push(domain_named(word)?);
        }
        draft.located.get_or_insert(span);
        if let [domain] = domains.as_slice() {
            draft.location.domain = Some(*domain);
            self.note_place(&draft.location);
            return Ok(Flow::More);
        }
        let rest = self.rest(stream, span)?;
        self.output.begin_replay();
        for domain in domains {
            self.output.begin_pass();
            let location = Location { domain: Some(domain), families: Families::Several, ..draft.location.clone() };
            self.note_place(&location);
            self.replay(stream, &rest, Draft { location, ..draft.clone() }, span)?;
        }
        self.output.end_replay();
        Ok(Flow::Done)
    }

    /// What follows `table`.
    pub(super) fn table(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<Flow> {
        if draft.location.table.is_some() {
            self.warn(span, "`table` is given twice for one rule", "the inner one is taken");
        }
        let words = self.named(stream)?;
        let mut tables = Vec::with_capacity(words.len());
        for word in &words {
            tables.push(table_named(word)?);
        }
        draft.located.get_or_insert(span);
        draft.location.domain.get_or_insert(Domain::Ip);
        if let [table] = tables.as_slice() {
            draft.location.table = Some(*table);
            self.note_place(&draft.location);
            return Ok(Flow::More);
        }
        let rest = self.rest(stream, span)?;
        for table in tables {
            let location = Location { table: Some(table), ..draft.location.clone() };
            self.note_place(&location);
            self.replay(stream, &rest, Draft { location, ..draft.clone() }, span)?;
        }
        Ok(Flow::Done)
    }

    /// What follows `chain`.
    pub(super) fn chain(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span) -> Step<Flow> {
        if draft.location.chain.is_some() {
            self.warn(span, "`chain` is given twice for one rule", "the inner one is taken");
        }
        let words = self.named(stream)?;
        draft.location.domain.get_or_insert(Domain::Ip);
        for word in &words {
            check_chain_name(word)?;
        }
        draft.located.get_or_insert(span);
        if let [word] = words.as_slice() {
            draft.location.chain = Some(Arc::clone(&word.text));
            self.note_place(&draft.location);
            self.output.open(&draft.location, word.span);
            return Ok(Flow::More);
        }
        let rest = self.rest(stream, span)?;
        for word in words {
            let location = Location { chain: Some(Arc::clone(&word.text)), ..draft.location.clone() };
            self.note_place(&location);
            self.output.open(&location, word.span);
            self.replay(stream, &rest, Draft { location, ..draft.clone() }, span)?;
        }
        Ok(Flow::Done)
    }

    /// What follows `policy`.
    pub(super) fn policy(&mut self, stream: &mut Stream, draft: &Draft, span: Span) -> Step<Flow> {
        if !draft.matches.is_empty() || draft.action.is_some() || draft.started.is_some() {
            return Err(
                error(code::LOCATION, span, "`policy` cannot depend on matches: it is the whole chain's").into()
            );
        }
        let Word { text: name, span: name_span, variable: _, peer: _ } = self.single(stream)?;
        let policy = match &*name {
            "ACCEPT" => ChainPolicy::Accept,
            "DROP" => ChainPolicy::Drop,
            "QUEUE" => ChainPolicy::Queue,
            "RETURN" => ChainPolicy::Return,
            _ => {
                let diagnostic = error(code::LOCATION, name_span, format!("`{name}` cannot be a policy"));
                return Err(diagnostic.help("write ACCEPT or DROP; REJECT is possible as the last rule").into());
            }
        };
        if draft.location.chain.is_none() {
            return Err(no_chain(span));
        }
        Self::semicolon(stream)?;
        self.output.set_policy(&draft.location, policy, super::joined(span, name_span));
        Ok(Flow::Done)
    }

    /// What follows `@subchain`: the rules in its block go to a chain of their own, which the rule before it enters.
    pub(super) fn subchain(&mut self, stream: &mut Stream, draft: &mut Draft, span: Span, entry: Entry) -> Step<Flow> {
        if draft.location.chain.is_none() {
            return Err(no_chain(span));
        }
        if draft.matches.is_empty() {
            return Err(error(code::RULE, span, "a subchain needs a match before it").into());
        }
        let name = match stream.peek() {
            Some(node) if node.is_block() => None,
            _ => Some(self.single(stream)?),
        };
        let position = stream.position();
        let Some(Node::Group(group @ Group { brackets: Brackets::Braces, .. })) = stream.next() else {
            return Err(error(code::SYNTAX, position, "`{` is missing after the subchain").into());
        };
        if let Some(action) = &draft.action {
            return Err(two_actions(span, action));
        }
        let name = match name {
            Some(name) => name,
            None => Word::new(self.output.automatic_name(), span),
        };
        check_length(&name)?;
        draft.start(span);
        let inner = Location { chain: Some(Arc::clone(&name.text)), ..draft.location.clone() };
        if !self.output.open(&inner, name.span) {
            let help = "the rules are appended to it";
            self.warn(name.span, format!("a chain `{}` exists already", name.text), help);
        }
        let protocol = draft.protocol.as_ref().map(|protocol| Protocol {
            pending: protocol.pending.clone().or_else(|| {
                draft.matches.iter().rev().find(|part| part.keyword == "proto" && part.module.is_none()).cloned()
            }),
            ..protocol.clone()
        });
        let (kind, location) = match entry {
            Entry::Jump => (Action::Jump(name), inner),
            Entry::Goto => (Action::Goto(name), inner),
        };
        let (families_before, matches_before) = (draft.families.len(), smallvec![draft.matches.len()]);
        draft.action = Some(DraftAction { kind: ActionKind::Plain(kind), span, families_before, matches_before });
        let base = Draft { location, protocol, families: draft.families.clone(), ..Draft::default() };
        let end = group.span;
        let place = Place { chain: base.location.chain.clone(), ..Place::default() };
        self.block(stream, base, group, place)?;
        self.finish(draft, end, stream.calls().as_ref())?;
        Ok(Flow::Done)
    }

    /// The words that name domains, tables or chains.
    fn named(&mut self, stream: &mut Stream) -> Step<Vec<Word>> {
        let value = self.value(stream)?;
        plain(&value)?;
        let word = |item| match item {
            Item::Word(word) => Ok(word),
            Item::Deferred(_) => Err(deferred_refused(value.span)),
        };
        value.items.into_iter().map(word).collect()
    }

    /// The rest of a statement, to be read several times.
    fn rest(&mut self, stream: &mut Stream, span: Span) -> Step<Arc<[Node]>> {
        let rest = stream.statement();
        self.charge(rest.len(), span)?;
        let is_conditional = rest.iter().any(|node| node.is_directive("if"));
        if let Some(other) = stream.peek().filter(|node| is_conditional && node.is_directive("else")) {
            let other = other.span();
            let help = "put braces around `@if` and `@else`: only what precedes is read for each element";
            self.warn(other, "this `@else` is never read: it is outside of what is repeated", help);
        }
        Ok(rest.into())
    }

    fn replay(&mut self, stream: &mut Stream, rest: &Arc<[Node]>, draft: Draft, span: Span) -> Step<()> {
        self.deeper(span)?;
        let end = rest.last().map_or(span, Node::span);
        let mut pass = Stream::new(Arc::clone(rest), end, stream.calls());
        // `chain (A B);` has nothing in it that could be read twice.
        let draft = Draft { located: None, ..draft };
        if let Err(diagnostic) = self.statement(&mut pass, draft) {
            self.report(*diagnostic);
        }
        self.depth -= 1;
        Ok(())
    }
}

pub(super) fn no_chain(span: Span) -> Box<crate::diagnostic::Diagnostic> {
    error(code::LOCATION, span, "no chain is named before this").help("for example: chain INPUT { … }").into()
}

pub(super) fn two_actions(span: Span, first: &DraftAction) -> Box<crate::diagnostic::Diagnostic> {
    error(code::RULE, span, "a rule has one action").label(first.span, "the first one").into()
}

fn domain_named(word: &Word) -> Step<Domain> {
    match &*word.text {
        "ip" => Ok(Domain::Ip),
        "ip6" => Ok(Domain::Ip6),
        "arp" => Ok(Domain::Arp),
        "eb" => Ok(Domain::Eb),
        name => Err(error(code::LOCATION, word.span, format!("there is no domain `{name}`"))
            .help("the domains are ip, ip6, arp and eb")
            .into()),
    }
}

fn table_named(word: &Word) -> Step<Table> {
    if let Some(table) = TABLES.iter().find(|table| table.to_string() == *word.text) {
        return Ok(*table);
    }
    let names: Vec<String> = TABLES.iter().map(ToString::to_string).collect();
    let diagnostic = error(code::LOCATION, word.span, format!("there is no table `{}`", word.text));
    let near = nearest(&word.text, &names.iter().map(String::as_str).collect::<Vec<_>>())
        .map(|near| format!("did you mean `{near}`?"));
    Err(diagnostic.help(near.unwrap_or_else(|| format!("the tables are {}", names.join(", ")))).into())
}

fn check_chain_name(word: &Word) -> Step<()> {
    check_length(word)?;
    let name = &*word.text;
    let upper = name.to_ascii_uppercase();
    // ferm minds lower case only: `Input` is a chain of one's own.
    if upper != name && name.to_ascii_lowercase() == name && BUILTIN_CHAINS.contains(&&*upper) {
        let message = format!("`{name}` is not the built-in chain `{upper}`");
        return Err(error(code::LOCATION, word.span, message).help("built-in chains are in upper case").into());
    }
    Ok(())
}

fn check_length(word: &Word) -> Step<()> {
    let name = &*word.text;
    if name.is_empty() {
        return Err(error(code::LOCATION, word.span, "a chain's name cannot be empty").into());
    }
    if name.len() > CHAIN_NAME {
        let message = format!("`{name}` is longer than {CHAIN_NAME} bytes, the longest name of a chain");
        return Err(error(code::LOCATION, word.span, message).into());
    }
    Ok(())
}
