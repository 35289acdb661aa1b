//! Where a change comes from: the lines that settle it on one side and not, or not so, on the other.

use std::collections::BTreeMap;

use engine::connectivity::{Allowed, Connectivity, Other, Reason, Says};
use policy_lang::policy::Direction;
use policy_lang::source::Origin;

use super::{Change, Compared};
use crate::map::{self, Peer};

/// A line that a change comes from.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cause {
    /// On which side it stands.
    pub side: Side,
    /// What it says; nothing for a workload or a node that only one side has.
    pub says: Option<(Direction, Says)>,
    /// Where it is written.
    pub origin: Origin,
}

/// Before or after.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// It stood in the old input.
    Old,
    /// It stands in the new one.
    New,
}

impl Side {
    /// Its name in what is reported, for people and programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

/// Most causes that are told of one change.
const CAUSES_MAX: usize = 8;

/// Finds the causes of changes.
pub(super) fn explain(changes: &mut [Change], compared: &mut Compared<'_, '_>) {
    let Compared { old, new } = compared;
    let numbers = [numbers(old), numbers(new)];
    for change in changes {
        let [of_old, of_new] = &numbers;
        let mut causes = Vec::new();
        for peer in [&change.from, &change.to] {
            let sides = [(Side::Old, &**old, &**new), (Side::New, &**new, &**old)]
                .into_iter()
                .zip([(of_old, of_new), (of_new, of_old)]);
            for ((side, model, other_model), (own, other)) in sides {
                let origin = match peer {
                    Peer::Workload { .. } => {
                        let number = own.get(peer).filter(|_| !other.contains_key(peer));
                        let workload = number.and_then(|number| model.scene().workloads.entries.get(*number));
                        workload.map(|workload| workload.origin.clone())
                    }
                    Peer::Node { name } => {
                        let has = |model: &Connectivity<'_>| model.scene().inventory.nodes.contains_key(name);
                        let subject = format!("Node {name}");
                        (has(model) && !has(other_model)).then(|| Origin::default().with_subject(subject))
                    }
                    Peer::Addresses { .. } => None,
                };
                causes.extend(origin.map(|origin| Cause { side, says: None, origin }));
            }
        }
        if causes.is_empty() {
            let before = reasons(change, old, of_old);
            let after = reasons(change, new, of_new);
            let (permitting, denying) = if change.kind.is_more() { (&after, &before) } else { (&before, &after) };
            let (permits, denies) = if change.kind.is_more() { (Side::New, Side::Old) } else { (Side::Old, Side::New) };
            causes = telling(permitting, denying, permits, Lines::Changed, change);
            causes.extend(telling(denying, permitting, denies, Lines::Changed, change));
            if causes.is_empty() {
                // Only labels changed, so that the same lines mean others.
                causes = telling(permitting, denying, permits, Lines::All, change);
            }
        }
        causes.dedup();
        let mut told: Vec<Cause> = Vec::new();
        for cause in causes {
            if told.len() < CAUSES_MAX && !told.contains(&cause) {
                told.push(cause);
            }
        }
        change.causes = told;
    }
}

/// Which lines are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lines {
    /// Those that the other side has not, or not so.
    Changed,
    /// All that settle something.
    All,
}

/// The lines of one side that permit, on the side where more is permitted, or that deny, on the other.
fn telling(reasons: &[Reason], others: &[Reason], side: Side, lines: Lines, change: &Change) -> Vec<Cause> {
    let grants = (side == Side::New) == change.kind.is_more();
    let is_told = |reason: &&Reason| {
        let is_changed = !others.iter().any(|other| is_same(reason, other));
        is_grant(reason.says) == grants && meets(&reason.set, &change.set) && (lines == Lines::All || is_changed)
    };
    let cause =
        |reason: &Reason| Cause { side, says: Some((reason.direction, reason.says)), origin: reason.origin.clone() };
    reasons.iter().filter(is_told).map(cause).collect()
}

/// Workloads by who they are.
fn numbers(model: &Connectivity<'_>) -> BTreeMap<Peer, usize> {
    let entries = &model.scene().workloads.entries;
    entries.iter().enumerate().map(|(number, workload)| (map::peer(workload), number)).collect()
}

/// What settles something between the two ends of a change.
fn reasons(change: &Change, model: &mut Connectivity<'_>, numbers: &BTreeMap<Peer, usize>) -> Vec<Reason> {
    let mut found = Vec::new();
    let ends = [(&change.from, &change.to, Direction::Egress), (&change.to, &change.from, Direction::Ingress)];
    for (own, other, direction) in ends {
        let Some(number) = numbers.get(own) else { continue };
        let other = match other {
            Peer::Workload { .. } => numbers.get(other).map(|number| Other::Workload(*number)),
            Peer::Node { name } => {
                let node = model.scene().inventory.nodes.get(name);
                node.and_then(|node| node.addresses.first()).map(|address| Other::Address(*address))
            }
            Peer::Addresses { cidrs } => cidrs.first().map(|cidr| Other::Address(cidr.network())),
        };
        found.extend(other.map(|other| model.reasons(*number, direction, other)).unwrap_or_default());
    }
    found
}

/// The same line by what it is called: lines move when others are written above them.
fn is_same(one: &Reason, other: &Reason) -> bool {
    let called = |reason: &Reason| (reason.direction, reason.tier, reason.says, reason.origin.subject.clone());
    // What isolates is the same whatever others permit.
    called(one) == called(other) && (one.says == Says::Isolates || one.set == other.set)
}

fn is_grant(says: Says) -> bool {
    match says {
        Says::Accept | Says::Pass => true,
        Says::Deny | Says::Isolates => false,
    }
}

fn meets(one: &Allowed, other: &Allowed) -> bool {
    !one.intersection(other).is_nothing()
}
