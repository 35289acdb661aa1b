//! Elements: types, targets, room and overlaps.

use std::collections::BTreeMap;

use super::errno::Errno;
use super::rules::admit_verdict;
use crate::observed::ObservedTable;
use crate::ruleset::{DataType, Datum, Element, ElementData, ElementKey, Elements, Interval, MapData, Name, SetSpec};

/// Longest key or value, in bytes, each field padded to 4 (`NFT_DATA_VALUE_MAXLEN`).
const VALUE_MAX: usize = 64;

pub(super) fn admit_spec(spec: &SetSpec) -> Result<(), Errno> {
    let length = |types: &[DataType]| types.iter().map(|part| part.width().next_multiple_of(4)).sum::<usize>();
    let fits = |types: &[DataType]| (1..=VALUE_MAX).contains(&length(types));
    let data_fits = match &spec.data {
        MapData::Value(types) => fits(types),
        MapData::Nothing | MapData::Verdict | MapData::Counter => true,
    };
    if !fits(&spec.key) || !data_fits {
        return Err(Errno::Invalid);
    }
    if spec.dynamic && spec.intervals { Err(Errno::NotSupported) } else { Ok(()) }
}

/// Whether elements can be added to a named set, one after the other.
pub(super) fn admit(table: &ObservedTable, set: &Name, new: &[(ElementKey, Element)]) -> Result<(), Errno> {
    let set = table.sets.get(set).ok_or(Errno::NotFound)?;
    admit_all(table, &set.spec, &set.elements, new.iter().map(|(key, element)| (key, element)))
}

/// Whether elements can be added to a set that holds some.
pub(super) fn admit_all<'a>(
    table: &ObservedTable,
    spec: &SetSpec,
    there: &'a Elements,
    new: impl Iterator<Item = (&'a ElementKey, &'a Element)>,
) -> Result<(), Errno> {
    let mut pending: BTreeMap<&ElementKey, &Element> = BTreeMap::new();
    for (key, element) in new {
        admit_key(spec, key)?;
        admit_data(table, spec, element)?;
        if let Some(same) = there.get(key).or_else(|| pending.get(key).copied()) {
            if same.data != element.data {
                return Err(Errno::Exists);
            }
            continue;
        }
        if spec.intervals && (collides(key, there) || collides_pending(key, &pending)) {
            return Err(Errno::Exists);
        }
        pending.insert(key, element);
        let size = spec.size.map_or(usize::MAX, |size| size.get() as usize);
        if there.len() + pending.len() > size {
            return Err(Errno::Full);
        }
    }
    Ok(())
}

pub(super) fn admit_deletion(
    table: &ObservedTable,
    set: &Name,
    elements: &[(ElementKey, Element)],
) -> Result<(), Errno> {
    let set = table.sets.get(set).ok_or(Errno::NotFound)?;
    elements.iter().try_for_each(|(key, _)| admit_key(&set.spec, key))
}

fn admit_key(spec: &SetSpec, key: &ElementKey) -> Result<(), Errno> {
    let ElementKey::Parts(parts) = key else { return Ok(()) };
    let types_fit = parts.iter().map(Interval::data_type).eq(spec.key.iter().copied());
    if types_fit && (spec.intervals || parts.iter().all(Interval::is_single)) { Ok(()) } else { Err(Errno::Invalid) }
}

fn admit_data(table: &ObservedTable, spec: &SetSpec, element: &Element) -> Result<(), Errno> {
    if element.timeout.is_some() && spec.timeout.is_none() {
        return Err(Errno::Invalid);
    }
    match (&spec.data, &element.data) {
        (MapData::Nothing, ElementData::Nothing) => Ok(()),
        (MapData::Verdict, ElementData::Verdict(verdict)) => admit_verdict(table, verdict),
        (MapData::Value(types), ElementData::Value(values)) => {
            let fit = values.iter().map(Datum::data_type).eq(types.iter().copied());
            if fit { Ok(()) } else { Err(Errno::Invalid) }
        }
        (MapData::Counter, ElementData::Counter(counter)) => {
            if table.counters.contains_key(counter) {
                Ok(())
            } else {
                Err(Errno::NotFound)
            }
        }
        (MapData::Nothing | MapData::Verdict | MapData::Value(_) | MapData::Counter, _) => Err(Errno::Invalid),
    }
}

fn collides(key: &ElementKey, there: &Elements) -> bool {
    if is_concatenation(key) {
        there.keys().any(|other| clashes(other, key))
    } else {
        let before = there.range(..key).next_back().is_some_and(|(other, _)| other.overlaps(key));
        before || there.range(key..).next().is_some_and(|(other, _)| other.overlaps(key))
    }
}

fn collides_pending(key: &ElementKey, pending: &BTreeMap<&ElementKey, &Element>) -> bool {
    if is_concatenation(key) {
        pending.keys().any(|other| clashes(other, key))
    } else {
        let before = pending.range::<&ElementKey, _>(..key).next_back().is_some_and(|(other, _)| other.overlaps(key));
        before || pending.range::<&ElementKey, _>(key..).next().is_some_and(|(other, _)| other.overlaps(key))
    }
}

fn is_concatenation(key: &ElementKey) -> bool {
    match key {
        ElementKey::Parts(parts) => parts.len() > 1,
        ElementKey::CatchAll => false,
    }
}

/// Whether the kernel refuses a concatenation because of one that is there. It takes one that wholly covers what is
/// there, and then the order of insertion decides between the two.
fn clashes(there: &ElementKey, new: &ElementKey) -> bool {
    there.overlaps(new) && !covers(new, there)
}

fn covers(wide: &ElementKey, narrow: &ElementKey) -> bool {
    match (wide, narrow) {
        (ElementKey::Parts(wide), ElementKey::Parts(narrow)) => wide
            .iter()
            .zip(narrow.iter())
            .all(|(wide, narrow)| wide.low() <= narrow.low() && narrow.high() <= wide.high()),
        (ElementKey::CatchAll, _) | (_, ElementKey::CatchAll) => false,
    }
}
