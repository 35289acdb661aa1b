//! What operations make of a state, as nf_tables does it: existence is checked, everything else is taken on trust.
//!
//! The planner forecasts later rounds with it, and the fake kernel builds its checks around it.

use std::collections::btree_map::Entry;

use super::{Op, OpKind, RulePosition};
use crate::observed::{Observed, ObservedChain, ObservedCounter, ObservedRule, ObservedTable, RuleContent, RuleHandle};
use crate::ruleset::{Element, ElementKey, Elements, Expr, Name, Rule, Set, SetRef};

/// Why an operation cannot be carried out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Misfit {
    /// What it names does not exist: `ENOENT`.
    Missing,
    /// What it creates exists, differently: `EEXIST`.
    Exists,
}

/// The handle of the next rule; handles are never used twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextHandle(pub(crate) u64);

impl NextHandle {
    /// For forecasts: far above what any kernel has handed out.
    pub(crate) const FORECAST: Self = Self(1 << 63);

    fn take(&mut self) -> RuleHandle {
        let handle = RuleHandle(self.0);
        self.0 += 1;
        handle
    }
}

/// The anonymous set that an expression brings along.
pub(crate) fn anonymous_set(expr: &Expr) -> Option<&SetRef> {
    expr.looked_up().map(|(_, set)| set).filter(|set| matches!(set, SetRef::Anonymous { .. }))
}

/// Carries an operation out.
///
/// # Errors
/// The state is unchanged after each [`Misfit`], except that elements before the one that did not fit are in.
pub(crate) fn carry_out(state: &mut Observed, op: &Op, next: &mut NextHandle) -> Result<(), Misfit> {
    match &op.kind {
        OpKind::AddTable { flags, comment } => {
            match state.tables.entry(op.table.clone()) {
                Entry::Occupied(mut table) => table.get_mut().flags = *flags,
                Entry::Vacant(entry) => {
                    entry.insert(ObservedTable { flags: *flags, comment: comment.clone(), ..ObservedTable::default() });
                }
            }
            Ok(())
        }
        OpKind::DeleteTable => state.tables.remove(&op.table).map(drop).ok_or(Misfit::Missing),
        OpKind::AddCounter { .. }
        | OpKind::DeleteCounter(_)
        | OpKind::AddQuota { .. }
        | OpKind::DeleteQuota(_)
        | OpKind::AddHelper { .. }
        | OpKind::DeleteHelper(_)
        | OpKind::AddSet { .. }
        | OpKind::DeleteSet(_)
        | OpKind::AddElements { .. }
        | OpKind::DeleteElements { .. }
        | OpKind::AddChain { .. }
        | OpKind::DeleteChain(_)
        | OpKind::FlushChain(_)
        | OpKind::AddRule { .. }
        | OpKind::DeleteRule { .. } => change(state.tables.get_mut(&op.table).ok_or(Misfit::Missing)?, &op.kind, next),
    }
}

fn change(table: &mut ObservedTable, kind: &OpKind, next: &mut NextHandle) -> Result<(), Misfit> {
    match kind {
        OpKind::AddTable { .. } | OpKind::DeleteTable => Ok(()),
        OpKind::AddCounter { name, comment } => {
            let counter = ObservedCounter { comment: comment.clone(), ..ObservedCounter::default() };
            create(table.counters.entry(name.clone()), counter)
        }
        OpKind::DeleteCounter(name) => table.counters.remove(name).map(drop).ok_or(Misfit::Missing),
        OpKind::AddQuota { name, quota } => create(table.quotas.entry(name.clone()), *quota),
        OpKind::AddHelper { name, helper } => create(table.helpers.entry(name.clone()), helper.clone()),
        OpKind::DeleteHelper(name) => table.helpers.remove(name).map(drop).ok_or(Misfit::Missing),
        OpKind::DeleteQuota(name) => table.quotas.remove(name).map(drop).ok_or(Misfit::Missing),
        OpKind::AddSet { name, spec } => {
            create(table.sets.entry(name.clone()), Set { spec: spec.clone(), elements: Elements::new() })
        }
        OpKind::DeleteSet(name) => {
            let known = table.sets.remove(name).is_some();
            take_unknown(table, "set", name, known)
        }
        OpKind::AddElements { set, elements, .. } => add_elements(table.sets.get_mut(set), elements),
        OpKind::DeleteElements { set, elements, .. } => {
            let set = table.sets.get_mut(set).ok_or(Misfit::Missing)?;
            elements.iter().try_for_each(|(key, _)| set.elements.remove(key).map(drop).ok_or(Misfit::Missing))
        }
        OpKind::AddChain { name, base, comment } => match table.chains.entry(name.clone()) {
            Entry::Occupied(chain) if chain.get().base != *base => Err(Misfit::Exists),
            Entry::Occupied(mut chain) => {
                chain.get_mut().policy_drop = false;
                Ok(())
            }
            Entry::Vacant(entry) => {
                entry.insert(ObservedChain { base: *base, comment: comment.clone(), ..ObservedChain::default() });
                Ok(())
            }
        },
        OpKind::DeleteChain(name) => {
            let known = table.chains.remove(name).is_some();
            take_unknown(table, "chain", name, known)
        }
        OpKind::FlushChain(name) => match table.chains.get_mut(name) {
            Some(chain) => {
                chain.rules.clear();
                Ok(())
            }
            None if table.unknown.iter().any(|object| object.kind == "chain" && object.name == *name) => Ok(()),
            None => Err(Misfit::Missing),
        },
        OpKind::AddRule { chain, position, rule } => add_rule(table.chains.get_mut(chain), *position, rule, next),
        OpKind::DeleteRule { chain, handle } => {
            let rules = &mut table.chains.get_mut(chain).ok_or(Misfit::Missing)?.rules;
            let at = rules.iter().position(|rule| rule.handle == *handle).ok_or(Misfit::Missing)?;
            rules.remove(at);
            Ok(())
        }
    }
}

fn create<K: Ord, T>(entry: Entry<'_, K, T>, object: T) -> Result<(), Misfit> {
    match entry {
        Entry::Occupied(_) => Err(Misfit::Exists),
        Entry::Vacant(entry) => {
            entry.insert(object);
            Ok(())
        }
    }
}

fn take_unknown(table: &mut ObservedTable, kind: &str, name: &Name, known: bool) -> Result<(), Misfit> {
    let n_before = table.unknown.len();
    table.unknown.retain(|object| object.kind != kind || object.name != *name);
    if known || table.unknown.len() < n_before { Ok(()) } else { Err(Misfit::Missing) }
}

fn add_elements(set: Option<&mut Set>, elements: &[(ElementKey, Element)]) -> Result<(), Misfit> {
    let set = set.ok_or(Misfit::Missing)?;
    for (key, element) in elements {
        match set.elements.entry(key.clone()) {
            // The kernel compares the data only: comment and timeout of what is there stay.
            Entry::Occupied(there) if there.get().data == element.data => {}
            Entry::Occupied(_) => return Err(Misfit::Exists),
            Entry::Vacant(entry) => {
                entry.insert(element.clone());
            }
        }
    }
    Ok(())
}

fn add_rule(
    chain: Option<&mut ObservedChain>,
    position: RulePosition,
    rule: &Rule,
    next: &mut NextHandle,
) -> Result<(), Misfit> {
    let rules = &mut chain.ok_or(Misfit::Missing)?.rules;
    let at = match position {
        RulePosition::Last => rules.len(),
        RulePosition::Before(handle) => rules.iter().position(|rule| rule.handle == handle).ok_or(Misfit::Missing)?,
    };
    rules.insert(at, ObservedRule { handle: next.take(), content: RuleContent::Known(rule.clone()) });
    Ok(())
}
