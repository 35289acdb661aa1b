//! What has to be done: from what the kernel has to what it should have.
//!
//! A pure function over states, near-linear in their size. The first round always takes the kernel to a state that
//! means what is desired; objects in use that cannot be changed in place get a detour (`detour`), and a later round
//! brings them back to their names.
//!
//! Invariant: nothing that packets can meet is changed outside of a flip, a flip adds and removes no anonymous set in
//! a chain in use, and no set in use has an element removed and another added that covers the same packets. The
//! kernel's lookups can miss at such a moment.

use std::borrow::Cow;
use std::collections::BTreeSet;

pub use self::changes::{Change, Changed, Difference, changes};
use crate::observed::{Observed, ObservedTable, TableFlags};
use crate::plan::model::{self, NextHandle};
use crate::plan::{Op, OpKind, Plan, Round};
use crate::ruleset::{Ruleset, Table, TableKey};

mod chains;
mod changes;
mod detour;
mod joined;
mod live;
mod rules;
mod sets;
mod table;
#[cfg(test)]
pub(crate) mod tests;

/// Most rounds of a plan. Two are the rule where one is not enough; a base chain that has to be made anew and holds
/// anonymous sets takes three.
const ROUNDS_MAX: usize = 4;

/// Whether the rules of base chains are changed one by one or replaced as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Renewal {
    /// As little as possible.
    Minimal,
    /// Everything under new names, nothing in place: the way out when a minimal change was refused.
    Fresh,
}

/// The plan that takes the tables from `observed` to `desired`. Tables of `observed` that are not desired go.
///
/// New tables get `flags`; a table that exists keeps its own, except that one that persists and is to be owned is
/// claimed. Comments of tables and of named counters cannot change while those live and are left alone, as are the
/// values of counters and the elements of dynamic sets.
pub fn diff(observed: &Observed, desired: &Ruleset, flags: TableFlags) -> Plan {
    let mut rounds = Vec::new();
    let mut state = Cow::Borrowed(observed);
    let mut next = NextHandle::FORECAST;
    while rounds.len() < ROUNDS_MAX {
        let (round, outlook) = round(&state, desired, flags, Renewal::Minimal);
        if round.is_empty() {
            break;
        }
        if outlook == Outlook::More {
            forecast(state.to_mut(), &round, &mut next);
        }
        rounds.push(round);
        if outlook == Outlook::Done {
            break;
        }
    }
    Plan { rounds }
}

/// A round that changes no object in place: everything anew, under names that are free, with one rule per base chain
/// to flip. What it leaves means what is desired; [`diff`] then finds the way back to the proper names.
pub fn fresh(observed: &Observed, desired: &Ruleset, flags: TableFlags) -> Round {
    round(observed, desired, flags, Renewal::Fresh).0
}

/// Whether a round leaves everything under its proper name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outlook {
    /// Yes.
    Done,
    /// No: another round has to follow.
    More,
}

fn round(observed: &Observed, desired: &Ruleset, flags: TableFlags, renewal: Renewal) -> (Round, Outlook) {
    let absent = ObservedTable::default();
    let unwanted = Table::default();
    let keys: BTreeSet<&TableKey> = observed.tables.keys().chain(desired.tables.keys()).collect();
    let mut round = Round::default();
    let mut outlook = Outlook::Done;
    for key in keys {
        let there = observed.tables.get(key);
        let wanted = desired.tables.get(key);
        let mut phases = table::phases(there.unwrap_or(&absent), wanted.unwrap_or(&unwanted), renewal);
        outlook = outlook.max(phases.outlook);
        match (there, wanted) {
            (None, Some(wanted)) => {
                phases.fill.insert(0, OpKind::AddTable { flags, comment: wanted.comment.clone() });
            }
            (Some(there), Some(_)) if flags.owner && !there.flags.owner && there.flags.persist => {
                let flags = TableFlags { owner: true, persist: true };
                phases.fill.insert(0, OpKind::AddTable { flags, comment: None });
            }
            (Some(_), None) => phases.collect = vec![OpKind::DeleteTable],
            (Some(_), Some(_)) | (None, None) => {}
        }
        let op = |kind| Op { table: key.clone(), kind };
        round.fill.extend(phases.fill.into_iter().map(op));
        round.flip.extend(phases.flip.into_iter().map(op));
        round.collect.extend(phases.collect.into_iter().map(op));
    }
    (round, outlook)
}

/// Takes a state to what it is after a round. A plan fits the state that it was made for, so nothing can be amiss.
fn forecast(state: &mut Observed, round: &Round, next: &mut NextHandle) {
    for op in round.fill.iter().chain(&round.flip).chain(&round.collect) {
        let carried_out = model::carry_out(state, op, next);
        debug_assert_eq!(carried_out, Ok(()), "{op}");
    }
}
