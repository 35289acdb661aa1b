//! Live connections: those that policy no longer permits are cut, and those that it permits again go on.
//!
//! One bit of a flow's conntrack mark means *revoked* (decisions.md 14). Rules ahead of the one that passes what is
//! established drop what bears it, both ways; here it is found out which flows are to bear it. Entries are never deleted.
//!
//! Invariant: a flow is judged by the ruleset that is in force, as the first packet of its original direction would be,
//! and by pod policy only: what the host's own rules would say to a first packet is not asked.

use std::collections::BTreeMap;

use crate::kernel::conntrack::{Bit, Change, Conntrack, ConntrackError, End, Entry, Family, Filter, Marked, Tuple};
use crate::place::{Cause, Event, Place};
use crate::ruleset::{self, CtField, Expr, Field, Match, Rule, Ruleset, TableKey};

pub use self::affected::Affected;
pub use self::cut::Cut;
pub use self::judge::Judge;

mod affected;
mod cut;
mod judge;
mod meaning;
mod reach;

/// A first packet that was judged before the flip may be confirmed, and so become an entry, after the first reading.
const PASSES: usize = 2;

/// Up to so many IPv4 addresses the kernel is asked for the flows of each. It walks through its whole table each time, but
/// hands over only what is wanted, which is most of the work.
const ASKED_ONE_BY_ONE: usize = 4;

/// Up to so many entries everything is read in one walk. A walk through the buckets of an empty table (262,144 on a machine
/// with more than 4 GB) costs as much as the handing over of some 3,000 entries.
const READ_WHOLE: usize = 4_000;

/// The bit of the conntrack mark that this ruleset takes for *revoked*: that of the rule that drops what bears it. There is
/// none where connections are kept, and then nothing is to be cut.
pub fn revoked_bit(ruleset: &Ruleset) -> Option<u32> {
    let table = ruleset.tables.get(&TableKey::ours(ruleset::Family::Inet))?;
    let counts = |rule: &Rule| {
        let mut places = rule.exprs.iter().filter_map(judge::place);
        // Where it is only observed, nothing is cut, and what was cut before is to go on.
        places.any(|Place { event, cause }| cause == Cause::Revoked && matches!(event, Event::Denied | Event::Observed))
    };
    let drops = |rule: &Rule| {
        let chains = reach::targets(table, rule).into_iter().filter_map(|name| table.chains.get(name));
        counts(rule) || chains.flat_map(|chain| &chain.rules).any(counts)
    };
    let mut rules = table.chains.values().flat_map(|chain| &chain.rules);
    rules.find_map(|rule| rule.exprs.iter().find_map(marked).filter(|_| drops(rule)))
}

/// The bits of the conntrack mark that an expression asks for.
fn marked(expr: &Expr) -> Option<u32> {
    let Expr::Match(Match { field: Field::Ct(CtField::Mark), mask: Some(mask), .. }) = expr else { return None };
    u32::try_from(mask.to_u128()).ok()
}

/// What was found and done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// Flows that the kernel handed over in the last pass.
    pub n_read: usize,
    /// Flows of affected addresses in the last pass: those that were judged.
    pub n_judged: usize,
    /// Flows that were cut.
    pub n_revoked: usize,
    /// Flows that were cut before and go on.
    pub n_restored: usize,
    /// Flows that ended before their mark could be changed.
    pub n_gone: usize,
    /// Every flow that was judged and is cut now, those that were cut before among them.
    pub cut: Cut,
}

/// Has every flow of these addresses judged, and sets or clears the bit of those that have it wrong. To be called when
/// the ruleset of the judge is in force.
///
/// # Errors
/// [`ConntrackError`]; some flows may have been changed, and to call it again is right.
pub fn enforce<C: Conntrack + ?Sized>(
    conntrack: &mut C,
    judge: &mut Judge<'_>,
    affected: &Affected,
) -> Result<Outcome, ConntrackError> {
    let mut outcome = Outcome::default();
    if affected.is_empty() {
        return Ok(outcome);
    }
    for _ in 0..PASSES {
        let (flows, n_read) = flows(conntrack, affected)?;
        outcome.n_read = n_read;
        outcome.n_judged = flows.len();
        outcome.cut = flows.iter().filter(|entry| !judge.permits(entry)).collect();
        let changes: Vec<Change> = flows.iter().filter_map(|entry| judge.correction(entry)).collect();
        let Marked { n_changed: _, n_gone } = conntrack.mark(judge.bit(), &changes)?;
        let n_set = changes.iter().filter(|change| change.bit == Bit::Set).count();
        outcome.n_revoked += n_set;
        outcome.n_restored += changes.len() - n_set;
        outcome.n_gone += n_gone;
    }
    Ok(outcome)
}

/// The flows of these addresses, each once, and how many were read for that.
fn flows<C: Conntrack + ?Sized>(conntrack: &mut C, affected: &Affected) -> Result<(Vec<Entry>, usize), ConntrackError> {
    let mut keep = |entry: &Entry| entry.ends().iter().any(|end| affected.contains(*end));
    let mut flows: BTreeMap<(u32, Tuple), Entry> = BTreeMap::new();
    let mut n_all = 0;
    for filter in filters(affected, conntrack.count()?) {
        let read = conntrack.entries(&filter, &mut keep)?;
        n_all += read.n_read;
        flows.extend(read.kept.into_iter().map(|entry| ((entry.flow.id, entry.original), entry)));
    }
    Ok((flows.into_values().collect(), n_all))
}

/// What to ask the kernel for, so that every flow of these addresses is among the answers.
fn filters(affected: &Affected, n_entries: usize) -> Vec<Filter> {
    if n_entries <= READ_WHOLE {
        return vec![Filter::default()];
    }
    let of = |family| affected.ranges().filter(move |(low, _)| Family::of(*low) == family);
    let (n_v4, n_v6) = (of(Family::V4).count(), of(Family::V6).count());
    let mut filters = Vec::new();
    if n_v4 <= ASKED_ONE_BY_ONE && of(Family::V4).all(|(low, high)| low == high) {
        let ends = |(address, _)| [End::Client, End::Server].map(|end| (end, address));
        filters.extend(of(Family::V4).flat_map(ends).map(|end| Filter { end: Some(end), ..Filter::default() }));
    } else {
        filters.push(Filter { family: Some(Family::V4), ..Filter::default() });
    }
    if n_v6 > 0 {
        filters.push(Filter { family: Some(Family::V6), ..Filter::default() });
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table_is_read_at_once_and_of_a_large_one_only_what_is_wanted() {
        let of = |texts: &[&str]| {
            Affected::of(texts.iter().map(|text| text.parse().unwrap()).map(|ip: std::net::IpAddr| (ip, ip)))
        };
        let (one, both) = (of(&["10.0.0.1"]), of(&["10.0.0.1", "fd00::1"]));
        assert_eq!(filters(&both, READ_WHOLE), [Filter::default()]);
        let ends: Vec<_> =
            filters(&one, READ_WHOLE + 1).into_iter().map(|filter| filter.end.map(|(end, _)| end)).collect();
        assert_eq!(ends, [Some(End::Client), Some(End::Server)]);
        assert_eq!(filters(&both, READ_WHOLE + 1).len(), 3);
    }
}
