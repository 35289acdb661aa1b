//! The elements of a run: disjoint, as the kernel wants them.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Run, candidate, pick};
use crate::compile::host::clause::Lowered;
use crate::ruleset::{Element, ElementKey, Elements, Interval};

/// The elements of a run, disjoint, each with the comment of its rule; and the rules that do not fit.
///
/// An element that lies in an earlier one adds nothing: all have the same verdict. One that overlaps in part cannot
/// be in the same set.
pub(super) fn elements<'a>(run: &Run<'a>) -> (Elements, Vec<&'a Lowered>) {
    let mut all: Vec<Numbered> = Vec::with_capacity(run.rules.len());
    for (number, candidate) in run.rules.iter().filter_map(|rule| candidate(rule)).enumerate() {
        let columns: SmallVec<[&[Interval]; 4]> =
            pick(&candidate.columns, &run.varying).map(|(_, _, intervals)| &**intervals).collect();
        if columns.iter().all(|intervals| intervals.len() == 1) {
            let parts: SmallVec<[Interval; 4]> = columns.iter().copied().flatten().copied().collect();
            all.push((parts.as_slice().into(), number));
        } else {
            all.extend(product(&columns).into_iter().map(|parts| (parts.into(), number)));
        }
    }
    let rule = |number: usize| run.rules.get(number).copied();
    let element = |number| Element { comment: rule(number).map(|rule| rule.comment.clone()), ..Element::PLAIN };
    let (kept, leftovers) = if all.iter().all(|(parts, _)| parts.iter().all(Interval::is_single)) {
        // Of equal ones the first; the sort is stable.
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.dedup_by(|(later, _), (first, _)| later == first);
        (all, BTreeSet::new())
    } else {
        disjoint(all)
    };
    let elements = kept.into_iter().map(|(parts, number)| (ElementKey::Parts(parts), element(number))).collect();
    (elements, leftovers.into_iter().filter_map(rule).collect())
}

/// An element, and which rule of the run it is of.
type Numbered = (Arc<[Interval]>, usize);

/// Keeps the elements that overlap with no other kept one, and tells which rules have others.
fn disjoint(mut all: Vec<Numbered>) -> (Vec<Numbered>, BTreeSet<usize>) {
    let axis = widest_axis(&all);
    let at = |parts: &[Interval]| parts.get(axis).copied();
    // Of two elements that begin together the wider one first, so that it can cover the other. The sort is stable.
    all.sort_by_key(|(parts, _)| at(parts).map(|part| (part.low(), std::cmp::Reverse(part.high()))));
    let mut kept: Vec<Numbered> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut leftovers = BTreeSet::new();
    for (parts, number) in all {
        let low = at(&parts).map(|part| part.low());
        open.retain(|index| kept.get(*index).and_then(|(other, _)| at(other)).map(|part| part.high()) >= low);
        let mut clashes =
            open.iter().filter_map(|index| kept.get(*index)).filter(|(other, _)| overlap(other, &parts)).peekable();
        if clashes.peek().is_none() {
            open.push(kept.len());
            kept.push((parts, number));
        } else if !clashes.any(|(other, _)| covers(other, &parts)) {
            leftovers.insert(number);
        }
    }
    (kept, leftovers)
}

/// The column with the most distinct beginnings: the one along which few elements are open at a time.
fn widest_axis(all: &[Numbered]) -> usize {
    let n_columns = all.first().map_or(0, |(parts, _)| parts.len());
    let distinct = |column: usize| {
        let mut lows: Vec<_> = all.iter().filter_map(|(parts, _)| parts.get(column)).map(Interval::low).collect();
        lows.sort_unstable();
        lows.dedup();
        lows.len()
    };
    (0..n_columns).max_by_key(|column| (distinct(*column), std::cmp::Reverse(*column))).unwrap_or(0)
}

fn overlap(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.overlaps(b))
}

fn covers(outer: &[Interval], inner: &[Interval]) -> bool {
    outer.iter().zip(inner).all(|(outer, inner)| outer.low() <= inner.low() && inner.high() <= outer.high())
}

/// One interval of each column, in every combination.
fn product(columns: &[&[Interval]]) -> Vec<Vec<Interval>> {
    columns.iter().fold(vec![Vec::new()], |before, column| {
        before
            .iter()
            .flat_map(|parts| {
                column.iter().map(|interval| {
                    let mut parts = parts.clone();
                    parts.push(*interval);
                    parts
                })
            })
            .collect()
    })
}
