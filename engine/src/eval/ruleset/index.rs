//! Sets, indexed: for whoever asks about many packets. A search through a set of 100,000 elements for each of 100,000
//! flows would take minutes.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::ruleset::{Datum, Element, ElementKey, Interval, Name, Set, Table};

/// The named sets of one table, each indexed when it is first asked.
pub(super) struct Indexes<'a>(BTreeMap<&'a Name, Index<'a>>);

struct Index<'a> {
    set: &'a Set,
    ranges: OnceCell<Ranges<'a>>,
}

/// Elements by the first field of their keys.
struct Ranges<'a> {
    /// Sorted by their lowest value; no two are the same.
    parts: Vec<Part<'a>>,
}

/// All elements whose keys have the same range in one field.
struct Part<'a> {
    range: Interval,
    /// The highest value of those parts that the search has below this one, itself included.
    highest: Datum,
    next: Next<'a>,
}

enum Next<'a> {
    /// It was the last field.
    Element(&'a Element),
    /// The elements by the field that follows.
    Field(Ranges<'a>),
}

impl<'a> Indexes<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self(table.sets.iter().map(|(name, set)| (name, Index { set, ranges: OnceCell::new() })).collect())
    }

    /// The element whose key holds these values; a catch-all is none.
    pub(super) fn find(&self, set: &Name, key: &[Datum]) -> Option<&'a Element> {
        let Index { set, ranges } = self.0.get(set)?;
        if !set.spec.intervals {
            return set.elements.get(&ElementKey::values(key.iter().copied()));
        }
        let ranges = ranges.get_or_init(|| {
            let parts = set.elements.iter().filter_map(|(key, element)| match key {
                ElementKey::Parts(parts) => Some((&**parts, element)),
                ElementKey::CatchAll => None,
            });
            Ranges::new(&parts.collect::<Vec<_>>())
        });
        ranges.find(key)
    }
}

impl<'a> Ranges<'a> {
    /// Of elements that are sorted by their keys, which have at least one field.
    fn new(elements: &[(&'a [Interval], &'a Element)]) -> Self {
        let mut parts: Vec<Part<'a>> = Vec::new();
        for group in elements.chunk_by(|(a, _), (b, _)| a.first() == b.first()) {
            let Some((&[range, ref rest @ ..], element)) = group.first().copied() else { continue };
            let next = if rest.is_empty() {
                Next::Element(element)
            } else {
                let rests: Vec<_> =
                    group.iter().map(|(key, element)| (key.get(1..).unwrap_or(&[]), *element)).collect();
                Next::Field(Self::new(&rests))
            };
            parts.push(Part { range, highest: range.high(), next });
        }
        note_highest(&mut parts);
        Self { parts }
    }

    fn find(&self, key: &[Datum]) -> Option<&'a Element> {
        let (value, rest) = key.split_first()?;
        find(&self.parts, value, rest)
    }
}

/// Notes in the middle of each half, of each half of it, and so on what the search must know.
fn note_highest(parts: &mut [Part<'_>]) -> Option<Datum> {
    let middle = parts.len() / 2;
    let (before, rest) = parts.split_at_mut(middle);
    let (part, after) = rest.split_first_mut()?;
    part.highest = [note_highest(before), note_highest(after)].into_iter().flatten().fold(part.highest, std::cmp::max);
    Some(part.highest)
}

/// Looks for a part that holds the value, and an element below it that holds the rest. Ranges of one field may overlap
/// where those of another do not.
fn find<'a>(parts: &[Part<'a>], value: &Datum, rest: &[Datum]) -> Option<&'a Element> {
    let (before, from_middle) = parts.split_at(parts.len() / 2);
    let (part, after) = from_middle.split_first()?;
    if part.highest < *value {
        return None;
    }
    if let Some(element) = find(before, value, rest) {
        return Some(element);
    }
    if part.range.low() > *value {
        return None;
    }
    let here = part.range.contains(value).then(|| match &part.next {
        Next::Element(element) => Some(*element),
        Next::Field(ranges) => ranges.find(rest),
    });
    here.flatten().or_else(|| find(after, value, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ruleset::{DataType, Elements, SetSpec, Verdict};

    /// Boxes that do not overlap, of addresses and ports, small enough to meet often.
    fn boxes() -> impl Strategy<Value = Vec<[(u16, u16); 2]>> {
        let range = || (0_u16..20, 0_u16..6).prop_map(|(low, length)| (low, low + length));
        proptest::collection::vec([range(), range()], 0..40).prop_map(|mut drawn| {
            let mut kept: Vec<[(u16, u16); 2]> = Vec::new();
            drawn.retain(|[a, b]| {
                let meets = |[c, d]: &[(u16, u16); 2]| a.0 <= c.1 && c.0 <= a.1 && b.0 <= d.1 && d.0 <= b.1;
                let is_free = !kept.iter().any(meets);
                if is_free {
                    kept.push([*a, *b]);
                }
                is_free
            });
            drawn
        })
    }

    proptest! {
        #[test]
        fn an_index_finds_what_a_search_finds(boxes in boxes()) {
            let interval = |(low, high): (u16, u16)| Interval::new(Datum::port(low), Datum::port(high)).unwrap();
            let spec = SetSpec::intervals([DataType::InetService, DataType::InetService]).verdicts();
            let mut set = Set { spec, elements: Elements::default() };
            for (number, fields) in boxes.iter().enumerate() {
                let target = Verdict::Jump(Name::ours(&number.to_string()));
                set.elements.insert(ElementKey::intervals(fields.map(interval)), Element::verdict(target));
            }
            let name = Name::ours("s");
            let table = Table { sets: [(name.clone(), set.clone())].into(), ..Table::default() };
            let indexes = Indexes::new(&table);
            for key in (0..27).flat_map(|a| (0..27).map(move |b| [Datum::port(a), Datum::port(b)])) {
                let searched = set.elements.iter().find(|(range, _)| range.contains(&key)).map(|(_, element)| element);
                prop_assert_eq!(indexes.find(&name, &key), searched);
            }
        }
    }
}
