//! PAL622 duplicate-host-rule: one rule twice in a chain.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::{self, Relation};
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
    pub(crate) static DUPLICATE = "PAL622" "duplicate-host-rule" Note Never On,
        "one rule twice in a chain", Check::Host(check);
}

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in &rules.chains {
        for (rule, earlier, relation) in matching::covered(chain) {
            if relation == Relation::Same {
                let finding = report.at(rule.span, "this rule stands here for the second time");
                label(finding, Some(earlier.span), "the first time");
            }
        }
    }
}
