//! One round for one table.

use std::borrow::Cow;

use super::chains;
use super::detour::{FreeNames, Renames};
use super::joined::joined;
use super::live::Live;
use super::sets::{Delta, Use, adds_of_all};
use super::{Outlook, Renewal};
use crate::observed::ObservedTable;
use crate::plan::OpKind;
use crate::ruleset::{Name, Set, Table};

/// The three transactions of one table.
#[derive(Debug)]
pub(super) struct Phases {
    pub(super) fill: Vec<OpKind>,
    pub(super) flip: Vec<OpKind>,
    pub(super) collect: Vec<OpKind>,
    pub(super) outlook: Outlook,
}

/// The operations by the order that their references ask for.
#[derive(Debug)]
pub(super) struct Draft {
    /// Fill: counters, quotas, helpers and empty sets; then empty chains; then what refers to them.
    pub(super) objects: Vec<OpKind>,
    pub(super) chains: Vec<OpKind>,
    pub(super) contents: Vec<OpKind>,
    /// Flip: base chains; what goes; what comes.
    pub(super) base_chains: Vec<OpKind>,
    pub(super) removals: Vec<OpKind>,
    pub(super) additions: Vec<OpKind>,
    /// Collect: rules, then the sets and chains that they referred to, then counters, quotas and helpers.
    pub(super) dead_rules: Vec<OpKind>,
    pub(super) dead_sets: Vec<OpKind>,
    pub(super) dead_chains: Vec<OpKind>,
    pub(super) dead_objects: Vec<OpKind>,
    pub(super) outlook: Outlook,
}

/// The round that takes `observed` towards `wanted`.
pub(super) fn phases(observed: &ObservedTable, wanted: &Table, renewal: Renewal) -> Phases {
    let live = Live::of(observed);
    let mut names = FreeNames::beside(observed, wanted);
    let mut target = Cow::Borrowed(wanted);
    let mut renames = match renewal {
        Renewal::Minimal => conflicts(observed, &target, &live, &mut names),
        Renewal::Fresh => everything(observed, &target, &mut names),
    };
    let mut draft = Draft::new();
    // A stand-in for a chain changes the maps that lead to it, which may need stand-ins of their own; what looks
    // into those is rules only, so this ends.
    while !renames.is_empty() {
        draft.outlook = Outlook::More;
        target = Cow::Owned(renames.apply(&target));
        renames = conflicts(observed, &target, &live, &mut names);
    }
    draft.objects(observed, &target);
    draft.sets(observed, &target, &live);
    chains::draft(&mut draft, observed, &target, &live, &mut names, renewal);
    draft.unknown(observed);
    draft.finish()
}

impl Draft {
    fn new() -> Self {
        Self {
            objects: Vec::new(),
            chains: Vec::new(),
            contents: Vec::new(),
            base_chains: Vec::new(),
            removals: Vec::new(),
            additions: Vec::new(),
            dead_rules: Vec::new(),
            dead_sets: Vec::new(),
            dead_chains: Vec::new(),
            dead_objects: Vec::new(),
            outlook: Outlook::Done,
        }
    }

    fn objects(&mut self, observed: &ObservedTable, target: &Table) {
        for (name, comment) in &target.counters {
            if !observed.counters.contains_key(name) {
                self.objects.push(OpKind::AddCounter { name: name.clone(), comment: comment.clone() });
            }
        }
        for (name, quota) in &target.quotas {
            if !observed.quotas.contains_key(name) {
                self.objects.push(OpKind::AddQuota { name: name.clone(), quota: *quota });
            }
        }
        for (name, helper) in &target.helpers {
            if !observed.helpers.contains_key(name) {
                self.objects.push(OpKind::AddHelper { name: name.clone(), helper: helper.clone() });
            }
        }
        let counters = observed.counters.keys().filter(|name| !target.counters.contains_key(*name));
        self.dead_objects.extend(counters.cloned().map(OpKind::DeleteCounter));
        let quotas = observed.quotas.keys().filter(|name| !target.quotas.contains_key(*name));
        self.dead_objects.extend(quotas.cloned().map(OpKind::DeleteQuota));
        let helpers = observed.helpers.keys().filter(|name| !target.helpers.contains_key(*name));
        self.dead_objects.extend(helpers.cloned().map(OpKind::DeleteHelper));
    }

    fn sets(&mut self, observed: &ObservedTable, target: &Table, live: &Live<'_>) {
        for (name, there, wanted) in joined(&observed.sets, &target.sets) {
            match (there, wanted) {
                (None, Some(wanted)) => {
                    self.objects.push(OpKind::AddSet { name: name.clone(), spec: wanted.spec.clone() });
                    if !wanted.spec.dynamic {
                        self.contents.extend(adds_of_all(name, &wanted.spec, &wanted.elements));
                    }
                }
                (Some(_), None) => self.dead_sets.push(OpKind::DeleteSet(name.clone())),
                (Some(there), Some(wanted)) => self.elements(name, there, wanted, live),
                (None, None) => {}
            }
        }
    }

    fn elements(&mut self, name: &Name, there: &Set, wanted: &Set, live: &Live<'_>) {
        let delta = Delta::between(there, wanted);
        let (deletes, adds) = (delta.deletes(name, &there.spec), delta.adds(name, &there.spec));
        if live.set(name) {
            self.removals.extend(deletes);
            self.additions.extend(adds);
        } else {
            self.contents.extend(deletes);
            self.contents.extend(adds);
        }
    }

    /// Objects that palisade never makes. What can be deleted by name is; flowtables and other objects stay, are
    /// nothing to packets while no rule uses them, and are named by [`super::changes`].
    fn unknown(&mut self, observed: &ObservedTable) {
        for object in &observed.unknown {
            match object.kind {
                "chain" => {
                    self.removals.push(OpKind::FlushChain(object.name.clone()));
                    self.dead_chains.push(OpKind::DeleteChain(object.name.clone()));
                }
                "set" => self.dead_sets.push(OpKind::DeleteSet(object.name.clone())),
                _ => {}
            }
        }
    }

    fn finish(self) -> Phases {
        let Self {
            objects,
            chains,
            contents,
            base_chains,
            removals,
            additions,
            dead_rules,
            dead_sets,
            dead_chains,
            dead_objects,
            outlook,
        } = self;
        Phases {
            fill: [objects, chains, contents].concat(),
            flip: [base_chains, removals, additions].concat(),
            collect: [dead_rules, dead_sets, dead_chains, dead_objects].concat(),
            outlook,
        }
    }
}

/// What cannot become what is wanted in place.
fn conflicts(observed: &ObservedTable, target: &Table, live: &Live<'_>, names: &mut FreeNames<'_>) -> Renames {
    let mut renames = Renames::default();
    for (name, there, wanted) in joined(&observed.sets, &target.sets) {
        let (Some(there), Some(wanted)) = (there, wanted) else { continue };
        let r#use = if live.set(name) { Use::Live } else { Use::Idle };
        if there.spec != wanted.spec || !Delta::between(there, wanted).fits_in_place(&there.spec, r#use) {
            renames.sets.insert(name.clone(), names.stand_in(name));
        }
    }
    for (name, wanted) in &target.chains {
        let there = observed.chains.get(name);
        if there.is_some_and(|there| there.base != wanted.base || there.comment != wanted.comment) {
            renames.chains.insert(name.clone(), names.stand_in(name));
        }
    }
    for (name, wanted) in &target.helpers {
        if observed.helpers.get(name).is_some_and(|there| there != wanted) {
            renames.helpers.insert(name.clone(), names.stand_in(name));
        }
    }
    for (name, wanted) in &target.quotas {
        if observed.quotas.get(name).is_some_and(|there| there != wanted) {
            renames.quotas.insert(name.clone(), names.stand_in(name));
        }
    }
    for object in &observed.unknown {
        if object.kind == "set" && target.sets.contains_key(&object.name) {
            renames.sets.insert(object.name.clone(), names.stand_in(&object.name));
        }
        if object.kind == "chain" && target.chains.contains_key(&object.name) {
            renames.chains.insert(object.name.clone(), names.stand_in(&object.name));
        }
    }
    renames
}

/// New names for all that has content, except base chains that have the right hook: those are never made anew.
fn everything(observed: &ObservedTable, target: &Table, names: &mut FreeNames<'_>) -> Renames {
    let may_stay = |name: &Name| {
        let there = observed.chains.get(name);
        target.chains.get(name).is_some_and(|wanted| {
            wanted.base.is_some()
                && there.is_none_or(|there| there.base == wanted.base && there.comment == wanted.comment)
        })
    };
    Renames {
        sets: target.sets.keys().map(|name| (name.clone(), names.stand_in(name))).collect(),
        chains: target
            .chains
            .keys()
            .filter(|name| !may_stay(name))
            .map(|name| (name.clone(), names.stand_in(name)))
            .collect(),
        helpers: target.helpers.keys().map(|name| (name.clone(), names.stand_in(name))).collect(),
        quotas: target.quotas.keys().map(|name| (name.clone(), names.stand_in(name))).collect(),
    }
}
