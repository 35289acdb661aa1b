//! What a chain leads to.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::ruleset::{Element, Elements, Expr, Name, Rule, SetRef, Table};

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
        targets.extend(elements(table, &map.map).values().filter_map(Element::target));
    }
    targets
}

/// What is in a set; nothing in one that does not exist.
pub(super) fn elements<'a>(table: &'a Table, set: &'a SetRef) -> &'a Elements {
    static NONE: LazyLock<Elements> = LazyLock::new(Elements::new);
    match set {
        SetRef::Named(name) => table.sets.get(name).map_or(&NONE, |set| &set.elements),
        SetRef::Anonymous { elements, .. } => elements,
    }
}
