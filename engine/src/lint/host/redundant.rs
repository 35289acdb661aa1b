//! PAL607 redundant-host-rule: a rule that an earlier one with the same verdict covers.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching::Relation;
use crate::lint::host::removing;
use crate::lint::rule::{Check, Report, rule};
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
    let words = ("an earlier rule with the same verdict covers this one", "covers it");
    removing::covered((world, rules), Relation::SameVerdict, words, report);
}
