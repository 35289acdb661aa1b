//! A ruleset in numbers.

use std::fmt::Write as _;

use engine::compile::options::Observe;
use engine::inventory::Inventory;
use engine::ruleset::{Chain, Ruleset, Table};

use crate::observing;

/// What is in a ruleset and how large it is, one fact for each line.
pub fn ruleset(ruleset: &Ruleset, inventory: &Inventory, node: &str, observe: &Observe) -> String {
    let mut text = String::new();
    let local = inventory.pods.values().filter(|pod| pod.node.as_deref() == Some(node));
    let (placed, unplaced): (Vec<_>, Vec<_>) = local.partition(|pod| !pod.addresses.is_empty());
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(
        text,
        "node {node}: {} local pods with addresses, {} without; {} pods, {} namespaces and {} nodes known",
        placed.len(),
        unplaced.len(),
        inventory.pods.len(),
        inventory.namespaces.len(),
        inventory.nodes.len(),
    );
    for said in observing::configured(observe) {
        let _: std::fmt::Result = writeln!(text, "{said}");
    }
    for (key, table) in &ruleset.tables {
        let Table { comment: _, counters, quotas, helpers, sets, chains } = table;
        let elements: usize = sets.values().map(|set| set.elements.len()).sum();
        let rules: usize = chains.values().map(|chain| chain.rules.len()).sum();
        let _: std::fmt::Result = writeln!(
            text,
            "table {key}: {} chains, {rules} rules, {} sets, {elements} elements, {} counters, {} quotas{}",
            chains.len(),
            sets.len(),
            counters.len(),
            quotas.len(),
            if helpers.is_empty() { String::new() } else { format!(", {} ct helpers", helpers.len()) },
        );
        for (name, chain) in chains {
            let Chain { base: Some(base), comment: _, rules } = chain else { continue };
            let _: std::fmt::Result = writeln!(
                text,
                "  base chain {name} ({} {} {}): {} rules",
                base.chain_type,
                base.hook,
                base.priority,
                rules.len(),
            );
        }
    }
    text
}
