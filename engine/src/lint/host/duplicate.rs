//! PAL622 duplicate-host-rule: one rule twice in a chain.

use policy_lang::diagnostic::Safety;
use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::{self, Relation};
use crate::lint::host::removing;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules that say the same as an earlier rule of their chain.
    ///
    /// ## Why it bites
    ///
    /// The second one is never asked.
    ///
    /// ## How it is decided
    ///
    /// Matches and action are compared word by word.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 22 ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static DUPLICATE = "PAL622" "duplicate-host-rule" Note Safe On,
        "one rule twice in a chain", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let covered = rules.chains.iter().flat_map(matching::covered);
    let covered: Vec<_> = covered.filter(|(_, _, relation)| *relation == Relation::Same).collect();
    let (found, all) = (removing::uses(covered.iter().map(|(rule, ..)| *rule)), removing::uses(removing::all(rules)));
    for (rule, earlier, _) in covered {
        let finding = report.at(rule.span, "this rule stands here for the second time");
        label(finding, Some(earlier.span), "the first time");
        // Where the same text is a rule elsewhere, it is needed there.
        if found.get(&rule.span) == all.get(&rule.span) {
            finding.fix = removing::fix(rule, Safety::Safe, world.sources);
        }
    }
}
