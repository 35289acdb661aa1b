//! Rows: what the policies that bind a class permit it with everybody else.

use std::collections::BTreeMap;
use std::rc::Rc;

use fixedbitset::FixedBitSet;
use policy_lang::policy::Direction;

use super::IpBlocks;
use super::allowed::{AllowedId, Table};
use super::classes::Classes;
use super::prepare::{self, Prepared, Whose};
use super::ranges::{self, Family, Range};
use super::signature::{self, Groups};
use super::tiers::Tiers;

/// More rules than this, tried at more places, would take minutes: of pods of unknown address nothing is certain then.
const TRIALS_MAX: usize = 10_000_000;

/// The rows of one direction.
#[derive(Debug)]
pub(super) struct Rows {
    /// For each class the number of its row.
    pub(super) of_class: Vec<usize>,
    pub(super) rows: Vec<Row>,
}

/// What one direction of some classes permits.
#[derive(Debug)]
pub(super) struct Row {
    /// With pods, for each family.
    pub(super) pods: [Rc<[Group]>; 2],
    /// With addresses of nobody's, for each family; each address is in one of them.
    pub(super) outside: [Vec<(AllowedId, Vec<Range>)>; 2],
}

/// Classes with which the same is permitted.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) classes: FixedBitSet,
    /// Permitted whatever addresses the pods have.
    pub(super) certain: AllowedId,
    /// Permitted where they have some addresses.
    pub(super) possible: AllowedId,
}

impl Rows {
    /// Of each class.
    pub(super) fn new(direction: Direction, classes: &Classes<'_>, prepared: &Prepared<'_>, table: &mut Table) -> Self {
        let mut rows = Vec::new();
        let mut known: BTreeMap<(&[usize], usize), usize> = BTreeMap::new();
        let mut of_class = Vec::with_capacity(classes.len());
        for (number, class) in classes.list.iter().enumerate() {
            let policies = prepared.binding[prepare::index(direction)][number].as_slice();
            let parts = policies.iter().flat_map(|policy| &prepared.policies[*policy].parts[prepare::index(direction)]);
            let names_ports =
                direction == Direction::Ingress && parts.into_iter().any(|part| !part.ports.named.is_empty());
            let own_ports = if names_ports { class.ports } else { 0 };
            let row = *known.entry((policies, own_ports)).or_insert_with(|| {
                let tiers = Tiers::new(direction, policies, own_ports, classes, prepared, table);
                rows.push(Row::new(&tiers, classes, table));
                rows.len() - 1
            });
            of_class.push(row);
        }
        Self { of_class, rows }
    }

    /// The row of a class.
    pub(super) fn of(&self, class: usize) -> &Row {
        &self.rows[self.of_class[class]]
    }
}

impl Row {
    fn new(tiers: &Tiers, classes: &Classes<'_>, table: &mut Table) -> Self {
        let groups = Family::ALL.map(|family| signature::groups(&tiers.rules, family));
        let outside = Family::ALL.map(|family| outside(tiers, &groups[family.index()], family, table));
        let one = |family: Family, table: &mut Table| {
            Rc::<[Group]>::from(pods(tiers, classes, &groups[family.index()], family, table))
        };
        let v4 = one(Family::V4, table);
        let cuts_nothing = groups.iter().all(|groups| groups.len() == 1) && groups[0].keys().eq(groups[1].keys());
        let same_pods = classes.in_family[0] == classes.in_family[1];
        let v6 = if same_pods && cuts_nothing && !tiers.differ_by_family() {
            Rc::clone(&v4)
        } else {
            one(Family::V6, table)
        };
        Self { pods: [v4, v6], outside }
    }

    /// What is certainly and what is possibly permitted with a class.
    pub(super) fn with(&self, class: usize, family: Family) -> (AllowedId, AllowedId) {
        let group = self.pods[family.index()].iter().find(|group| group.classes.contains(class));
        group.map_or((Table::NOTHING, Table::NOTHING), |group| (group.certain, group.possible))
    }

    /// What is permitted with an address of nobody's.
    pub(super) fn with_address(&self, address: u128, family: Family) -> AllowedId {
        let holds = |ranges: &[Range]| {
            let at = ranges.partition_point(|range| range.last < address);
            ranges.get(at).is_some_and(|range| range.contains(address))
        };
        let found = self.outside[family.index()].iter().find(|(_, ranges)| holds(ranges));
        found.map_or(Table::NOTHING, |(allowed, _)| *allowed)
    }
}

fn outside(tiers: &Tiers, groups: &Groups, family: Family, table: &mut Table) -> Vec<(AllowedId, Vec<Range>)> {
    let mut found: BTreeMap<AllowedId, Vec<Range>> = BTreeMap::new();
    for (meaning, ranges) in groups {
        found.entry(tiers.with_outside(meaning, family, table)).or_default().extend(ranges);
    }
    found.into_iter().map(|(allowed, ranges)| (allowed, ranges::merged(ranges))).collect()
}

/// Pods of known address by the rules that mean it. Of those of unknown address every place that they may have is tried:
/// what all of them permit is certain, what any of them permits is possible.
fn pods(tiers: &Tiers, classes: &Classes<'_>, groups: &Groups, family: Family, table: &mut Table) -> Vec<Group> {
    let mut blocks = FixedBitSet::with_capacity(tiers.rules.len());
    for (number, rule) in tiers.rules.iter().enumerate() {
        blocks.set(number, rule.whose == Whose::Anybody);
    }
    let mut known: BTreeMap<FixedBitSet, FixedBitSet> = BTreeMap::new();
    let mut places: Vec<FixedBitSet> = Vec::new();
    let in_family = &classes.in_family[family.index()];
    for (meaning, ranges) in groups {
        let (for_known, for_unknown) = match classes.ip_blocks {
            IpBlocks::Match => (meaning.clone(), meaning & &blocks),
            IpBlocks::Never => {
                let mut points = meaning.clone();
                points.difference_with(&blocks);
                (points, FixedBitSet::with_capacity(tiers.rules.len()))
            }
        };
        let here = with_address_in(classes, ranges, family);
        if !here.is_clear() {
            let empty = || FixedBitSet::with_capacity(classes.len());
            known.entry(for_known).or_insert_with(empty).union_with(&here);
        }
        if ranges::meet(ranges, &classes.pod_ranges[family.index()]) && !places.contains(&for_unknown) {
            places.push(for_unknown);
        }
    }
    let mut found: BTreeMap<(AllowedId, AllowedId), FixedBitSet> = BTreeMap::new();
    for (meaning, start) in known {
        for (allowed, classes) in tiers.with_pods(classes, start, &meaning, family, table) {
            merge(&mut found, (allowed, allowed), classes);
        }
    }
    let unknown = &classes.unknown & in_family;
    if places.len().saturating_mul(tiers.rules.len()) > TRIALS_MAX {
        merge(&mut found, (Table::NOTHING, Table::EVERYTHING), unknown);
    } else if !unknown.is_clear() {
        let mut answers: BTreeMap<(AllowedId, AllowedId), FixedBitSet> = BTreeMap::new();
        for (nth, place) in places.iter().enumerate() {
            let answer = tiers.with_pods(classes, unknown.clone(), place, family, table);
            if nth == 0 {
                answers = answer.into_iter().map(|(allowed, classes)| ((allowed, allowed), classes)).collect();
            } else {
                answers = both(&answers, &answer, table);
            }
        }
        for (allowed, classes) in answers {
            merge(&mut found, allowed, classes);
        }
    }
    let group = |((certain, possible), classes)| Group { classes, certain, possible };
    found.into_iter().map(group).collect()
}

/// What is permitted in all places of before and in this one too, and what in any.
fn both(
    before: &BTreeMap<(AllowedId, AllowedId), FixedBitSet>,
    here: &BTreeMap<AllowedId, FixedBitSet>,
    table: &mut Table,
) -> BTreeMap<(AllowedId, AllowedId), FixedBitSet> {
    let mut found = BTreeMap::new();
    for ((certain, possible), of_before) in before {
        for (allowed, of_here) in here {
            if !of_before.is_disjoint(of_here) {
                let key = (table.intersection(*certain, *allowed), table.union(*possible, *allowed));
                merge(&mut found, key, of_before & of_here);
            }
        }
    }
    found
}

fn merge<K: Ord>(sets: &mut BTreeMap<K, FixedBitSet>, key: K, classes: FixedBitSet) {
    match sets.get_mut(&key) {
        Some(known) => known.union_with(&classes),
        None => {
            sets.insert(key, classes);
        }
    }
}

/// The classes with a known address in one of some ranges.
fn with_address_in(classes: &Classes<'_>, ranges: &[Range], family: Family) -> FixedBitSet {
    let mut found = FixedBitSet::with_capacity(classes.len());
    let known = &classes.known[family.index()];
    for range in ranges {
        let from = known.partition_point(|(address, _)| *address < range.first);
        let inside = known.get(from..).unwrap_or_default().iter().take_while(|(address, _)| *address <= range.last);
        inside.for_each(|(_, class)| found.insert(*class));
    }
    found
}
