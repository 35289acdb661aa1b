//! A YAML or JSON document as a tree in which every key and every value knows where it was written.

use std::sync::Arc;

use crate::source::Span;

/// A value and where it was written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub span: Span,
}

/// One node of a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Value {
    /// From its first to its last character.
    pub span: Span,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Nothing written, `~` or `null`.
    Null,
    /// Anything else that is neither of the two below.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Value>),
    /// A mapping, in the order of the text.
    Mapping(Vec<Entry>),
}

/// A single value, not yet given a type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scalar {
    /// Without quotes and escapes.
    pub text: Arc<str>,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// Bare: it may be a number or a boolean.
    Plain,
    /// In quotes, or with the tag `!!str`: a string.
    Quoted,
    /// `|`: a string whose lines are the lines of the file.
    Literal,
    /// `>`: a string of folded lines.
    Folded,
}

/// One key of a mapping and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The key; keys that are no scalars have been refused.
    pub key: Spanned<Arc<str>>,
    /// The value.
    pub value: Value,
}

impl<T> Spanned<T> {
    /// A value written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
