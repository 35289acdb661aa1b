//! Which lines decide: the rules that settle something between a workload and somebody else, in the order of the tiers.

use std::fmt;
use std::net::IpAddr;

use policy_lang::policy::{Action, Direction, Tier};
use policy_lang::source::Origin;

use super::allowed::{Allowed, Table};
use super::prepare::{self, Part, Whose};
use super::ranges::{self, Family};
use super::tiers::{self, State};
use super::{Connectivity, IpBlocks};

/// Who is at the other end of a workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Other {
    /// A workload, by its number.
    Workload(usize),
    /// A node, or nobody that is known.
    Address(IpAddr),
}

/// What settles a part of what is between two ends.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Reason {
    /// Whether it is about what the workload opens or about what it accepts.
    pub direction: Direction,
    /// The layer.
    pub tier: Tier,
    /// What it says.
    pub says: Says,
    /// Where it is written.
    pub origin: Origin,
    /// The connections that it settles.
    pub set: Allowed,
}

/// What a line says.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Says {
    /// A rule permits.
    Accept,
    /// A rule denies.
    Deny,
    /// A rule leaves it to the next tier.
    Pass,
    /// A NetworkPolicy isolates, and no rule of any permits.
    Isolates,
}

impl fmt::Display for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accept => "permits",
            Self::Deny => "denies",
            Self::Pass => "passes on",
            Self::Isolates => "isolates",
        })
    }
}

impl Connectivity<'_> {
    /// What settles the connections of a workload in one direction with somebody, in the order in which it is asked.
    /// Nothing where no policy has a say: everything is permitted then. A rule that means an address counts as meaning
    /// a pod of unknown address, if it may.
    pub fn reasons(&mut self, workload: usize, direction: Direction, other: Other) -> Vec<Reason> {
        let mut found: Vec<Reason> = Vec::new();
        let classes = self.classes.of_workload.get(workload).cloned().unwrap_or_default();
        for (class, _) in classes {
            for reason in self.reasons_of_class(class, direction, other) {
                if !found.contains(&reason) {
                    found.push(reason);
                }
            }
        }
        found
    }

    fn reasons_of_class(&mut self, class: usize, direction: Direction, other: Other) -> Vec<Reason> {
        let Self { classes, prepared, table, .. } = self;
        let binding = &prepared.binding[prepare::index(direction)][class];
        // Ports by name are the destination's.
        let destination = match (direction, other) {
            (Direction::Ingress, _) => classes.list[class].ports,
            (Direction::Egress, Other::Workload(to)) => {
                let first = classes.of_workload.get(to).and_then(|own| own.first());
                first.map_or(0, |(class, _)| classes.list[*class].ports)
            }
            (Direction::Egress, Other::Address(_)) => 0,
        };
        let mut reasons = Vec::new();
        let mut state = State::START;
        for tier in Tier::ALL {
            let of_tier = binding.iter().map(|number| &prepared.policies[*number]);
            let of_tier: Vec<_> = of_tier.filter(|prepared| prepared.policy.tier == tier).collect();
            if of_tier.is_empty() {
                continue;
            }
            state = state.next_tier();
            for part in of_tier.iter().flat_map(|policy| &policy.parts[prepare::index(direction)]) {
                let found = Family::ALL.map(|family| meant(classes, part, other, family).map(|found| (found, family)));
                let Some((found, family)) = found.into_iter().flatten().min() else { continue };
                let about = tiers::resolved(&part.ports, destination, classes, table)[family.index()];
                let next = state.after(part.rule.action, about, table);
                if next == state {
                    continue;
                }
                let settled = table.difference(state.open, next.open);
                let says = match part.rule.action {
                    Action::Accept => Says::Accept,
                    Action::Deny => Says::Deny,
                    Action::Pass => Says::Pass,
                };
                let origin = part.rule.origin.clone();
                reasons.push(Reason { direction, tier, says, origin, set: table.get(settled).clone() });
                // What it settles only at some addresses is left to those that come after it, too.
                if found == Meant::Certainly {
                    state = next;
                }
            }
            if tier == Tier::NetworkPolicy {
                let left = table.get(state.undecided).clone();
                if state.undecided != Table::NOTHING {
                    reasons.extend(of_tier.iter().map(|policy| Reason {
                        direction,
                        tier,
                        says: Says::Isolates,
                        origin: policy.policy.origin.clone(),
                        set: left.clone(),
                    }));
                }
                state = state.closed();
            }
        }
        reasons
    }
}

/// Whether a part is about somebody.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Meant {
    /// It is.
    Certainly,
    /// It is, if a pod of unknown address has one that is meant.
    Possibly,
}

/// Whether a part is about somebody at the other end.
fn meant(classes: &super::Classes<'_>, part: &Part<'_>, other: Other, family: Family) -> Option<Meant> {
    let ranges = &part.ranges[family.index()];
    let has = |address: u128| ranges.iter().any(|range| range.contains(address));
    let workload = match other {
        Other::Address(address) => {
            return (Family::of(address) == family && has(ranges::number(address))).then_some(Meant::Certainly);
        }
        Other::Workload(workload) => workload,
    };
    let by_address = part.whose == Whose::Known || classes.ip_blocks == IpBlocks::Match;
    let of_class = |class: usize| {
        let known = classes.known[family.index()].iter().filter(|(_, owner)| *owner == class);
        if part.pods.contains(class) || (by_address && known.map(|(address, _)| *address).any(has)) {
            return Some(Meant::Certainly);
        }
        let may_be = by_address && part.whose == Whose::Anybody && classes.unknown.contains(class);
        (may_be && ranges::meet(ranges, &classes.pod_ranges[family.index()])).then_some(Meant::Possibly)
    };
    let own = classes.of_workload.get(workload).map_or(&[][..], Vec::as_slice);
    own.iter().filter_map(|(class, _)| of_class(*class)).min()
}
