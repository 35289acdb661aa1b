//! Loads rulesets by netlink, where nft must list what it lists after the text, and reading must give them back.

use std::process::Command;

use engine::kernel::{Guard, Kernel, Netlink, in_scratch};
use engine::observed::{Observed, ObservedTable, RuleContent, TableFlags};
use engine::plan::{Op, OpKind, RulePosition};
use engine::ruleset::{Chain, Rule, Ruleset, Table};

/// Loads the ruleset by netlink and compares the listing, and then what is read with what was loaded.
#[track_caller]
pub(crate) fn check(ruleset: &Ruleset, listed_after_text: &str) {
    let (listed, observed) = in_scratch(|kernel| {
        load(kernel, ruleset);
        let output = Command::new("nft").args(["list", "ruleset"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let keys: Vec<_> = ruleset.tables.keys().cloned().collect();
        (String::from_utf8(output.stdout).unwrap(), kernel.observe(&keys).unwrap())
    })
    .unwrap();
    let differences: Vec<String> = listed_after_text
        .lines()
        .zip(listed.lines())
        .filter(|(text, netlink)| text != netlink)
        .map(|(text, netlink)| format!("text:    {text}\nnetlink: {netlink}"))
        .take(20)
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(listed_after_text, listed);
    assert_read_back(ruleset, &observed);
}

/// Everything in one batch, in the order of the text, which is the order that nft lists in.
fn load(kernel: &mut Netlink, ruleset: &Ruleset) {
    let ops: Vec<Op> = ruleset
        .tables
        .iter()
        .flat_map(|(key, table)| table_ops(table).into_iter().map(|kind| Op { table: key.clone(), kind }))
        .collect();
    if let Err(error) = kernel.commit(&ops, Guard::None) {
        panic!("{error}");
    }
}

fn table_ops(table: &Table) -> Vec<OpKind> {
    let mut ops = vec![OpKind::AddTable { flags: TableFlags::default(), comment: table.comment.clone() }];
    for (name, comment) in &table.counters {
        ops.push(OpKind::AddCounter { name: name.clone(), comment: comment.clone() });
    }
    for (name, quota) in &table.quotas {
        ops.push(OpKind::AddQuota { name: name.clone(), quota: *quota });
    }
    for (name, helper) in &table.helpers {
        ops.push(OpKind::AddHelper { name: name.clone(), helper: helper.clone() });
    }
    for (name, set) in &table.sets {
        ops.push(OpKind::AddSet { name: name.clone(), spec: set.spec.clone() });
    }
    let mut chains: Vec<_> = table.chains.iter().collect();
    chains.sort_by_key(|(_, chain)| chain.base.is_some());
    for (name, chain) in &chains {
        ops.push(OpKind::AddChain { name: (*name).clone(), base: chain.base, comment: chain.comment.clone() });
    }
    for (name, set) in &table.sets {
        let elements = set.elements.iter().map(|(key, element)| (key.clone(), element.clone())).collect();
        ops.push(OpKind::AddElements { set: name.clone(), spec: set.spec.clone(), elements });
    }
    for (name, chain) in &chains {
        for rule in &chain.rules {
            ops.push(OpKind::AddRule { chain: (*name).clone(), position: RulePosition::Last, rule: rule.clone() });
        }
    }
    ops
}

#[track_caller]
fn assert_read_back(ruleset: &Ruleset, observed: &Observed) {
    for (key, desired) in &ruleset.tables {
        let table = &observed.tables[key];
        assert_eq!(table.unknown, [].into());
        for (name, chain) in &desired.chains {
            let read = &table.chains[name].rules;
            for (rule, read) in chain.rules.iter().zip(read) {
                assert_eq!(read.content, RuleContent::Known(rule.clone()));
            }
        }
        assert_eq!(&as_desired(table), desired);
    }
}

/// A table as read, without what only the kernel knows.
fn as_desired(table: &ObservedTable) -> Table {
    let known = |content: &RuleContent| match content {
        RuleContent::Known(rule) => rule.clone(),
        RuleContent::Unknown(what) => panic!("{what}"),
    };
    let chains = table.chains.iter().map(|(name, chain)| {
        let rules: Vec<Rule> = chain.rules.iter().map(|rule| known(&rule.content)).collect();
        (name.clone(), Chain { base: chain.base, comment: chain.comment.clone(), rules })
    });
    Table {
        comment: table.comment.clone(),
        counters: table.counters.iter().map(|(name, counter)| (name.clone(), counter.comment.clone())).collect(),
        quotas: table.quotas.clone(),
        helpers: table.helpers.clone(),
        sets: table.sets.clone(),
        chains: chains.collect(),
    }
}
