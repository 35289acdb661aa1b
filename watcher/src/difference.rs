//! What changes between two inputs: who can newly reach whom, who no longer can, and which lines it comes from.
//!
//! A change is what the new map has and the old one has not, or the other way round, set by set: nothing else is ever
//! one. The inputs may have different workloads.

use std::collections::{BTreeMap, BTreeSet};

use engine::connectivity::ranges::{self, Family, Range};
use engine::connectivity::{Allowed, Connectivity};
use ipnet::IpNet;
use policy_lang::policy::Direction;

use crate::map::{Certainty, Map, Peer, Shown};

pub use self::cause::{Cause, Side};

mod cause;
pub mod host;
pub mod rules;

/// One difference.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Which way it goes.
    pub kind: Kind,
    /// Who opens the connections.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// Whether they hang on an address that is not known.
    pub certainty: Certainty,
    /// The connections that are gained or lost.
    pub set: Allowed,
    /// The same in words.
    pub shown: Shown,
    /// Where it comes from.
    pub causes: Vec<Cause>,
}

/// Which way a change goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Nothing was permitted between the two, and something is.
    Added,
    /// Something was, and nothing is.
    Removed,
    /// More is permitted than was.
    Widened,
    /// Less is.
    Narrowed,
}

/// Both sides of a comparison.
#[derive(Debug)]
pub struct Compared<'m, 'a> {
    /// Before.
    pub old: &'m mut Connectivity<'a>,
    /// After.
    pub new: &'m mut Connectivity<'a>,
}

/// What is permitted between two peers that have names.
type Pairs<'m> = BTreeMap<(&'m Peer, &'m Peer, Certainty), &'m Allowed>;

/// What is permitted between a workload and addresses.
type Outside<'m> = BTreeMap<(&'m Peer, Direction), Vec<([Vec<Range>; 2], &'m Allowed)>>;

/// Every difference, sorted by its kind and by the two peers.
pub fn compare(compared: &mut Compared<'_, '_>) -> Vec<Change> {
    let (old, new) = (Map::new(compared.old), Map::new(compared.new));
    let mut changes = Vec::new();
    let (before, after) = (pairs(&old), pairs(&new));
    let nothing = Allowed::default();
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    for key in keys {
        let (was, is) = (before.get(&key).copied(), after.get(&key).copied());
        let (from, to, certainty) = key;
        let mut push = |kind, set: Allowed| {
            if let Some(shown) = Shown::of(&set) {
                changes.push(Change {
                    kind,
                    from: from.clone(),
                    to: to.clone(),
                    certainty,
                    set,
                    shown,
                    causes: Vec::new(),
                });
            }
        };
        let gained = is.unwrap_or(&nothing).difference(was.unwrap_or(&nothing));
        push(if was.is_some() { Kind::Widened } else { Kind::Added }, gained);
        let lost = was.unwrap_or(&nothing).difference(is.unwrap_or(&nothing));
        push(if is.is_some() { Kind::Narrowed } else { Kind::Removed }, lost);
    }
    // What is a pod's or a node's on one side has a name there, and is compared by it.
    let taken = [0, 1].map(|family: usize| {
        let of = |model: &Connectivity<'_>| model.taken().get(family).cloned().unwrap_or_default();
        ranges::merged([of(compared.old), of(compared.new)].concat())
    });
    changes.extend(outside(&addresses(&old), &addresses(&new), &taken));
    changes.sort_by(|a, b| (a.kind, &a.from, &a.to, a.certainty).cmp(&(b.kind, &b.from, &b.to, b.certainty)));
    cause::explain(&mut changes, compared);
    changes
}

fn pairs(map: &Map) -> Pairs<'_> {
    let is_named = |peer: &Peer| !matches!(peer, Peer::Addresses { .. });
    let ends = map.connections.iter().map(|found| (map.peer(found.from), map.peer(found.to), found));
    ends.filter(|(from, to, _)| is_named(from) && is_named(to))
        .map(|(from, to, found)| ((from, to, found.certainty), &map.permitted(found).set))
        .collect()
}

fn addresses(map: &Map) -> Outside<'_> {
    let mut found = Outside::new();
    for connection in &map.connections {
        let (from, to) = (map.peer(connection.from), map.peer(connection.to));
        let (named, direction, cidrs) = match (from, to) {
            (named, Peer::Addresses { cidrs }) => (named, Direction::Egress, cidrs),
            (Peer::Addresses { cidrs }, named) => (named, Direction::Ingress, cidrs),
            (Peer::Workload { .. } | Peer::Node { .. }, Peer::Workload { .. } | Peer::Node { .. }) => continue,
        };
        let mut of_families = [Vec::new(), Vec::new()];
        for cidr in cidrs {
            let [v4, v6] = &mut of_families;
            if cidr.addr().is_ipv4() { v4 } else { v6 }.push(Range::of(cidr));
        }
        let ranges = of_families.map(ranges::merged);
        found.entry((named, direction)).or_default().push((ranges, &map.permitted(connection).set));
    }
    found
}

/// The differences about addresses: those that gain or lose the same are one.
fn outside(old: &Outside<'_>, new: &Outside<'_>, taken: &[Vec<Range>; 2]) -> Vec<Change> {
    let mut changes = Vec::new();
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    for (named, direction) in keys {
        let before = old.get(&(named, direction)).map_or(&[][..], Vec::as_slice);
        let after = new.get(&(named, direction)).map_or(&[][..], Vec::as_slice);
        let gained = beyond(after, before, taken)
            .into_iter()
            .map(|((set, had), cidrs)| (if had { Kind::Widened } else { Kind::Added }, set, cidrs));
        let lost = beyond(before, after, taken)
            .into_iter()
            .map(|((set, keeps), cidrs)| (if keeps { Kind::Narrowed } else { Kind::Removed }, set, cidrs));
        for (kind, set, cidrs) in gained.chain(lost) {
            let Some(shown) = Shown::of(&set) else { continue };
            let others = Peer::Addresses { cidrs };
            let (from, to) = match direction {
                Direction::Egress => (named.clone(), others),
                Direction::Ingress => (others, named.clone()),
            };
            let certainty = Certainty::Certain;
            changes.push(Change { kind, from, to, certainty, set, shown, causes: Vec::new() });
        }
    }
    changes
}

/// What one list permits that the other does not, and whether the other permits anything there.
fn beyond(
    list: &[([Vec<Range>; 2], &Allowed)],
    other: &[([Vec<Range>; 2], &Allowed)],
    taken: &[Vec<Range>; 2],
) -> BTreeMap<(Allowed, bool), Vec<IpNet>> {
    let mut found: BTreeMap<(Allowed, bool), [Vec<Range>; 2]> = BTreeMap::new();
    for (family, taken) in [0, 1].into_iter().zip(taken) {
        for (ranges, set) in list {
            let Some(ranges) = ranges.get(family) else { continue };
            let mut left = ranges::without(ranges, taken);
            for (others, has) in other {
                let Some(others) = others.get(family) else { continue };
                let both = ranges::common(&left, others);
                left = ranges::without(&left, others);
                let more = set.difference(has);
                if !both.is_empty() && !more.is_nothing() {
                    add(&mut found, (more, true), family, both);
                }
            }
            if !left.is_empty() {
                add(&mut found, ((*set).clone(), false), family, left);
            }
        }
    }
    let networks = |[v4, v6]: [Vec<Range>; 2]| -> Vec<IpNet> {
        let v4 = ranges::merged(v4).into_iter().flat_map(|range| Family::V4.networks(range));
        v4.chain(ranges::merged(v6).into_iter().flat_map(|range| Family::V6.networks(range))).collect()
    };
    found.into_iter().map(|(key, ranges)| (key, networks(ranges))).collect()
}

fn add(
    found: &mut BTreeMap<(Allowed, bool), [Vec<Range>; 2]>,
    key: (Allowed, bool),
    family: usize,
    ranges: Vec<Range>,
) {
    if let Some(slot) = found.entry(key).or_default().get_mut(family) {
        slot.extend(ranges);
    }
}

impl Kind {
    /// Every kind, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Added, Self::Removed, Self::Widened, Self::Narrowed];

    /// Whether more is permitted afterwards.
    pub fn is_more(self) -> bool {
        match self {
            Self::Added | Self::Widened => true,
            Self::Removed | Self::Narrowed => false,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
        }
    }
}

#[cfg(test)]
mod tests;
