//! Who refers to what, counted, so that a delete need not search.

use std::collections::HashMap;

use crate::observed::{ObservedTable, RuleContent};
use crate::plan::OpKind;
use crate::ruleset::{Element, ElementData, Expr, Name, Rule, SetCt, SetRef, Verdict};

#[derive(Clone, Debug, Default)]
pub(super) struct References {
    counts: HashMap<(Kind, Name), usize>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Kind {
    Chain,
    Set,
    Counter,
    Quota,
    Helper,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Comes,
    Goes,
}

impl References {
    pub(super) fn of(table: &ObservedTable) -> Self {
        let mut references = Self::default();
        for element in table.sets.values().flat_map(|set| set.elements.values()) {
            references.element(element, Change::Comes);
        }
        for chain in table.chains.values() {
            references.rules(chain.rules.iter().map(|rule| &rule.content), Change::Comes);
        }
        references
    }

    pub(super) fn set(&self, name: &Name) -> usize {
        self.count(Kind::Set, name)
    }

    pub(super) fn counter(&self, name: &Name) -> usize {
        self.count(Kind::Counter, name)
    }

    pub(super) fn helper(&self, name: &Name) -> usize {
        self.count(Kind::Helper, name)
    }

    pub(super) fn quota(&self, name: &Name) -> usize {
        self.count(Kind::Quota, name)
    }

    /// A chain's own rules go with it, so what they refer to does not hold it.
    pub(super) fn chain_from_outside(&self, table: &ObservedTable, name: &Name) -> usize {
        let mut own = Self::default();
        if let Some(chain) = table.chains.get(name) {
            own.rules(chain.rules.iter().map(|rule| &rule.content), Change::Comes);
        }
        self.count(Kind::Chain, name).saturating_sub(own.count(Kind::Chain, name))
    }

    /// Counts what an operation that is about to be carried out adds and takes away.
    pub(super) fn follow(&mut self, table: &ObservedTable, kind: &OpKind) {
        match kind {
            OpKind::AddElements { set, elements, .. } => {
                let there = table.sets.get(set).map(|set| &set.elements);
                for (key, element) in elements {
                    if !there.is_some_and(|there| there.contains_key(key)) {
                        self.element(element, Change::Comes);
                    }
                }
            }
            OpKind::DeleteElements { set, elements, .. } => {
                let there = table.sets.get(set).map(|set| &set.elements);
                for element in elements.iter().filter_map(|(key, _)| there?.get(key)) {
                    self.element(element, Change::Goes);
                }
            }
            OpKind::DeleteSet(set) => {
                for element in table.sets.get(set).into_iter().flat_map(|set| set.elements.values()) {
                    self.element(element, Change::Goes);
                }
            }
            OpKind::AddRule { rule, .. } => self.rule(rule, Change::Comes),
            OpKind::FlushChain(chain) | OpKind::DeleteChain(chain) => {
                let rules = table.chains.get(chain).into_iter().flat_map(|chain| &chain.rules);
                self.rules(rules.map(|rule| &rule.content), Change::Goes);
            }
            OpKind::DeleteRule { chain, handle } => {
                let rules = table.chains.get(chain).into_iter().flat_map(|chain| &chain.rules);
                self.rules(rules.filter(|rule| rule.handle == *handle).map(|rule| &rule.content), Change::Goes);
            }
            OpKind::AddTable { .. }
            | OpKind::DeleteTable
            | OpKind::AddCounter { .. }
            | OpKind::DeleteCounter(_)
            | OpKind::AddQuota { .. }
            | OpKind::DeleteQuota(_)
            | OpKind::AddHelper { .. }
            | OpKind::DeleteHelper(_)
            | OpKind::AddSet { .. }
            | OpKind::AddChain { .. } => {}
        }
    }

    fn count(&self, kind: Kind, name: &Name) -> usize {
        self.counts.get(&(kind, name.clone())).copied().unwrap_or(0)
    }

    fn note(&mut self, kind: Kind, name: &Name, change: Change) {
        let count = self.counts.entry((kind, name.clone())).or_default();
        *count = match change {
            Change::Comes => *count + 1,
            Change::Goes => count.saturating_sub(1),
        };
    }

    fn rules<'a>(&mut self, rules: impl Iterator<Item = &'a RuleContent>, change: Change) {
        for content in rules {
            match content {
                RuleContent::Known(rule) => self.rule(rule, change),
                RuleContent::Unknown(_) => {}
            }
        }
    }

    fn rule(&mut self, rule: &Rule, change: Change) {
        for expr in &rule.exprs {
            match expr {
                Expr::Lookup(lookup) => self.set_ref(&lookup.set, change),
                Expr::VerdictMap(map) => self.set_ref(&map.map, change),
                Expr::DynamicSet(dynamic) => self.note(Kind::Set, &dynamic.set, change),
                Expr::NamedCounter(counter) => self.note(Kind::Counter, counter, change),
                Expr::SetCt(SetCt::Helper(helper)) => self.note(Kind::Helper, helper, change),
                Expr::NamedQuota(quota) => self.note(Kind::Quota, quota, change),
                Expr::Verdict(verdict) => self.verdict(verdict, change),
                Expr::Match(_)
                | Expr::Exists(_)
                | Expr::Bytes(_)
                | Expr::Counter
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
        }
    }

    fn set_ref(&mut self, set: &SetRef, change: Change) {
        match set {
            SetRef::Named(name) => self.note(Kind::Set, name, change),
            SetRef::Anonymous { elements, .. } => {
                for element in elements.values() {
                    self.element(element, change);
                }
            }
        }
    }

    fn element(&mut self, element: &Element, change: Change) {
        match &element.data {
            ElementData::Verdict(verdict) => self.verdict(verdict, change),
            ElementData::Counter(counter) => self.note(Kind::Counter, counter, change),
            ElementData::Nothing | ElementData::Value(_) => {}
        }
    }

    fn verdict(&mut self, verdict: &Verdict, change: Change) {
        match verdict {
            Verdict::Jump(chain) | Verdict::Goto(chain) => self.note(Kind::Chain, chain, change),
            Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Continue => {}
        }
    }
}
