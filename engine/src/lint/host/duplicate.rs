//! PAL622 duplicate-host-rule: one rule twice in a chain.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::Relation;
use crate::lint::host::removing;
use crate::lint::rule::{Check, Report, rule};
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
    let words = ("this rule stands here for the second time", "the first time");
    removing::covered((world, rules), Relation::Same, words, report);
}
