//! PAL606 shadowed-rule: a rule that an earlier one with another verdict covers.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::{self, Relation};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules that an earlier rule of their chain covers fully, with another verdict.
    ///
    /// ## Why it bites
    ///
    /// The later rule never decides. What it was to drop is accepted, or the reverse.
    ///
    /// ## How it is decided
    ///
    /// Each match of the earlier rule holds wherever the later one's matches hold: addresses, ports, protocols,
    /// interfaces and states are compared by what they contain; negated matches and all others must be the same
    /// words. Rules with a rate, a probability or a memory never cover anything. One earlier rule at a time: what
    /// only several cover together is not found.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { saddr 10.0.0.0/8 ACCEPT; saddr 10.1.2.3 DROP; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { saddr 10.1.2.3 DROP; saddr 10.0.0.0/8 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static SHADOWED = "PAL606" "shadowed-rule" Warning Never On,
        "a rule that an earlier one with another verdict covers", Check::Host(check);
}

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in &rules.chains {
        for (rule, earlier, relation) in matching::covered(chain) {
            if relation == Relation::OtherVerdict {
                let finding = report.at(rule.span, "an earlier rule decides everything that this one matches");
                label(finding, Some(earlier.span), "decides it otherwise");
            }
        }
    }
}
