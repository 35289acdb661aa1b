//! What a chain leads to.

use std::collections::BTreeSet;

use crate::ruleset::{ElementData, Elements, Expr, Name, Rule, SetRef, Table};

/// These chains, and those that they lead to.
pub(super) fn reachable<'a>(table: &'a Table, roots: impl IntoIterator<Item = &'a Name>) -> BTreeSet<&'a Name> {
    let mut reached: BTreeSet<&Name> = BTreeSet::new();
    let mut open: Vec<&Name> = roots.into_iter().collect();
    while let Some(name) = open.pop() {
        if !reached.insert(name) {
            continue;
        }
        let rules = table.chains.get(name).map_or(&[][..], |chain| chain.rules.as_slice());
        open.extend(rules.iter().flat_map(|rule| targets(table, rule)).filter(|target| !reached.contains(target)));
    }
    reached
}

/// The chains that a rule enters, by itself or by a map.
pub(super) fn targets<'a>(table: &'a Table, rule: &'a Rule) -> Vec<&'a Name> {
    let mut targets = Vec::new();
    for expr in &rule.exprs {
        targets.extend(expr.target());
        let Expr::VerdictMap(map) = expr else { continue };
        let elements = elements(table, &map.map);
        targets.extend(elements.into_iter().flat_map(|elements| elements.values()).filter_map(|element| {
            match &element.data {
                ElementData::Verdict(verdict) => verdict.target(),
                ElementData::Nothing | ElementData::Value(_) | ElementData::Counter(_) => None,
            }
        }));
    }
    targets
}

/// What is in a set.
pub(super) fn elements<'a>(table: &'a Table, set: &'a SetRef) -> Option<&'a Elements> {
    match set {
        SetRef::Named(name) => table.sets.get(name).map(|set| &set.elements),
        SetRef::Anonymous { elements, .. } => Some(elements),
    }
}
