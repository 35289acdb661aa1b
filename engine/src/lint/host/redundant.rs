//! PAL607 redundant-host-rule: a rule that an earlier one with the same verdict covers.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::{self, Relation};
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
    pub(crate) static REDUNDANT = "PAL607" "redundant-host-rule" Note Never On,
        "a rule that an earlier one with the same verdict covers", Check::Host(check);
}

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in &rules.chains {
        for (rule, earlier, relation) in matching::covered(chain) {
            if relation == Relation::SameVerdict {
                let finding = report.at(rule.span, "an earlier rule with the same verdict covers this one");
                label(finding, Some(earlier.span), "covers it");
            }
        }
    }
}
