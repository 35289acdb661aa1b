//! What every pod of a workload is permitted, where [`Connectivity::links`] and [`Connectivity::outside`] say what any
//! of them is.

use std::collections::BTreeMap;

use policy_lang::policy::Direction;

use super::Connectivity;
use super::allowed::{AllowedId, Table};
use super::pairs::{Ends, Outside};
use super::prepare;
use super::ranges::{self, Family, Range};

impl Connectivity<'_> {
    /// What each pod of a workload may open to each pod of some others, in the order of those. Nothing where there is no
    /// such pair: a single pod and itself.
    pub fn common_links(&mut self, from: usize, others: &[usize]) -> Vec<Option<Ends>> {
        let own = self.classes.of_workload.get(from).cloned().unwrap_or_default();
        let reached: Vec<BTreeMap<usize, Ends>> = own.iter().map(|(class, _)| self.reached_from(*class)).collect();
        let mut found = Vec::with_capacity(others.len());
        for to in others {
            let mut common: Option<Ends> = None;
            for ((class, n_members), reached) in own.iter().zip(&reached) {
                let classes = self.classes.of_workload.get(*to).map_or(&[][..], Vec::as_slice);
                for (other, _) in classes {
                    if *to == from && !self.is_pair(from, *class, *other, *n_members) {
                        continue;
                    }
                    let ends = reached.get(other).copied().unwrap_or(Ends::NOTHING);
                    common = Some(common.map_or(ends, |known| known.and(ends, &mut self.table)));
                }
            }
            found.push(common);
        }
        found
    }

    /// What each pod of a workload may reach (egress) or be reached by (ingress) that is no pod, as far as it has an
    /// address of that family.
    pub fn common_outside(&mut self, workload: usize, direction: Direction) -> Outside {
        let own = self.classes.of_workload.get(workload).cloned().unwrap_or_default();
        let mut nodes: Option<BTreeMap<usize, AllowedId>> = None;
        let mut addresses: [Option<Pieces>; 2] = [None, None];
        for (class, _) in own {
            let outside = self.outside_of(&[class], direction);
            let of_class: BTreeMap<usize, AllowedId> = outside.nodes.into_iter().collect();
            nodes = Some(match nodes {
                None => of_class,
                Some(known) => known
                    .into_iter()
                    .filter_map(|(node, all)| Some((node, self.table.intersection(all, *of_class.get(&node)?))))
                    .collect(),
            });
            for (family, slot) in Family::ALL.into_iter().zip(&mut addresses) {
                if !self.classes.in_family[family.index()].contains(class) {
                    continue;
                }
                let of_class: Pieces = outside
                    .addresses
                    .iter()
                    .map(|(allowed, ranges)| (*allowed, ranges[family.index()].clone()))
                    .collect();
                *slot = Some(match slot.take() {
                    None => of_class,
                    Some(known) => common(&known, &of_class, &mut self.table),
                });
            }
        }
        let mut merged: BTreeMap<AllowedId, [Vec<Range>; 2]> = BTreeMap::new();
        for (family, pieces) in Family::ALL.into_iter().zip(addresses) {
            for (allowed, ranges) in pieces.into_iter().flatten() {
                merged.entry(allowed).or_default()[family.index()].extend(ranges);
            }
        }
        let is_something = |allowed: &AllowedId| *allowed != Table::NOTHING;
        Outside {
            nodes: nodes.into_iter().flatten().filter(|(_, allowed)| is_something(allowed)).collect(),
            addresses: merged
                .into_iter()
                .filter(|(allowed, ranges)| is_something(allowed) && ranges.iter().any(|found| !found.is_empty()))
                .map(|(allowed, ranges)| (allowed, ranges.map(ranges::merged)))
                .collect(),
        }
    }

    /// Whether a policy says something about what pods of a workload open, or accept.
    pub fn is_bound(&self, workload: usize, direction: Direction) -> bool {
        let own = self.classes.of_workload.get(workload).map_or(&[][..], Vec::as_slice);
        own.iter().any(|(class, _)| !self.prepared.binding[prepare::index(direction)][*class].is_empty())
    }

    /// Of each family, whether a pod of a workload has an address of it, or may have.
    pub fn families(&self, workload: usize) -> [bool; 2] {
        let own = self.classes.of_workload.get(workload).map_or(&[][..], Vec::as_slice);
        Family::ALL.map(|family| own.iter().any(|(class, _)| self.classes.in_family[family.index()].contains(*class)))
    }

    /// Addresses, cut so that nothing which binds a workload tells one of a piece from another.
    pub fn pieces(&self, workload: usize, direction: Direction, family: Family, whole: &[Range]) -> Vec<Range> {
        let own = self.classes.of_workload.get(workload).map_or(&[][..], Vec::as_slice);
        let binding = own.iter().flat_map(|(class, _)| &self.prepared.binding[prepare::index(direction)][*class]);
        let parts = binding.flat_map(|number| &self.prepared.policies[*number].parts[prepare::index(direction)]);
        let ranges = parts.flat_map(|part| &part.ranges[family.index()]);
        let mut cuts: Vec<u128> =
            ranges.flat_map(|range| std::iter::once(range.first).chain(range.last.checked_add(1))).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces = Vec::new();
        for range in whole {
            let mut first = range.first;
            let from = cuts.partition_point(|cut| *cut <= range.first);
            for cut in cuts.iter().skip(from).take_while(|cut| **cut <= range.last) {
                pieces.push(Range { first, last: cut - 1 });
                first = *cut;
            }
            pieces.push(Range { first, last: range.last });
        }
        pieces
    }
}

/// What is permitted with which addresses of a family.
type Pieces = Vec<(AllowedId, Vec<Range>)>;

/// What both permit.
fn common(one: &Pieces, other: &Pieces, table: &mut Table) -> Pieces {
    let mut found: BTreeMap<AllowedId, Vec<Range>> = BTreeMap::new();
    for (a, of_a) in one {
        for (b, of_b) in other {
            let both = ranges::common(of_a, of_b);
            if !both.is_empty() {
                found.entry(table.intersection(*a, *b)).or_default().extend(both);
            }
        }
    }
    found.into_iter().map(|(allowed, ranges)| (allowed, ranges::merged(ranges))).collect()
}
