//! The evaluator: one loop over a stream of nodes, like ferm's own.
//!
//! A rule grammar cannot express the language: how many operands a keyword takes depends on the domain, the protocol,
//! the modules and the target before it, and a function's body may be half a rule. So statements are read word by
//! word, with a [`Draft`] of the rule as the only context.
//!
//! Invariant: a word is either acted upon or refused with its place. An error ends its statement, not the reading.

mod builtins;
mod cluster;
mod commands;
mod deferred;
mod definitions;
mod directives;
mod hints;
mod location;
mod modules;
mod nft;
mod options;
mod output;
mod scope;
mod targets;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use self::output::Output;
use self::scope::{Frame, Place, Script};
use crate::diagnostic::{Code, Diagnostic};
use crate::host::code;
use crate::host::draft::Draft;
use crate::host::limits::{CALLS, DIAGNOSTICS, EVALUATION_DEPTH, WORK};
use crate::host::rule::{HostCommand, HostRules};
use crate::host::stream::{Call, Stream};
use crate::host::surroundings::{Record, Surroundings};
use crate::host::tree::{Brackets, Group, Node, Token, TokenKind};
use crate::source::{SourceId, Sources, Span};

/// An error ends the statement that it is in.
pub(super) type Step<T> = Result<T, Box<Diagnostic>>;

/// What comes after a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flow {
    /// More of the same statement.
    More,
    /// The next statement.
    Done,
}

/// Evaluates the file at `main_path`, with the variables of `definitions` (`$name=value`) taking precedence.
pub(super) fn evaluate(
    main_path: &str,
    surroundings: Surroundings<'_>,
    definitions: &[String],
    sources: &mut Sources,
) -> (HostRules, Vec<Diagnostic>) {
    let mut evaluator = Evaluator {
        surroundings,
        sources,
        diagnostics: Vec::new(),
        frames: vec![Frame::default(), Frame::default()],
        places: vec![Place::default()],
        scripts: Vec::new(),
        trees: BTreeMap::new(),
        globbed: BTreeSet::new(),
        outputs: BTreeMap::new(),
        resolved_names: BTreeMap::new(),
        commands: Vec::new(),
        noted: BTreeSet::new(),
        output: Output::default(),
        work: 0,
        depth: 0,
        includes: 0,
        exhausted: false,
    };
    for definition in definitions {
        evaluator.define_from_outside(definition);
    }
    evaluator.main(main_path);
    let Evaluator { output, commands, diagnostics, .. } = evaluator;
    (HostRules { chains: output.into_chains(), commands, ipsets: Arc::default() }, diagnostics)
}

struct Evaluator<'a> {
    surroundings: Surroundings<'a>,
    sources: &'a mut Sources,
    diagnostics: Vec<Diagnostic>,
    /// The outermost, of the command line, first.
    frames: Vec<Frame>,
    /// What has been said of places, in the blocks and files that are open; the main file's first.
    places: Vec<Place>,
    /// The files being read, the main one first.
    scripts: Vec<Script>,
    /// Files read before, by path.
    trees: BTreeMap<String, (SourceId, Arc<[Node]>)>,
    /// Paths that `@glob` has found.
    globbed: BTreeSet<String>,
    /// What commands have printed, by command.
    outputs: BTreeMap<String, String>,
    /// What name servers have said.
    resolved_names: BTreeMap<(String, Record), Vec<String>>,
    /// The commands met so far.
    commands: Vec<HostCommand>,
    /// Where they stand: a statement may be read several times.
    noted: BTreeSet<(SourceId, u32)>,
    output: Output,
    /// Nodes read and words copied.
    work: u64,
    depth: u32,
    includes: u32,
    /// Whether a bound was exceeded that ends the reading.
    exhausted: bool,
}

impl Evaluator<'_> {
    /// Reads statements until the stream ends. An error is reported and the next statement tried.
    fn statements(&mut self, stream: &mut Stream, base: &Draft) {
        while !self.exhausted && stream.peek().is_some() {
            stream.begin();
            if let Err(diagnostic) = self.statement(stream, base.clone()) {
                self.report(*diagnostic);
                stream.recover();
            }
        }
    }

    fn statement(&mut self, stream: &mut Stream, mut draft: Draft) -> Step<()> {
        loop {
            let position = stream.position();
            self.charge(1, position)?;
            let Some(node) = stream.next() else {
                return match draft.started.or(draft.located) {
                    Some(begun) => Err(error(code::SYNTAX, position, "`;` is missing at the end of a rule")
                        .label(begun, "the rule begins here")
                        .into()),
                    None => Ok(()),
                };
            };
            let calls = stream.calls();
            match self.item(stream, &mut draft, node) {
                Ok(Flow::More) => {}
                Ok(Flow::Done) => return Ok(()),
                Err(diagnostic) => return Err(with_calls(diagnostic, calls.as_deref())),
            }
        }
    }

    fn item(&mut self, stream: &mut Stream, draft: &mut Draft, node: Node) -> Step<Flow> {
        match node {
            Node::Token(Token { kind: TokenKind::Word, text, span }) => self.word(stream, draft, &text, span),
            Node::Token(Token { kind: TokenKind::Directive, text, span }) => self.directive(stream, draft, &text, span),
            Node::Token(Token { kind: TokenKind::Mark, text, span }) => match &*text {
                ";" => self.finish(draft, span, stream.calls().as_ref()).map(|()| Flow::Done),
                "!" => self.negated_keyword(stream, draft, span),
                "&" => self.call(stream, span),
                _ => Err(error(code::SYNTAX, span, format!("`{text}` cannot stand here")).into()),
            },
            Node::Token(Token { kind: TokenKind::Double | TokenKind::Single, text, span }) => {
                let diagnostic = error(code::UNKNOWN_WORD, span, format!("`{text}` is a string, not a keyword"));
                Err(diagnostic.help("keywords are written without quotes").into())
            }
            Node::Token(Token { kind: TokenKind::Shell, text: _, span }) => {
                let diagnostic = error(code::SYNTAX, span, "a command in backticks cannot stand here");
                Err(diagnostic.help("its output can be a value, not keywords: @include 'COMMAND|' reads those").into())
            }
            Node::Group(group @ Group { brackets: Brackets::Braces, .. }) => {
                self.block(stream, std::mem::take(draft), group, Place::default())?;
                Ok(Flow::Done)
            }
            Node::Group(Group { brackets: Brackets::Parens, span, .. }) => {
                Err(error(code::SYNTAX, opening(span), "`(` cannot stand here: a keyword is expected").into())
            }
            Node::Value(_, span) => {
                Err(error(code::SYNTAX, span, "a parameter cannot stand here: a keyword is expected").into())
            }
        }
    }

    /// The statements of a block, which all begin with `draft`, in a frame of their own.
    fn block(&mut self, stream: &mut Stream, draft: Draft, group: Group, place: Place) -> Step<()> {
        let calls = stream.calls();
        self.deeper(opening(group.span))?;
        self.frames.push(Frame::default());
        self.places.push(place);
        let mut inner = Stream::new(group.nodes, group.closing, calls);
        self.statements(&mut inner, &draft.for_block());
        self.frames.pop();
        self.places.pop();
        self.depth -= 1;
        Ok(())
    }

    /// Counts one more level of nesting; the caller subtracts it again.
    fn deeper(&mut self, span: Span) -> Step<()> {
        if self.depth >= EVALUATION_DEPTH {
            let message = format!("blocks, calls and includes nest deeper than {EVALUATION_DEPTH}");
            return Err(error(code::LIMIT, span, message).into());
        }
        self.depth += 1;
        Ok(())
    }

    /// Makes the call that is about to be evaluated, refusing the one that is one too deep.
    fn enter_call(name: Arc<str>, span: Span, parent: Option<Rc<Call>>) -> Step<Rc<Call>> {
        let depth = parent.as_ref().map_or(1, |parent| parent.depth + 1);
        if depth > CALLS {
            let message = format!("`{name}` is called {CALLS} calls deep: calls and includes must end somewhere");
            return Err(error(code::LIMIT, span, message).into());
        }
        Ok(Rc::new(Call { name, span, parent, depth }))
    }

    /// Counts work done, so that no configuration takes for ever.
    fn charge(&mut self, amount: usize, span: Span) -> Step<()> {
        self.work = self.work.saturating_add(amount as u64);
        if self.work <= WORK {
            return Ok(());
        }
        self.exhausted = true;
        let message = "the configuration is too large: the rest is not read";
        let help = format!("at most {WORK} words are evaluated, those that calls and variables repeat included");
        Err(error(code::LIMIT, span, message).help(help).into())
    }

    /// Keeps a finding once, however many passes find it.
    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.contains(&diagnostic) {
            return;
        }
        self.diagnostics.push(diagnostic);
        if self.diagnostics.len() >= DIAGNOSTICS
            && !self.exhausted
            && let Some(span) = self.diagnostics.last().and_then(|last| last.span)
        {
            self.exhausted = true;
            self.diagnostics.push(error(code::LIMIT, span, "too many findings: the rest is not read"));
        }
    }

    /// Reports something doubtful at `span`.
    fn warn(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.report(Diagnostic::warning(code::DOUBTFUL, span, message).help(help));
    }
}

/// An error that is still to be boxed.
fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, span, message)
}

fn shell_refused(span: Span) -> Box<Diagnostic> {
    error(code::UNSUPPORTED, span, "shell commands are not run here")
        .help("--allow-exec runs them; or include a file that the command has written")
        .into()
}

/// Adds the calls that led to an error, the nearest first.
fn with_calls(mut diagnostic: Box<Diagnostic>, calls: Option<&Call>) -> Box<Diagnostic> {
    const SHOWN: usize = 8;
    if !diagnostic.labels.iter().any(|label| label.text.starts_with("called as")) {
        let chain = std::iter::successors(calls, |call| call.parent.as_deref()).take(SHOWN);
        for call in chain {
            *diagnostic = diagnostic.clone().label(call.span, format!("called as `{}` here", call.name));
        }
    }
    diagnostic
}

/// The opening bracket of a group.
fn opening(span: Span) -> Span {
    Span { end: (span.start + 1).min(span.end), ..span }
}

/// From one span to another, or the first alone if they are not in order in one source.
fn joined(first: Span, last: Span) -> Span {
    if first.source == last.source && last.end >= first.end { Span { end: last.end, ..first } } else { first }
}
