//! PAL712 ruleset-too-large: host rules that compile to more than a node should carry.

use crate::lint::environment::RulesetBudget;
use crate::lint::layers::node::Node;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds configurations of host rules that compile to more rules, or to sets with more elements, than
    /// `environment.ruleset` of the configuration has: 10,000 and 200,000 where nothing is written.
    ///
    /// ## Why it bites
    ///
    /// Rules are walked one by one, by the first packet of every connection; and what is large is slow to load.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled and counted. What policies add on a node is measured there.
    ///
    /// ## Bad
    ///
    /// ```text
    /// the same as tests/data/lint/PAL712/fires-rules.ferm: more rules than the configuration has
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { saddr (192.0.2.1 192.0.2.2) ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where it is measured to be no trouble.
    pub(crate) static RULESET_TOO_LARGE = "PAL712" "ruleset-too-large" Note Never Off,
        "host rules that compile to more than a node should carry", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let RulesetBudget { rules, elements } = world.environment.ruleset;
    let Some(first) = node.rules().chains.first() else { return };
    let tables = || node.ruleset().tables.values();
    let n_rules: usize = tables().flat_map(|table| table.chains.values()).map(|chain| chain.rules.len()).sum();
    let n_elements: usize = tables().flat_map(|table| table.sets.values()).map(|set| set.elements.len()).sum();
    for (count, budget, what) in [(n_rules, rules, "rules"), (n_elements, elements, "elements of sets")] {
        if count > budget {
            let message = format!("these host rules compile to {count} {what}, the budget is {budget}");
            let finding = report.at(first.span, message);
            finding.help = Some("lists in one rule (`saddr (…)`) become one set".into());
        }
    }
}
