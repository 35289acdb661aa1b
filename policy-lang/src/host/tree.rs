//! From text to a token tree: words, strings, marks and bracketed groups, each with its span.
//!
//! Invariant: nothing is left out silently. Whatever begins no token is skipped as ferm skips it, with a warning.

use std::sync::Arc;

use self::reader::Read;
use crate::diagnostic::Diagnostic;
use crate::host::code;
use crate::host::limits::{FILE_BYTES, NESTING};
use crate::host::value::Value;
use crate::source::{SourceId, Sources, Span};

mod complaints;
#[cfg(test)]
mod grammar;
mod reader;

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
    if text.len() > FILE_BYTES {
        let message = format!("the file is larger than {FILE_BYTES} bytes");
        diagnostics.push(Diagnostic::error(code::LIMIT, Span { source, start: 0, end: 0 }, message));
        return Arc::new([]);
    }
    if let Some(at) = too_deep(&text) {
        let span = Span { source, start: at, end: at + 1 };
        diagnostics.push(Diagnostic::error(code::LIMIT, span, format!("brackets nest deeper than {NESTING}")));
        return Arc::new([]);
    }
    let Read { nodes, complaints } = reader::read(source, &text);
    complaints.report(&text, diagnostics);
    nodes.into()
}

/// The offset of the bracket that opens one level too many.
///
/// Brackets in strings and comments count too, which errs on the safe side: what reads the tree descends into it, and has
/// a bounded stack.
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

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
