//! Reading values: words, strings, variables, arrays and the results of built-ins.

use std::sync::Arc;

use super::{Evaluator, Step, cluster, commands, error, opening};
use crate::host::code;
use crate::host::limits::ARRAY;
use crate::host::rule::Word;
use crate::host::stream::Stream;
use crate::host::tree::{Brackets, Group, Node, Token, TokenKind};
use crate::host::value::{Form, Value};
use crate::source::Span;

impl Evaluator<'_> {
    /// The next value; `!` is not taken here, but a variable may bring its own.
    pub(super) fn value(&mut self, stream: &mut Stream) -> Step<Value> {
        let position = stream.position();
        self.charge(1, position)?;
        match stream.next() {
            None => Err(error(code::SYNTAX, position, "a value is missing").into()),
            Some(Node::Value(value, span)) => {
                self.charge(value.items.len(), span)?;
                Ok(Value::clone(&value))
            }
            Some(Node::Group(Group { brackets: Brackets::Parens, nodes, span, closing })) => {
                let calls = stream.calls();
                self.array(&mut Stream::new(nodes, closing, calls), span)
            }
            Some(Node::Group(Group { brackets: Brackets::Braces, span, .. })) => {
                Err(error(code::SYNTAX, opening(span), "a value is missing before `{`").into())
            }
            Some(Node::Token(token)) => self.token_value(stream, &token),
        }
    }

    /// A value that must be one word, not negated.
    pub(super) fn single(&mut self, stream: &mut Stream) -> Step<Word> {
        let value = self.value(stream)?;
        plain(&value)?;
        match (value.scalar(), value.is_deferred()) {
            (Some(word), _) => cluster::refuse(word).map(|()| word.clone()),
            (None, true) => Err(deferred_refused(value.span)),
            (None, false) => {
                Err(error(code::OPERAND, value.span, "an array cannot stand here: one word is expected").into())
            }
        }
    }

    fn token_value(&mut self, stream: &mut Stream, token: &Token) -> Step<Value> {
        let Token { kind, text, span } = token;
        match kind {
            TokenKind::Word | TokenKind::Single => Ok(Value::word(Arc::clone(text), *span)),
            TokenKind::Double => Ok(Value::word(self.interpolate(text, *span)?, *span)),
            TokenKind::Shell => self.backtick(commands::bare(text), *span),
            TokenKind::Directive => self.builtin(stream, text, *span),
            TokenKind::Mark => match &**text {
                "$" => {
                    let (name, name_span) = Self::name(stream, "a variable")?;
                    self.variable(&name, super::joined(*span, name_span))
                }
                "!" => Err(error(code::OPERAND, *span, "`!` cannot stand here").into()),
                "," => {
                    let diagnostic = error(code::SYNTAX, *span, "`,` cannot stand here");
                    Err(diagnostic.help("the words of an array are separated by blanks").into())
                }
                ";" => Err(error(code::SYNTAX, *span, "a value is missing before `;`").into()),
                _ => Err(error(code::SYNTAX, *span, format!("`{text}` cannot stand here: a value is expected")).into()),
            },
        }
    }

    /// What is between parentheses: values in a row, arrays in it flattened.
    fn array(&mut self, stream: &mut Stream, span: Span) -> Step<Value> {
        let mut items = Vec::new();
        while stream.peek().is_some() {
            let value = self.value(stream)?;
            plain(&value)?;
            items.extend(value.items);
            if items.len() > ARRAY {
                return Err(error(code::LIMIT, opening(span), format!("an array has more than {ARRAY} words")).into());
            }
        }
        Ok(Value { items, negated: None, form: Form::Array, span })
    }

    /// A bare word that names something.
    pub(super) fn name(stream: &mut Stream, what: &str) -> Step<(Arc<str>, Span)> {
        let position = stream.position();
        let is_word = matches!(stream.peek(), Some(Node::Token(Token { kind: TokenKind::Word, .. })));
        match stream.next().filter(|_| is_word) {
            Some(Node::Token(Token { text, span, .. })) => Ok((text, span)),
            _ => Err(error(code::SYNTAX, position, format!("{what}'s name is missing")).into()),
        }
    }
}

/// Refuses a negated value.
pub(super) fn plain(value: &Value) -> Step<()> {
    match value.negated {
        Some(bang) => Err(error(code::OPERAND, bang, "a negated value cannot stand here").into()),
        None => Ok(()),
    }
}

pub(super) fn deferred_refused(span: Span) -> Box<crate::diagnostic::Diagnostic> {
    error(code::OPERAND, span, "a value of `@ipfilter` or `@resolve` is not known before the domain is")
        .help("it may stand in addresses, arrays, variables and arguments")
        .into()
}
