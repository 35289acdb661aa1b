//! The reader: one pass over the bytes of a text, with a stack of the groups that are open.
//!
//! What a text's tree is says grammar.pest; a test holds this reader to it (docs/adr/0017).

use std::sync::Arc;

use super::complaints::Complaints;
use super::{Brackets, Group, Node, Token, TokenKind, offset};
use crate::source::{SourceId, Span};

/// Texts of tokens that are kept for the next of their kind.
const SHARED: usize = 256;

/// What reading a text gives.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) nodes: Vec<Node>,
    pub(super) complaints: Complaints,
}

/// Reads a text. Whatever it is, it has a tree.
pub(super) fn read(source: SourceId, text: &str) -> Read {
    let mut reader = Reader {
        source,
        text,
        at: 0,
        nodes: Vec::new(),
        open: Vec::new(),
        shared: [const { None }; SHARED],
        complaints: Complaints::default(),
    };
    while let Some(first) = reader.peek() {
        reader.step(first);
    }
    while let Some(open) = reader.open.pop() {
        reader.leave(open, None);
    }
    Read { nodes: reader.nodes, complaints: reader.complaints }
}

struct Reader<'t> {
    source: SourceId,
    text: &'t str,
    /// The byte that is read next.
    at: usize,
    /// Those of the innermost open group.
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// The texts of tokens that are likely to come again, each in one place that its letters choose.
    shared: [Option<(&'t str, Arc<str>)>; SHARED],
    complaints: Complaints,
}

/// A group that is not closed yet.
struct Open {
    brackets: Brackets,
    start: usize,
    /// The nodes before it.
    before: Vec<Node>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self, first: u8) {
        match first {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.at += 1,
            _ if is_word(first) => {
                let word = self.take(self.end_of(self.at, is_word));
                self.push(TokenKind::Word, word, word);
            }
            b'!' | b',' | b'=' | b'&' | b'$' | b'%' | b';' => {
                let mark = self.take(self.at + 1);
                self.push(TokenKind::Mark, mark, mark);
            }
            b'#' => self.at = self.end_of(self.at, |byte| byte != b'\n'),
            b'"' => self.string(first, TokenKind::Double),
            b'\'' => self.string(first, TokenKind::Single),
            b'`' => self.string(first, TokenKind::Shell),
            b'@' => self.directive(),
            b'{' => self.enter(Brackets::Braces),
            b'(' => self.enter(Brackets::Parens),
            b'}' => self.brace(),
            b')' => self.paren(),
            _ => self.skip(),
        }
    }

    /// A string, if it ends on the line that it begins on.
    fn string(&mut self, quote: u8, kind: TokenKind) {
        let inside = self.at + 1;
        let end = self.end_of(inside, |byte| byte != quote && byte != b'\n');
        if self.text.as_bytes().get(end) != Some(&quote) {
            return self.skip();
        }
        let text = self.text.get(inside..end).unwrap_or("");
        let whole = self.take(end + 1);
        // A command keeps its backticks: whoever runs it takes them off.
        self.push(kind, whole, if kind == TokenKind::Shell { whole } else { text });
    }

    fn directive(&mut self) {
        let end = self.end_of(self.at + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if end == self.at + 1 {
            return self.skip();
        }
        let whole = self.take(end);
        self.push(TokenKind::Directive, whole, whole.strip_prefix('@').unwrap_or(whole));
    }

    fn enter(&mut self, brackets: Brackets) {
        let before = std::mem::take(&mut self.nodes);
        self.open.push(Open { brackets, start: self.at, before });
        self.at += 1;
    }

    /// `}` closes lists that are open inside of its block; they are missing their `)`.
    fn brace(&mut self) {
        while let Some(open) = self.open.pop() {
            let is_block = open.brackets == Brackets::Braces;
            self.leave(open, is_block.then_some(self.at));
            if is_block {
                return;
            }
        }
        self.stray();
    }

    fn paren(&mut self) {
        match self.open.pop() {
            Some(open @ Open { brackets: Brackets::Parens, .. }) => self.leave(open, Some(self.at)),
            outer => {
                self.open.extend(outer);
                self.stray();
            }
        }
    }

    /// Ends a group, at its closing bracket or without one.
    fn leave(&mut self, open: Open, closing: Option<usize>) {
        let Open { brackets, start, before } = open;
        let closing = match closing {
            Some(at) => {
                self.at = at + 1;
                self.span(at, at + 1)
            }
            None => {
                self.complaints.unclosed(self.span(start, start + 1));
                self.span(self.at, self.at)
            }
        };
        let nodes = std::mem::replace(&mut self.nodes, before).into();
        self.nodes.push(Node::Group(Group { brackets, nodes, span: self.span(start, self.at), closing }));
    }

    /// A closing bracket that nothing opened.
    fn stray(&mut self) {
        self.complaints.stray(self.span(self.at, self.at + 1));
        self.at += 1;
    }

    /// Skips a character, of however many bytes.
    fn skip(&mut self) {
        let length = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        self.complaints.skip(self.span(self.at, self.at + length));
        self.at += length;
    }

    /// Adds a token that has just been taken: `whole` is all of it, `text` what it says.
    fn push(&mut self, kind: TokenKind, whole: &'t str, text: &'t str) {
        let span = self.span(self.at - whole.len(), self.at);
        let text = self.shared(text);
        self.nodes.push(Node::Token(Token { kind, text, span }));
    }

    /// The text of a token. Marks and keywords come again and again; addresses and numbers do not.
    fn shared(&mut self, text: &'t str) -> Arc<str> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.into();
        }
        let letters = text.bytes().fold(0_usize, |letters, byte| letters.wrapping_mul(31).wrapping_add(byte.into()));
        let Some(place) = self.shared.get_mut(letters % SHARED) else { return text.into() };
        match place {
            Some((known, shared)) if *known == text => Arc::clone(shared),
            _ => Arc::clone(&place.insert((text, text.into())).1),
        }
    }

    /// What is up to `end`, which is read from then on.
    fn take(&mut self, end: usize) -> &'t str {
        let taken = self.text.get(self.at..end).unwrap_or("");
        self.at = end;
        taken
    }

    /// The first byte from `from` on that does not belong.
    fn end_of(&self, from: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(from..).unwrap_or(&[]);
        from + rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len())
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start: offset(start), end: offset(end) }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_' | b'/' | b'.' | b':')
}
