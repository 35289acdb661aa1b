//! What cannot be known of host rules, and whether anything depends on it.
//!
//! Sockets, keys of tunnels and ages of connections are no part of a question. The rules that ask for them are taken to
//! match and not to match, in every way that can come about: where the answer stays the same, there is no doubt.

use std::collections::BTreeSet;

use engine::eval::ruleset::RuleRef;

use super::Denied;

/// Most ways that are tried; with more the answer counts as doubtful.
const WAYS_MAX: usize = 64;

/// A rule of which it cannot be known whether it matches a packet, with the node's place on the way.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Doubt {
    pub(super) step: usize,
    pub(super) packet: Denied,
    pub(super) rule: RuleRef,
}

/// Those that are taken to match; all others are taken not to.
pub(super) type Granted = BTreeSet<Doubt>;

/// The rules that are granted for one packet at one node.
pub(super) fn granted_at(granted: &Granted, step: usize, packet: Denied) -> BTreeSet<RuleRef> {
    let here = granted.iter().filter(|doubt| (doubt.step, doubt.packet) == (step, packet));
    here.map(|doubt| doubt.rule.clone()).collect()
}

/// The rules that an answer depends on. `first` is the answer where nothing is granted, with the doubts that came up on the
/// way; `ask` finds both for what it is given.
pub(super) fn decisive<T: PartialEq>(
    (answer, met): (&T, &Granted),
    ask: impl Fn(&Granted) -> (T, Granted),
) -> BTreeSet<RuleRef> {
    let mut doubts = met.clone();
    let mut tried: BTreeSet<Granted> = BTreeSet::new();
    let mut next: Vec<Granted> = met.iter().map(|doubt| Granted::from([doubt.clone()])).collect();
    let mut depends = false;
    while let Some(granted) = next.pop() {
        if tried.len() >= WAYS_MAX {
            depends = true;
            break;
        }
        if !tried.insert(granted.clone()) {
            continue;
        }
        let (other, met) = ask(&granted);
        depends |= other != *answer;
        for doubt in &met {
            next.push(granted.iter().chain([doubt]).cloned().collect());
        }
        doubts.extend(met);
    }
    if depends { doubts.into_iter().map(|doubt| doubt.rule).collect() } else { BTreeSet::new() }
}

#[cfg(test)]
mod tests {
    use engine::ruleset::{Family, Name, TableKey};

    use super::*;

    fn doubt(index: usize) -> Doubt {
        let table = TableKey::ours(Family::Inet);
        Doubt { step: 0, packet: Denied::First, rule: RuleRef { table, chain: Name::ours("c"), index, comment: None } }
    }

    /// The rules that a chain of rules accepts or drops by, each of which may match: a drop where none does.
    fn chain(drops: &'static [bool]) -> impl Fn(&Granted) -> (bool, Granted) {
        move |granted| {
            let mut met = Granted::new();
            for (index, drops) in drops.iter().enumerate() {
                if granted.contains(&doubt(index)) {
                    return (*drops, met);
                }
                met.insert(doubt(index));
            }
            (true, met)
        }
    }

    fn places(drops: &'static [bool]) -> Vec<usize> {
        let ask = chain(drops);
        let (answer, met) = ask(&Granted::new());
        decisive((&answer, &met), ask).into_iter().map(|rule| rule.index).collect()
    }

    #[test]
    fn what_makes_no_difference_is_no_doubt() {
        assert_eq!(places(&[]), [0; 0]);
        assert_eq!(places(&[true, true]), [0; 0]);
        assert_eq!(places(&[true, false]), [0, 1]);
    }

    #[test]
    fn what_only_matters_behind_another_doubt_is_found() {
        // Only where the first is granted does the packet come by the second.
        let ask = |granted: &Granted| {
            let (first, second) = (granted.contains(&doubt(0)), granted.contains(&doubt(1)));
            let met = if first { [doubt(1)].into() } else { [doubt(0)].into() };
            (first && second, met)
        };
        assert_eq!(decisive((&false, &[doubt(0)].into()), ask).len(), 2);
    }

    #[test]
    fn more_ways_than_can_be_tried_are_a_doubt() {
        let ask = |granted: &Granted| (true, (0..20).map(doubt).filter(|doubt| !granted.contains(doubt)).collect());
        assert_eq!(decisive((&true, &(0..20).map(doubt).collect()), ask).len(), 20);
    }
}
