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

impl Value {
    /// The entries, if it is a mapping.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Mapping(entries) => Some(entries),
            Content::Null | Content::Scalar(_) | Content::Sequence(_) => None,
        }
    }

    /// The items, if it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.content {
            Content::Sequence(items) => Some(items),
            Content::Null | Content::Scalar(_) | Content::Mapping(_) => None,
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::Null | Content::Sequence(_) | Content::Mapping(_) => None,
        }
    }

    /// The value of a field of a mapping; the first, should it stand there twice. `null` counts as not written.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.entries()?
            .iter()
            .find(|entry| entry.key.value.as_ref() == name)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    /// The text, if it is a string.
    pub fn text(&self) -> Option<&Arc<str>> {
        self.scalar().filter(|scalar| scalar.is_string()).map(|scalar| &scalar.text)
    }

    /// Whether nothing is written.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Null)
    }

    /// Whether a key stands twice in one of the mappings in it.
    pub fn has_duplicate_key(&self) -> bool {
        match &self.content {
            Content::Null | Content::Scalar(_) => false,
            Content::Sequence(items) => items.iter().any(Self::has_duplicate_key),
            Content::Mapping(entries) => {
                !duplicate_keys(entries).is_empty() || entries.iter().any(|entry| entry.value.has_duplicate_key())
            }
        }
    }

    /// What it is, for messages: `a list`, `a number`.
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
            Content::Scalar(scalar) => match scalar.kind() {
                ScalarKind::String => "a text",
                ScalarKind::Bool(_) => "a boolean",
                ScalarKind::Number => "a number",
            },
        }
    }

    /// How many nodes it has, itself included.
    pub(super) fn nodes(&self) -> usize {
        1 + match &self.content {
            Content::Null | Content::Scalar(_) => 0,
            Content::Sequence(items) => items.iter().map(Self::nodes).sum(),
            Content::Mapping(entries) => entries.iter().map(|entry| 1 + entry.value.nodes()).sum(),
        }
    }
}

/// Most entries of a mapping in which every two keys are compared.
const SMALL: usize = 12;

/// Pairs of entries with one key: the first, and each later one.
pub(crate) fn duplicate_keys(entries: &[Entry]) -> Vec<(&Entry, &Entry)> {
    // Most mappings are small and have no key twice.
    let is_unique = |(at, entry): (usize, &Entry)| {
        let later = entries.get(at + 1..).unwrap_or_default();
        later.iter().all(|later| later.key.value != entry.key.value)
    };
    if entries.len() <= SMALL && entries.iter().enumerate().all(is_unique) {
        return Vec::new();
    }
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by(|a, b| a.key.value.cmp(&b.key.value));
    sorted
        .chunk_by(|a, b| a.key.value == b.key.value)
        .filter_map(<[_]>::split_first)
        .flat_map(|(first, later)| later.iter().map(|entry| (*first, *entry)))
        .collect()
}

/// What a scalar means in YAML 1.1, which is what Kubernetes' own reader follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ScalarKind {
    /// A string.
    String,
    /// `true`, `yes`, `on` and their opposites. `y` and `n` are strings: they are more often names than answers.
    Bool(bool),
    /// A number in any notation.
    Number,
}

impl Scalar {
    /// What it means.
    pub fn kind(&self) -> ScalarKind {
        match self.style {
            Style::Quoted | Style::Literal | Style::Folded => ScalarKind::String,
            Style::Plain => match self.text.as_ref() {
                "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => ScalarKind::Bool(true),
                "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => ScalarKind::Bool(false),
                text if is_number(text) => ScalarKind::Number,
                _ => ScalarKind::String,
            },
        }
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        self.kind() == ScalarKind::String
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Most scalars are words, and nothing has to be written down to see that.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | '_')) {
        return false;
    }
    let digits = unsigned.replace('_', "");
    let radix = |prefix: &str, radix: u32| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)))
    };
    if radix("0x", 16) || radix("0o", 8) || radix("0b", 2) {
        return true;
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return true,
        ".nan" | ".NaN" | ".NAN" => return text == unsigned,
        _ => {}
    }
    // The float parser of the standard library would also take `inf`, `nan` and `infinity`, which are strings here.
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.chars().any(|digit| digit.is_ascii_digit())
        && digits.parse::<f64>().is_ok()
}
