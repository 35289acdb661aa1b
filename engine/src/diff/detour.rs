//! Detours: what is in use and cannot change in place gets a stand-in under another name for one round.
//!
//! The stand-in is the desired object in all but its name, and everything that refers to the object refers to the
//! stand-in instead. So the round ends in a state that means what is desired, and the next one starts with the
//! proper name free.

use std::collections::{BTreeMap, BTreeSet};

use crate::observed::ObservedTable;
use crate::ruleset::{Chain, Element, ElementData, Expr, Name, Rule, Set, SetCt, SetRef, Table, Verdict};

/// How names of stand-ins begin; nothing else is called so.
const PREFIX: &str = "pl_tmp";

/// Objects to be called something else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Renames {
    pub(super) sets: BTreeMap<Name, Name>,
    pub(super) chains: BTreeMap<Name, Name>,
    pub(super) quotas: BTreeMap<Name, Name>,
    pub(super) helpers: BTreeMap<Name, Name>,
}

/// Hands out names that neither the kernel nor the desired table has.
#[derive(Debug)]
pub(super) struct FreeNames<'a> {
    taken: BTreeSet<&'a Name>,
    given: BTreeSet<Name>,
}

impl<'a> FreeNames<'a> {
    pub(super) fn beside(observed: &'a ObservedTable, wanted: &'a Table) -> Self {
        let unknown = observed.unknown.iter().map(|object| &object.name);
        let there = observed
            .sets
            .keys()
            .chain(observed.chains.keys())
            .chain(observed.quotas.keys())
            .chain(observed.helpers.keys());
        let desired =
            wanted.sets.keys().chain(wanted.chains.keys()).chain(wanted.quotas.keys()).chain(wanted.helpers.keys());
        Self { taken: there.chain(desired).chain(unknown).collect(), given: BTreeSet::new() }
    }

    /// `pl_tmp0_…` for `pl_…`, with the first number that makes it free.
    pub(super) fn stand_in(&mut self, name: &Name) -> Name {
        let tail = name.as_str().strip_prefix("pl_").unwrap_or(name.as_str());
        let mut number = 0_u32;
        loop {
            let free = Name::ours(&format!("tmp{number}_{tail}"));
            if !self.taken.contains(&free) && self.given.insert(free.clone()) {
                return free;
            }
            number = number.saturating_add(1);
        }
    }
}

pub(super) fn is_stand_in(name: &Name) -> bool {
    name.as_str().starts_with(PREFIX)
}

impl Renames {
    pub(super) fn is_empty(&self) -> bool {
        let Self { sets, chains, quotas, helpers } = self;
        sets.is_empty() && chains.is_empty() && quotas.is_empty() && helpers.is_empty()
    }

    /// The table with the objects and all that refers to them renamed.
    pub(super) fn apply(&self, table: &Table) -> Table {
        Table {
            comment: table.comment.clone(),
            counters: table.counters.clone(),
            quotas: table.quotas.iter().map(|(name, quota)| (renamed(&self.quotas, name), *quota)).collect(),
            helpers: table
                .helpers
                .iter()
                .map(|(name, helper)| (renamed(&self.helpers, name), helper.clone()))
                .collect(),
            sets: table.sets.iter().map(|(name, set)| (renamed(&self.sets, name), self.set(set))).collect(),
            chains: table.chains.iter().map(|(name, chain)| (renamed(&self.chains, name), self.chain(chain))).collect(),
        }
    }

    fn set(&self, set: &Set) -> Set {
        let elements = set.elements.iter().map(|(key, element)| (key.clone(), self.element(element)));
        Set { spec: set.spec.clone(), elements: elements.collect() }
    }

    fn element(&self, element: &Element) -> Element {
        let data = match &element.data {
            ElementData::Verdict(verdict) => ElementData::Verdict(self.verdict(verdict)),
            ElementData::Nothing | ElementData::Value(_) | ElementData::Counter(_) => element.data.clone(),
        };
        Element { data, timeout: element.timeout, comment: element.comment.clone() }
    }

    fn chain(&self, chain: &Chain) -> Chain {
        Chain {
            base: chain.base,
            comment: chain.comment.clone(),
            rules: chain.rules.iter().map(|rule| self.rule(rule)).collect(),
        }
    }

    fn rule(&self, rule: &Rule) -> Rule {
        Rule { exprs: rule.exprs.iter().map(|expr| self.expr(expr)).collect(), comment: rule.comment.clone() }
    }

    fn expr(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        match &mut expr {
            Expr::Lookup(lookup) => lookup.set = self.set_ref(&lookup.set),
            Expr::VerdictMap(map) => map.map = self.set_ref(&map.map),
            Expr::DynamicSet(dynamic) => dynamic.set = renamed(&self.sets, &dynamic.set),
            Expr::SetCt(SetCt::Helper(helper)) => *helper = renamed(&self.helpers, helper),
            Expr::NamedQuota(quota) => *quota = renamed(&self.quotas, quota),
            Expr::Verdict(verdict) => *verdict = self.verdict(verdict),
            Expr::Match(_)
            | Expr::Exists(_)
            | Expr::Bytes(_)
            | Expr::Counter
            | Expr::NamedCounter(_)
            | Expr::Quota(_)
            | Expr::Limit(_)
            | Expr::Log(_)
            | Expr::Reject(_)
            | Expr::Nat(_)
            | Expr::Notrack
            | Expr::Sample(_)
            | Expr::Clock(_)
            | Expr::Assign(_)
            | Expr::SegmentSize(_)
            | Expr::StripOption(_)
            | Expr::Tproxy(_)
            | Expr::Synproxy(_)
            | Expr::Queue(_)
            | Expr::Duplicate(_)
            | Expr::SetHeader(_)
            | Expr::SetMeta(_)
            | Expr::SetCt(SetCt::Zone { .. }) => {}
        }
        expr
    }

    fn set_ref(&self, set: &SetRef) -> SetRef {
        match set {
            SetRef::Named(name) => SetRef::Named(renamed(&self.sets, name)),
            SetRef::Anonymous { spec, elements } => SetRef::Anonymous {
                spec: spec.clone(),
                elements: elements.iter().map(|(key, element)| (key.clone(), self.element(element))).collect(),
            },
        }
    }

    fn verdict(&self, verdict: &Verdict) -> Verdict {
        match verdict {
            Verdict::Jump(chain) => Verdict::Jump(renamed(&self.chains, chain)),
            Verdict::Goto(chain) => Verdict::Goto(renamed(&self.chains, chain)),
            Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Continue => verdict.clone(),
        }
    }
}

fn renamed(names: &BTreeMap<Name, Name>, name: &Name) -> Name {
    names.get(name).unwrap_or(name).clone()
}
