//! Which chains and sets packets can meet.

use std::collections::HashSet;

use crate::observed::{ObservedChain, ObservedRule, ObservedTable, RuleContent};
use crate::ruleset::{Element, Expr, Name, Rule, SetRef, Verdict};

/// What can be reached from the base chains of a table. What cannot may be changed at leisure.
#[derive(Debug, Default)]
pub(super) struct Live<'a> {
    chains: HashSet<&'a Name>,
    sets: HashSet<&'a Name>,
}

impl<'a> Live<'a> {
    pub(super) fn of(table: &'a ObservedTable) -> Self {
        let mut live = Self::default();
        let mut open: Vec<&'a Name> =
            table.chains.iter().filter(|(_, chain)| chain.base.is_some()).map(|(name, _)| name).collect();
        while let Some(name) = open.pop() {
            let Some(chain) = table.chains.get(name) else { continue };
            if live.chains.insert(name) {
                for rule in in_force(chain) {
                    live.follow(rule, table, &mut open);
                }
            }
        }
        live
    }

    pub(super) fn chain(&self, name: &Name) -> bool {
        self.chains.contains(name)
    }

    pub(super) fn set(&self, name: &Name) -> bool {
        self.sets.contains(name)
    }

    fn follow(&mut self, rule: &'a Rule, table: &'a ObservedTable, open: &mut Vec<&'a Name>) {
        for expr in &rule.exprs {
            if let Expr::DynamicSet(dynamic) = expr {
                self.sets.insert(&dynamic.set);
            }
            open.extend(expr.target());
            match expr.looked_up().map(|(_, set)| set) {
                Some(SetRef::Named(set)) if self.sets.insert(set) => {
                    let elements = table.sets.get(set).map(|set| set.elements.values());
                    open.extend(elements.into_iter().flatten().filter_map(Element::target));
                }
                Some(SetRef::Anonymous { elements, .. }) => {
                    open.extend(elements.values().filter_map(Element::target));
                }
                Some(SetRef::Named(_)) | None => {}
            }
        }
    }
}

/// The rules of a chain that packets can come to: all up to the first that ends the chain for every packet.
pub(super) fn in_force(chain: &ObservedChain) -> impl Iterator<Item = &Rule> {
    let end = chain.rules.iter().position(ends_chain).map_or(chain.rules.len(), |at| at + 1);
    chain.rules.iter().take(end).filter_map(|rule| match &rule.content {
        RuleContent::Known(rule) => Some(rule),
        RuleContent::Unknown(_) => None,
    })
}

fn ends_chain(rule: &ObservedRule) -> bool {
    match &rule.content {
        RuleContent::Known(rule) => matches!(
            rule.exprs.first(),
            Some(Expr::Verdict(Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Goto(_)))
        ),
        RuleContent::Unknown(_) => false,
    }
}
