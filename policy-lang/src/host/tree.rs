//! From text to a token tree: words, strings, marks and bracketed groups, each with its span.
//!
//! Invariant: nothing is left out silently. Whatever begins no token is skipped as ferm skips it, with a warning.

use std::collections::BTreeMap;
use std::sync::Arc;

use pest::Parser as _;
use pest::iterators::Pair;

use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::limits::{DIAGNOSTICS, FILE_BYTES, NESTING};
use crate::host::value::Value;
use crate::source::{SourceId, Sources, Span};

/// One element of a token tree.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A token.
    Token(Token),
    /// A bracketed group.
    Group(Group),
    /// A function's argument in the place of its parameter.
    Value(Arc<Value>, Span),
}

/// A token and its text: of a string what is between the quotes, of a directive what follows the `@`.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) text: Arc<str>,
    pub(super) span: Span,
}

/// The kinds of token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TokenKind {
    /// A bare word.
    Word,
    /// `"…"`, in which variables are replaced.
    Double,
    /// `'…'`, taken literally.
    Single,
    /// A shell command in backticks.
    Shell,
    /// One of `! , = & $ % ;`.
    Mark,
    /// `@word`.
    Directive,
}

/// What is between two brackets.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) brackets: Brackets,
    pub(super) nodes: Arc<[Node]>,
    pub(super) span: Span,
    /// The closing bracket, or the place where it is missed.
    pub(super) closing: Span,
}

/// The kinds of bracket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Brackets {
    /// `{ }`
    Braces,
    /// `( )`
    Parens,
}

impl Node {
    /// Where it stands; for an argument, where the parameter stands.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Token(token) => token.span,
            Self::Group(group) => group.span,
            Self::Value(_, span) => *span,
        }
    }

    /// Whether it is this mark.
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        matches!(self, Self::Token(Token { kind: TokenKind::Mark, text, .. }) if &**text == mark)
    }

    /// Whether it is a block in braces.
    pub(super) fn is_block(&self) -> bool {
        matches!(self, Self::Group(Group { brackets: Brackets::Braces, .. }))
    }

    /// Whether it is this directive, given without its `@`.
    pub(super) fn is_directive(&self, name: &str) -> bool {
        matches!(self, Self::Token(Token { kind: TokenKind::Directive, text, .. }) if &**text == name)
    }
}

/// Reads a source into a tree. A file that is too large or too deep is refused whole and gives an empty tree.
pub(super) fn parse(source: SourceId, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Arc<[Node]> {
    let text = Arc::clone(sources.text(source));
    let whole = Span { source, start: 0, end: offset(text.len()) };
    if text.len() > FILE_BYTES {
        let message = format!("the file is larger than {FILE_BYTES} bytes");
        diagnostics.push(Diagnostic::error(code::LIMIT, Span { end: 0, ..whole }, message));
        return Arc::new([]);
    }
    if let Some(at) = too_deep(&text) {
        let span = Span { source, start: at, end: at + 1 };
        diagnostics.push(Diagnostic::error(code::LIMIT, span, format!("brackets nest deeper than {NESTING}")));
        return Arc::new([]);
    }
    let mut reader = Reader { source, diagnostics, shared: BTreeMap::new(), skipped: Vec::new(), more_skipped: 0 };
    let nodes = match grammar::Grammar::parse(grammar::Rule::file, &text) {
        Ok(mut pairs) => pairs.next().map_or_else(Vec::new, |file| reader.nodes(file)),
        Err(error) => {
            let message = format!("the file cannot be read: {}", error.variant.message());
            reader.diagnostics.push(Diagnostic::error(code::SYNTAX, whole, message));
            Vec::new()
        }
    };
    reader.report_skipped(&text);
    nodes.into()
}

/// The offset of the bracket that opens one level too many.
///
/// Brackets in strings and comments count too, which errs on the safe side: the recursive descent below this check
/// has a bounded stack.
fn too_deep(text: &str) -> Option<u32> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            return Some(offset(at));
        }
    }
    None
}

/// Skipped characters that a warning quotes.
const SHOWN: usize = 20;

struct Reader<'a, 't> {
    source: SourceId,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// The texts of tokens that are likely to come again.
    shared: BTreeMap<&'t str, Arc<str>>,
    /// Runs of skipped characters, the first of many.
    skipped: Vec<Span>,
    /// Skipped characters after those.
    more_skipped: usize,
}

impl<'t> Reader<'_, 't> {
    fn nodes(&mut self, parent: Pair<'t, grammar::Rule>) -> Vec<Node> {
        parent.into_inner().filter_map(|pair| self.node(pair)).collect()
    }

    fn node(&mut self, pair: Pair<'t, grammar::Rule>) -> Option<Node> {
        use grammar::Rule;
        let span = self.span(&pair);
        let rule = pair.as_rule();
        match rule {
            Rule::block => Some(self.group(pair, Brackets::Braces)),
            Rule::list => Some(self.group(pair, Brackets::Parens)),
            Rule::double | Rule::single => {
                let kind = if rule == Rule::double { TokenKind::Double } else { TokenKind::Single };
                let text = pair.into_inner().next().map_or("", |inner| inner.as_str()).into();
                Some(Node::Token(Token { kind, text, span }))
            }
            Rule::shell => Some(Node::Token(Token { kind: TokenKind::Shell, text: pair.as_str().into(), span })),
            Rule::mark => Some(Node::Token(Token { kind: TokenKind::Mark, text: self.text(pair.as_str()), span })),
            Rule::word => Some(Node::Token(Token { kind: TokenKind::Word, text: self.text(pair.as_str()), span })),
            Rule::directive => {
                let text = pair.as_str().trim_start_matches('@').into();
                Some(Node::Token(Token { kind: TokenKind::Directive, text, span }))
            }
            Rule::stray | Rule::stray_paren => {
                let message = format!("`{}` closes nothing", pair.as_str());
                self.refuse(span, message);
                None
            }
            Rule::skipped => {
                self.skip(span);
                None
            }
            Rule::file
            | Rule::node
            | Rule::close_brace
            | Rule::close_paren
            | Rule::in_double
            | Rule::in_single
            | Rule::comment
            | Rule::blank
            | Rule::EOI => None,
        }
    }

    /// The text of a token. Marks and keywords come again and again; addresses and numbers do not.
    fn text(&mut self, text: &'t str) -> Arc<str> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.into();
        }
        Arc::clone(self.shared.entry(text).or_insert_with(|| text.into()))
    }

    fn group(&mut self, pair: Pair<'t, grammar::Rule>, brackets: Brackets) -> Node {
        use grammar::Rule;
        let span = self.span(&pair);
        let closing = pair
            .clone()
            .into_inner()
            .last()
            .filter(|last| matches!(last.as_rule(), Rule::close_brace | Rule::close_paren))
            .map(|last| self.span(&last));
        if closing.is_none() {
            let bracket = match brackets {
                Brackets::Braces => "{",
                Brackets::Parens => "(",
            };
            let opening = Span { end: span.start + 1, ..span };
            let message = format!("`{bracket}` is never closed");
            self.refuse(opening, message);
        }
        let closing = closing.unwrap_or(Span { start: span.end, ..span });
        Node::Group(Group { brackets, nodes: self.nodes(pair).into(), span, closing })
    }

    /// Reports an error, unless there are too many of them already.
    fn refuse(&mut self, span: Span, message: String) {
        if self.diagnostics.len() < DIAGNOSTICS {
            self.diagnostics.push(Diagnostic::error(code::SYNTAX, span, message));
        }
    }

    fn skip(&mut self, span: Span) {
        let is_full = self.skipped.len() >= DIAGNOSTICS / 2;
        match self.skipped.last_mut() {
            Some(run) if run.end == span.start => run.end = span.end,
            _ if is_full => self.more_skipped += 1,
            _ => self.skipped.push(span),
        }
    }

    /// One warning for each run of adjacent skipped characters.
    fn report_skipped(&mut self, text: &str) {
        for run in &self.skipped {
            let skipped: String =
                text.get(run.start as usize..run.end as usize).unwrap_or("").chars().take(SHOWN).collect();
            let message = format!("`{skipped}` has no meaning outside a string and is skipped");
            let help = if skipped.starts_with(['"', '\'', '`']) {
                "a string ends on the line that it begins on, and has no escapes"
            } else {
                "quote the word if it belongs to one"
            };
            self.diagnostics.push(Diagnostic::warning(code::SKIPPED, *run, message).help(help));
        }
        if let Some(last) = self.skipped.last().filter(|_| self.more_skipped > 0) {
            let message = format!("{} more characters are skipped after this one", self.more_skipped);
            self.diagnostics.push(Diagnostic::warning(code::SKIPPED, *last, message));
        }
    }

    fn span(&self, pair: &Pair<'_, grammar::Rule>) -> Span {
        let span = pair.as_span();
        Span { source: self.source, start: offset(span.start()), end: offset(span.end()) }
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

mod grammar {
    /// The generated parser.
    #[derive(Debug, pest_derive::Parser)]
    #[grammar = "src/host/grammar.pest"]
    pub(super) struct Grammar;
}
