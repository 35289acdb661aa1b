//! What packets meet: base chains by hook, with every chain and set that they refer to written out in place.
//!
//! Two states of the same meaning treat every packet alike, however their objects are called.

#![expect(clippy::wildcard_enum_match_arm, reason = "what refers to nothing is written as it is")]

use std::collections::BTreeSet;

use crate::ruleset::{Chain, Element, ElementData, Elements, Expr, Name, Rule, Ruleset, SetCt, SetRef, Table, Verdict};

pub(crate) fn meaning(ruleset: &Ruleset) -> BTreeSet<String> {
    let tables = ruleset.tables.iter();
    let chains = tables.flat_map(|(key, table)| table.chains.values().map(move |chain| (key, table, chain)));
    chains
        .filter_map(|(key, table, chain)| Some((key, chain.base?, body(table, chain, 0))))
        .filter(|(_, _, body)| !body.is_empty())
        .map(|(key, base, body)| format!("{key} {base:?} {body}"))
        .collect()
}

fn body(table: &Table, chain: &Chain, depth: usize) -> String {
    assert!(depth < 20, "a loop");
    match chain.rules.first().map(|rule| rule.exprs.as_slice()) {
        Some([Expr::Verdict(Verdict::Return)]) => return String::new(),
        Some([Expr::Verdict(Verdict::Goto(target))]) => {
            return body(table, &table.chains[target], depth + 1);
        }
        Some(_) | None => {}
    }
    let ends = |rule: &Rule| matches!(rule.exprs.first(), Some(Expr::Verdict(verdict)) if !is_jump(verdict));
    let n_met = chain.rules.iter().position(ends).map_or(chain.rules.len(), |at| at + 1);
    chain.rules.iter().take(n_met).map(|rule| rule_text(table, rule, depth)).collect()
}

fn is_jump(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Jump(_) | Verdict::Continue)
}

fn rule_text(table: &Table, rule: &Rule, depth: usize) -> String {
    let exprs: String = rule.exprs.iter().map(|expr| expr_text(table, expr, depth)).collect();
    format!("({exprs} {:?})\n", rule.comment)
}

fn expr_text(table: &Table, expr: &Expr, depth: usize) -> String {
    match expr {
        Expr::Lookup(lookup) => format!("{:?} {:?} {}", lookup.key, lookup.operator, set(table, &lookup.set, depth)),
        Expr::VerdictMap(map) => format!("{:?} {}", map.key, set(table, &map.map, depth)),
        Expr::Verdict(verdict) => verdict_text(table, verdict, depth),
        Expr::SetCt(SetCt::Helper(helper)) => format!("{:?}", table.helpers[helper]),
        Expr::NamedQuota(quota) => format!("{:?}", table.quotas[quota]),
        _ => format!("{expr:?}"),
    }
}

fn set(table: &Table, set: &SetRef, depth: usize) -> String {
    match set {
        SetRef::Named(name) => {
            let set = &table.sets[name];
            format!("{:?} {}", set.spec, elements(table, &set.elements, depth))
        }
        SetRef::Anonymous { spec, elements: held } => format!("{spec:?} {}", elements(table, held, depth)),
    }
}

fn elements(table: &Table, elements: &Elements, depth: usize) -> String {
    let text = |element: &Element| match &element.data {
        ElementData::Verdict(verdict) => verdict_text(table, verdict, depth),
        data => format!("{data:?}"),
    };
    let words: Vec<String> =
        elements.iter().map(|(key, element)| format!("{key:?} {} {:?}", text(element), element.comment)).collect();
    words.concat()
}

fn verdict_text(table: &Table, verdict: &Verdict, depth: usize) -> String {
    let target = |name: &Name| body(table, &table.chains[name], depth + 1);
    match verdict {
        Verdict::Jump(name) => format!("jump {{{}}}", target(name)),
        Verdict::Goto(name) => format!("goto {{{}}}", target(name)),
        _ => format!("{verdict:?}"),
    }
}
