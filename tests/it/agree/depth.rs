//! How deep jumps nest. The kernel drops what nests deeper than 16, host rules' own chains included.

use std::collections::BTreeMap;

use engine::ruleset::{Element, ElementData, Expr, Name, Rule, SetRef, Table, Verdict};

/// What pod policy may take of them.
pub(super) const JUMPS_MAX: usize = 4;

/// The most jumps that are open at once, on any way through any base chain.
pub(super) fn jumps(table: &Table) -> usize {
    let mut known = BTreeMap::new();
    let base = table.chains.iter().filter(|(_, chain)| chain.base.is_some());
    base.map(|(name, _)| below(table, name, &mut known)).max().unwrap_or(0)
}

fn below<'a>(table: &'a Table, chain: &'a Name, known: &mut BTreeMap<&'a Name, usize>) -> usize {
    if let Some(depth) = known.get(chain) {
        return *depth;
    }
    let mut deepest = 0;
    for verdict in table.chains[chain].rules.iter().flat_map(|rule| verdicts(table, rule)) {
        let depth = match verdict {
            Verdict::Jump(target) => 1 + below(table, target, known),
            // Goto leaves nothing to come back to.
            Verdict::Goto(target) => below(table, target, known),
            Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Continue => 0,
        };
        deepest = deepest.max(depth);
    }
    known.insert(chain, deepest);
    deepest
}

fn verdicts<'a>(table: &'a Table, rule: &'a Rule) -> Vec<&'a Verdict> {
    let of_element = |element: &'a Element| match &element.data {
        ElementData::Verdict(verdict) => Some(verdict),
        ElementData::Nothing | ElementData::Value(_) | ElementData::Counter(_) => None,
    };
    let mut verdicts = Vec::new();
    for expr in &rule.exprs {
        if let Expr::Verdict(verdict) = expr {
            verdicts.push(verdict);
        }
        let Expr::VerdictMap(map) = expr else { continue };
        let elements = match &map.map {
            SetRef::Named(name) => &table.sets[name].elements,
            SetRef::Anonymous { elements, .. } => elements,
        };
        verdicts.extend(elements.values().filter_map(of_element));
    }
    verdicts
}
