//! PAL607 redundant-host-rule: a rule that an earlier one with the same verdict covers.

use policy_lang::diagnostic::Safety;
use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::{self, Relation};
use crate::lint::host::removing;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules that an earlier rule of their chain covers fully, with the same verdict.
    ///
    /// ## Why it bites
    ///
    /// It has no effect, and hides which rule decides.
    ///
    /// ## How it is decided
    ///
    /// As PAL606.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { saddr 10.0.0.0/8 ACCEPT; saddr 10.1.2.3 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { saddr 10.0.0.0/8 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the rule documents something.
    pub(crate) static REDUNDANT = "PAL607" "redundant-host-rule" Note Safe On,
        "a rule that an earlier one with the same verdict covers", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let covered = rules.chains.iter().flat_map(matching::covered);
    let covered: Vec<_> = covered.filter(|(_, _, relation)| *relation == Relation::SameVerdict).collect();
    let (found, all) = (removing::uses(covered.iter().map(|(rule, ..)| *rule)), removing::uses(removing::all(rules)));
    for (rule, earlier, _) in covered {
        let finding = report.at(rule.span, "an earlier rule with the same verdict covers this one");
        label(finding, Some(earlier.span), "covers it");
        // Where the same text is a rule elsewhere, it is needed there.
        if found.get(&rule.span) == all.get(&rule.span) {
            finding.fix = removing::fix(rule, Safety::Safe, world.sources);
        }
    }
}
