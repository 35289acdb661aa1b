//! Sets and maps.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::datum::{DataType, Datum, Interval};
use super::expr::Verdict;
use super::name::{Comment, Name};

/// A named set or map.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Set {
    /// What it holds and how.
    pub spec: SetSpec,
    /// What is in it.
    pub elements: Elements,
}

/// The elements of a set, sorted by key.
///
/// Shared: a clone is a pointer, and the first change of a clone copies. So a ruleset and the one that follows it hold
/// the elements of a set that did not change once.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Elements(Arc<BTreeMap<ElementKey, Element>>);

/// Everything about a set that cannot change while it lives.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SetSpec {
    /// The types of the key, more than one for a concatenation.
    pub key: Vec<DataType>,
    /// What a key maps to.
    pub data: MapData,
    /// `flags interval`: keys may be ranges. They are disjoint; the kernel refuses or misreads anything else.
    pub intervals: bool,
    /// `flags dynamic`: rules add elements. The elements of such a set are the kernel's, never the plan's.
    pub dynamic: bool,
    /// `timeout`: how long an element lives unless it says otherwise.
    pub timeout: Option<Duration>,
    /// `size`: the most elements it can hold. Only for sets that never change (decisions.md 2) and dynamic ones.
    pub size: Option<NonZeroU32>,
    /// `counter`: every element counts the packets that matched it.
    pub counters: bool,
    /// Shown by nft.
    pub comment: Option<Comment>,
}

/// What a set's keys map to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MapData {
    /// Nothing: a set.
    Nothing,
    /// A verdict: a verdict map.
    Verdict,
    /// A value of these types: a map.
    Value(Vec<DataType>),
    /// A named counter.
    Counter,
}

/// The key of an element.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ElementKey {
    /// One interval for each type of the key; single values unless the set has intervals.
    Parts(Arc<[Interval]>),
    /// `*`: matches when nothing else does.
    CatchAll,
}

/// What a key has besides itself.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Element {
    /// What it maps to; the form that the set's [`MapData`] says.
    pub data: ElementData,
    /// Its own life time, for sets that have one.
    pub timeout: Option<Duration>,
    /// Shown by nft.
    pub comment: Option<Comment>,
}

/// What an element maps to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ElementData {
    /// Nothing: an element of a set.
    Nothing,
    /// A verdict.
    Verdict(Verdict),
    /// A value, one datum for each type.
    Value(Box<[Datum]>),
    /// The name of a counter.
    Counter(Name),
}

impl Deref for Elements {
    type Target = BTreeMap<ElementKey, Element>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Elements {
    fn deref_mut(&mut self) -> &mut Self::Target {
        Arc::make_mut(&mut self.0)
    }
}

impl Elements {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }
}

impl FromIterator<(ElementKey, Element)> for Elements {
    fn from_iter<I: IntoIterator<Item = (ElementKey, Element)>>(elements: I) -> Self {
        Self(Arc::new(elements.into_iter().collect()))
    }
}

impl<const N: usize> From<[(ElementKey, Element); N]> for Elements {
    fn from(elements: [(ElementKey, Element); N]) -> Self {
        elements.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a Elements {
    type Item = (&'a ElementKey, &'a Element);
    type IntoIter = std::collections::btree_map::Iter<'a, ElementKey, Element>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Elements {
    type Item = (ElementKey, Element);
    type IntoIter = std::collections::btree_map::IntoIter<ElementKey, Element>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl SetSpec {
    /// A hash set of this key.
    pub fn hash(key: impl Into<Vec<DataType>>) -> Self {
        Self {
            key: key.into(),
            data: MapData::Nothing,
            intervals: false,
            dynamic: false,
            timeout: None,
            size: None,
            counters: false,
            comment: None,
        }
    }

    /// A set of this key that holds ranges.
    pub fn intervals(key: impl Into<Vec<DataType>>) -> Self {
        Self { intervals: true, ..Self::hash(key) }
    }

    /// The same, as a verdict map.
    #[must_use]
    pub fn verdicts(mut self) -> Self {
        self.data = MapData::Verdict;
        self
    }

    /// The same, for exactly these elements: of a set that never changes the kernel makes a hash that does not grow, which
    /// is faster.
    #[must_use]
    pub fn sized_for(mut self, elements: &Elements) -> Self {
        self.size = u32::try_from(elements.len()).ok().and_then(NonZeroU32::new);
        self
    }
}

impl ElementKey {
    /// A key of single values.
    pub fn values(values: impl IntoIterator<Item = Datum>) -> Self {
        Self::Parts(values.into_iter().map(Interval::single).collect())
    }

    /// A key of ranges.
    pub fn intervals(intervals: impl IntoIterator<Item = Interval>) -> Self {
        Self::Parts(intervals.into_iter().collect())
    }

    /// One interval for each type of the key; none of a catch-all.
    pub fn parts(&self) -> &[Interval] {
        match self {
            Self::Parts(parts) => parts,
            Self::CatchAll => &[],
        }
    }

    /// Whether a packet's values lie in it. A catch-all holds none by itself: it is asked last.
    pub fn contains(&self, values: &[Datum]) -> bool {
        match self {
            Self::Parts(parts) => {
                parts.len() == values.len() && parts.iter().zip(values).all(|(part, value)| part.contains(value))
            }
            Self::CatchAll => false,
        }
    }

    /// Whether some values lie in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Parts(a), Self::Parts(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.overlaps(b))
            }
            (Self::CatchAll, Self::CatchAll) => true,
            (Self::CatchAll, Self::Parts(_)) | (Self::Parts(_), Self::CatchAll) => false,
        }
    }
}

impl Element {
    /// An element of a set.
    pub const PLAIN: Self = Self { data: ElementData::Nothing, timeout: None, comment: None };

    /// An element of a verdict map.
    pub fn verdict(verdict: Verdict) -> Self {
        Self { data: ElementData::Verdict(verdict), ..Self::PLAIN }
    }

    /// The chain that it leads to.
    pub fn target(&self) -> Option<&Name> {
        match &self.data {
            ElementData::Verdict(verdict) => verdict.target(),
            ElementData::Nothing | ElementData::Value(_) | ElementData::Counter(_) => None,
        }
    }
}
