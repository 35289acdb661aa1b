//! Short ways to write rulesets and operations down.

use std::collections::BTreeMap;

use crate::observed::TableFlags;
use crate::plan::{Op, OpKind, RulePosition};
use crate::ruleset::{
    BaseChain, Chain, ChainType, DataType, Datum, Elements, Expr, Family, Field, Hook, Lookup, Name, Operator,
    Priority, Queue, Rule, Ruleset, Set, SetRef, SetSpec, Table, TableKey, Verdict,
};

pub(super) const INPUT: BaseChain = filter(Hook::Input);
pub(super) const FORWARD: BaseChain = filter(Hook::Forward);

pub(super) const fn filter(hook: Hook) -> BaseChain {
    BaseChain { chain_type: ChainType::Filter, hook, priority: Priority(0) }
}

pub(super) fn inet() -> TableKey {
    TableKey::ours(Family::Inet)
}

pub(super) fn name(words: &str) -> Name {
    Name::ours(words)
}

pub(super) fn op(kind: OpKind) -> Op {
    Op { table: inet(), kind }
}

pub(super) fn ipv4(last: u8) -> Datum {
    Datum::ipv4([192, 0, 2, last].into())
}

/// One table in a ruleset of its own.
pub(super) fn only(family: Family, table: Table) -> Ruleset {
    Ruleset { tables: BTreeMap::from([(TableKey::ours(family), table)]) }
}

/// An inet table with one base chain of these rules.
pub(super) fn rules_in(base: BaseChain, rules: Vec<Rule>) -> Table {
    Table {
        chains: BTreeMap::from([(name("base"), Chain { base: Some(base), comment: None, rules })]),
        ..Table::default()
    }
}

/// An inet table with sets.
pub(super) fn sets(sets: impl IntoIterator<Item = (Name, Set)>) -> Table {
    Table { sets: sets.into_iter().collect(), ..Table::default() }
}

pub(super) fn rule(exprs: impl Into<Vec<Expr>>) -> Rule {
    Rule { exprs: exprs.into(), comment: None }
}

pub(super) fn jump(chain: &str) -> Rule {
    rule([Expr::Verdict(Verdict::Jump(name(chain)))])
}

pub(super) fn add_table() -> Op {
    op(OpKind::AddTable { flags: TableFlags::default(), comment: None })
}

pub(super) fn add_chain(chain: &str, base: Option<BaseChain>) -> Op {
    op(OpKind::AddChain { name: name(chain), base, comment: None })
}

pub(super) fn add_rule(chain: &str, rule: Rule) -> Op {
    op(OpKind::AddRule { chain: name(chain), position: RulePosition::Last, rule })
}

pub(super) fn add_set(set: &str, spec: SetSpec) -> Op {
    op(OpKind::AddSet { name: name(set), spec })
}

pub(super) fn add_elements(set: &str, spec: &SetSpec, elements: &Elements) -> Op {
    let elements = elements.iter().map(|(key, element)| (key.clone(), element.clone())).collect();
    op(OpKind::AddElements { set: name(set), spec: spec.clone(), elements })
}

pub(super) fn delete_elements(set: &str, spec: &SetSpec, elements: &Elements) -> Op {
    let elements = elements.iter().map(|(key, element)| (key.clone(), element.clone())).collect();
    op(OpKind::DeleteElements { set: name(set), spec: spec.clone(), elements })
}

/// A rule that asks whether a key is in a map, without taking what it maps to.
pub(super) fn looking_up_in_map() -> [Op; 4] {
    let spec = SetSpec::hash([DataType::Ipv4Addr]).verdicts();
    let question = Lookup { key: vec![Field::IpSaddr], operator: Operator::Eq, set: SetRef::Named(name("asked")) };
    let asks = rule([Expr::Lookup(question)]);
    [add_table(), add_set("asked", spec), add_chain("asks", None), add_rule("asks", asks)]
}

/// A rule that hands packets to a program.
pub(super) fn queueing() -> [Op; 3] {
    let queue = Queue { first: 0, last: 0, bypass: false, fanout: false };
    [add_table(), add_chain("asks", None), add_rule("asks", rule([Expr::Queue(queue)]))]
}

/// Everything of a ruleset, in an order in which nothing refers to what comes later.
pub(super) fn creation(ruleset: &Ruleset) -> Vec<Op> {
    let mut ops = Vec::new();
    for (key, table) in &ruleset.tables {
        let mut push = |kind| ops.push(Op { table: key.clone(), kind });
        push(OpKind::AddTable { flags: TableFlags::default(), comment: table.comment.clone() });
        for (name, comment) in &table.counters {
            push(OpKind::AddCounter { name: name.clone(), comment: comment.clone() });
        }
        for (name, quota) in &table.quotas {
            push(OpKind::AddQuota { name: name.clone(), quota: *quota });
        }
        for (name, helper) in &table.helpers {
            push(OpKind::AddHelper { name: name.clone(), helper: helper.clone() });
        }
        for (name, set) in &table.sets {
            push(OpKind::AddSet { name: name.clone(), spec: set.spec.clone() });
        }
        for (name, chain) in &table.chains {
            push(OpKind::AddChain { name: name.clone(), base: chain.base, comment: chain.comment.clone() });
        }
        for (name, set) in table.sets.iter().filter(|(_, set)| !set.elements.is_empty()) {
            let elements = set.elements.iter().map(|(key, element)| (key.clone(), element.clone())).collect();
            push(OpKind::AddElements { set: name.clone(), spec: set.spec.clone(), elements });
        }
        for (name, chain) in &table.chains {
            for rule in &chain.rules {
                push(OpKind::AddRule { chain: name.clone(), position: RulePosition::Last, rule: rule.clone() });
            }
        }
    }
    ops
}
