//! What the rows of both ends permit together.

use std::collections::BTreeMap;

use fixedbitset::FixedBitSet;
use policy_lang::policy::Direction;

use super::Connectivity;
use super::allowed::{AllowedId, Table};
use super::classes::Classes;
use super::ranges::{self, Family, Range};
use super::row::{Row, Rows};

/// What one workload may open to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link {
    /// The number of the workload that is reached.
    pub to: usize,
    /// What is permitted.
    pub ends: Ends,
}

/// What is permitted between two workloads, whatever pods they have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ends {
    /// Whatever addresses the pods have that no address is known of.
    pub certain: AllowedId,
    /// Where they have some addresses; never less.
    pub possible: AllowedId,
}

/// What is permitted with whoever is no pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outside {
    /// With processes on nodes, but for a pod's own; by their places in the inventory.
    pub nodes: Vec<(usize, AllowedId)>,
    /// With addresses of no known pod or node, those that are permitted the same together; none where that is nothing.
    pub addresses: Vec<(AllowedId, [Vec<Range>; 2])>,
}

/// For each family and class, whom it may reach as far as they are concerned.
#[derive(Debug)]
pub(super) struct Reach([Vec<FixedBitSet>; 2]);

impl Reach {
    /// Turns the rows of ingress round.
    pub(super) fn of(ingress: &Rows, classes: &Classes<'_>) -> Self {
        let none = || FixedBitSet::with_capacity(classes.len());
        let mut subjects = vec![none(); ingress.rows.len()];
        for (class, row) in ingress.of_class.iter().enumerate() {
            subjects[*row].insert(class);
        }
        let of_family = |family: Family| {
            let mut reach = vec![none(); classes.len()];
            for (row, subjects) in ingress.rows.iter().zip(&subjects) {
                let few: Option<Vec<usize>> = (subjects.count_ones(..) <= FEW).then(|| subjects.ones().collect());
                for group in row.pods[family.index()].iter().filter(|group| group.possible != Table::NOTHING) {
                    for class in group.classes.ones() {
                        match &few {
                            Some(few) => few.iter().for_each(|subject| reach[class].insert(*subject)),
                            None => reach[class].union_with(subjects),
                        }
                    }
                }
            }
            reach
        };
        Self(Family::ALL.map(of_family))
    }
}

/// So few are put into a set one by one.
const FEW: usize = 8;

impl Connectivity<'_> {
    /// Whom a workload may open connections to, itself included where it has replicas; sorted by number. Those without
    /// anything possible are left out.
    pub fn links(&mut self, from: usize) -> Vec<Link> {
        let mut found: BTreeMap<usize, Ends> = BTreeMap::new();
        let own = self.classes.of_workload[from].clone();
        for (class, n_members) in &own {
            for (reached, ends) in self.reached_from(*class) {
                for at in 0..self.with_class[reached].len() {
                    let workload = self.with_class[reached][at];
                    if workload == from && !self.is_pair(from, *class, reached, *n_members) {
                        continue;
                    }
                    let known = found.entry(workload).or_insert(Ends::NOTHING);
                    *known = known.or(ends, &mut self.table);
                }
            }
        }
        found.into_iter().map(|(to, ends)| Link { to, ends }).collect()
    }

    /// What a workload may reach (egress) or be reached by (ingress) that is no pod.
    pub fn outside(&mut self, workload: usize, direction: Direction) -> Outside {
        let classes: Vec<usize> = self.classes.of_workload[workload].iter().map(|(class, _)| *class).collect();
        self.outside_of(&classes, direction)
    }

    /// The same for pods of any of some classes.
    pub(super) fn outside_of(&mut self, classes: &[usize], direction: Direction) -> Outside {
        let rows = match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        let mut outside = Outside::default();
        let mut addresses: BTreeMap<AllowedId, [Vec<Range>; 2]> = BTreeMap::new();
        let mut nodes: BTreeMap<usize, AllowedId> = BTreeMap::new();
        for family in Family::ALL {
            let mut numbers: Vec<usize> = classes
                .iter()
                .filter(|class| self.classes.in_family[family.index()].contains(**class))
                .map(|class| rows.of_class[*class])
                .collect();
            numbers.sort_unstable();
            numbers.dedup();
            let of_family: Vec<&Row> = numbers.iter().map(|number| &rows.rows[*number]).collect();
            for (number, node) in self.scene.inventory.nodes.values().enumerate() {
                for address in node.addresses.iter().filter(|address| Family::of(**address) == family) {
                    for row in &of_family {
                        let allowed = row.with_address(ranges::number(*address), family);
                        let known = nodes.entry(number).or_insert(Table::NOTHING);
                        *known = self.table.union(*known, allowed);
                    }
                }
            }
            for (allowed, ranges) in overlaid(&of_family, family, &mut self.table) {
                let free = ranges::without(&ranges, &self.taken[family.index()]);
                addresses.entry(allowed).or_default()[family.index()].extend(free);
            }
        }
        let is_something = |allowed: &AllowedId| *allowed != Table::NOTHING;
        outside.nodes = nodes.into_iter().filter(|(_, allowed)| is_something(allowed)).collect();
        let has_addresses = |ranges: &[Vec<Range>; 2]| ranges.iter().any(|ranges| !ranges.is_empty());
        let found = addresses.into_iter().filter(|(allowed, ranges)| is_something(allowed) && has_addresses(ranges));
        outside.addresses = found.collect();
        outside
    }

    /// Whether two pods of a workload can be meant: one pod is no connection.
    pub(super) fn is_pair(&self, workload: usize, from: usize, to: usize, n_members: usize) -> bool {
        let found = &self.scene.workloads.entries[workload];
        let is_only = found.members.len() == 1;
        found.has_replicas() && (from != to || n_members > 1 || is_only)
    }

    pub(super) fn reached_from(&mut self, from: usize) -> BTreeMap<usize, Ends> {
        let mut found = BTreeMap::new();
        for family in Family::ALL {
            let in_family = &self.classes.in_family[family.index()];
            if !in_family.contains(from) {
                continue;
            }
            for group in self.egress.of(from).pods[family.index()].iter() {
                if group.possible == Table::NOTHING {
                    continue;
                }
                let mut reached = &group.classes & &self.reach.0[family.index()][from];
                reached.intersect_with(in_family);
                for to in reached.ones() {
                    let (certain, possible) = self.ingress.of(to).with(from, family);
                    let ends = Ends {
                        certain: self.table.intersection(group.certain, certain),
                        possible: self.table.intersection(group.possible, possible),
                    };
                    if ends.possible != Table::NOTHING {
                        let known = found.entry(to).or_insert(Ends::NOTHING);
                        *known = known.or(ends, &mut self.table);
                    }
                }
            }
        }
        found
    }
}

impl Ends {
    pub(super) const NOTHING: Self = Self { certain: Table::NOTHING, possible: Table::NOTHING };

    /// Whether something is permitted for certain.
    pub fn is_certain(self) -> bool {
        self.certain != Table::NOTHING
    }

    /// Whether what is possible hangs on addresses that are not known.
    pub fn hangs_on_addresses(self) -> bool {
        self.possible != self.certain
    }

    /// What is permitted in both.
    pub(super) fn and(self, other: Self, table: &mut Table) -> Self {
        Self {
            certain: table.intersection(self.certain, other.certain),
            possible: table.intersection(self.possible, other.possible),
        }
    }

    fn or(self, other: Self, table: &mut Table) -> Self {
        Self { certain: table.union(self.certain, other.certain), possible: table.union(self.possible, other.possible) }
    }
}

/// What any of some rows permits with addresses.
fn overlaid(rows: &[&Row], family: Family, table: &mut Table) -> Vec<(AllowedId, Vec<Range>)> {
    let [first, others @ ..] = rows else { return Vec::new() };
    let mut found = first.outside[family.index()].clone();
    for row in others {
        let mut next: BTreeMap<AllowedId, Vec<Range>> = BTreeMap::new();
        for (one, of_one) in &found {
            for (other, of_other) in &row.outside[family.index()] {
                let both = ranges::common(of_one, of_other);
                if !both.is_empty() {
                    next.entry(table.union(*one, *other)).or_default().extend(both);
                }
            }
        }
        found = next.into_iter().map(|(allowed, ranges)| (allowed, ranges::merged(ranges))).collect();
    }
    found
}

/// The workloads that have pods of each class.
pub(super) fn with_class(classes: &Classes<'_>) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new(); classes.len()];
    for (workload, own) in classes.of_workload.iter().enumerate() {
        for (class, _) in own {
            found[*class].push(workload);
        }
    }
    found
}
