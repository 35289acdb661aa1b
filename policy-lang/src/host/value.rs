//! Values: what a variable holds and an option takes. Arrays are flat, and one of one element is a plain value.

use std::sync::Arc;

use crate::host::limits::{ARRAY, DEFERRED_DEPTH};
use crate::host::rule::{Domain, Word};
use crate::host::surroundings::Record;
use crate::source::Span;

/// A word, an array, or the negation of one.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The elements; a plain value has exactly one.
    pub(super) items: Vec<Item>,
    /// The `!` before it.
    pub(super) negated: Option<Span>,
    /// Whether it was written in parentheses, however many elements it has.
    pub(super) form: Form,
    /// Where it was written.
    pub(super) span: Span,
}

/// How a value was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// As one word.
    Plain,
    /// In parentheses.
    Array,
}

/// An element of a value.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A word.
    Word(Word),
    /// Words that depend on the domain they are used in.
    Deferred(Arc<Deferred>),
}

/// Words that are computed when the domain is known.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) kind: Computation,
    pub(super) items: Vec<Item>,
    pub(super) span: Span,
    /// Deferred values inside one another.
    depth: u32,
    /// A bound on the words that it may become, long words counting for several.
    weight: usize,
}

/// What is computed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Computation {
    /// `@ipfilter(list)`: the addresses of the domain's family.
    IpFilter,
    /// `@cat(…)` of something deferred.
    Cat,
    /// `@resolve(names, type)`: what name servers say of them; the type is the family's unless it is given.
    Resolve(Option<Record>),
}

impl Deferred {
    /// `None` if it nests too deep or becomes too long.
    pub(super) fn new(kind: Computation, items: Vec<Item>, span: Span) -> Option<Self> {
        let depth = 1 + items.iter().map(Item::depth).max().unwrap_or(0);
        let weight = items.iter().map(Item::weight).fold(0_usize, usize::saturating_add);
        (depth <= DEFERRED_DEPTH && weight <= ARRAY).then_some(Self { kind, items, span, depth, weight })
    }
}

impl Item {
    /// The word, unless it is to be computed.
    pub(super) fn into_word(self) -> Option<Word> {
        match self {
            Self::Word(word) => Some(word),
            Self::Deferred(_) => None,
        }
    }

    fn depth(&self) -> u32 {
        match self {
            Self::Word(_) => 0,
            Self::Deferred(deferred) => deferred.depth,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Word(word) => 1 + word.text.len() / 16,
            Self::Deferred(deferred) => deferred.weight,
        }
    }
}

impl Value {
    /// A plain value.
    pub(super) fn word(text: impl Into<Arc<str>>, span: Span) -> Self {
        let word = Word::new(text, span);
        Self { items: vec![Item::Word(word)], negated: None, form: Form::Plain, span }
    }

    /// ferm's way to say true and false.
    pub(super) fn truth(is_true: bool, span: Span) -> Self {
        Self::word(if is_true { "1" } else { "0" }, span)
    }

    /// Whether anything in it waits for the domain.
    pub(super) fn is_deferred(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Deferred(_)))
    }

    /// The one word that it is; `None` for arrays and deferred values.
    pub(super) fn scalar(&self) -> Option<&Word> {
        match self.items.as_slice() {
            [Item::Word(word)] => Some(word),
            _ => None,
        }
    }

    /// Whether `@if` takes it for true: anything but `''`, `0` and the empty array.
    pub(super) fn is_true(&self) -> bool {
        match self.items.as_slice() {
            [] => false,
            [Item::Word(word)] => !matches!(&*word.text, "" | "0"),
            _ => true,
        }
    }
}

/// ferm's test of an address's family: two colons make it IPv6, nothing but digits, dots and slashes make it IPv4,
/// and anything else, such as a name, belongs to both.
pub(super) fn belongs(text: &str, domain: Domain) -> bool {
    match domain {
        Domain::Ip => text.matches(':').count() < 2,
        Domain::Ip6 => text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'/')),
        Domain::Arp | Domain::Eb => true,
    }
}
