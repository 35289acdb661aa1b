//! Nodes of the tree that the loader reads, of an object that nobody wrote: all have one place.

use std::sync::Arc;

use policy_lang::manifest::tree::{Content, Entry, Scalar, Spanned, Style, Value};
use policy_lang::source::Span;

/// What makes them.
#[derive(Clone, Copy)]
pub(super) struct Nodes(pub(super) Span);

impl Nodes {
    /// A text.
    pub(super) fn text(self, text: &str) -> Value {
        self.scalar(text, Style::Quoted)
    }

    /// A number or a boolean.
    pub(super) fn word(self, word: &str) -> Value {
        self.scalar(word, Style::Plain)
    }

    /// Nothing.
    pub(super) fn null(self) -> Value {
        self.value(Content::Null)
    }

    /// A list.
    pub(super) fn list(self, items: Vec<Value>) -> Value {
        self.value(Content::Sequence(items))
    }

    /// A mapping of keys that differ.
    pub(super) fn mapping(self, entries: Vec<Entry>) -> Value {
        self.value(Content::Mapping(entries))
    }

    /// A key and its value.
    pub(super) fn entry(self, key: &str, value: Value) -> Entry {
        Entry { key: Spanned::new(Arc::from(key), self.0), value }
    }

    fn scalar(self, text: &str, style: Style) -> Value {
        self.value(Content::Scalar(Scalar { text: Arc::from(text), style }))
    }

    fn value(self, content: Content) -> Value {
        Value { span: self.0, content }
    }
}
