//! PAL608 partially-shadowed: a rule of which an earlier one with the opposite verdict decides a part.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules with a list of addresses, ports or interfaces, some of which an earlier rule of their chain decides
    /// the other way, and says which are left.
    ///
    /// ## Why it bites
    ///
    /// The rule names a port that it never decides about.
    ///
    /// ## How it is decided
    ///
    /// Every other match of the earlier rule holds whenever this one does, and of one list it has some of the words,
    /// or ranges that reach into one another. An exception that is written before a wider rule (`saddr 10.0.0.5 DROP`
    /// before `saddr 10.0.0.0/8 ACCEPT`) is how exceptions are written and none.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { proto tcp dport (22 23) DROP; proto tcp dport (22 80) ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 23 DROP; proto tcp dport (22 80) ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where a list is shared by rules, and the earlier one takes something out of it on purpose.
    pub(crate) static PARTIALLY_SHADOWED = "PAL608" "partially-shadowed" Note Never Off,
        "a rule of which an earlier one with the opposite verdict decides a part", Check::Host(check);
}

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in &rules.chains {
        for part in matching::partly_covered(chain) {
            let message = format!("an earlier rule decides {} of this one the other way", part.covered.join(", "));
            let finding = report.at(part.rule.span, message);
            label(finding, Some(part.earlier.span), "decides it otherwise");
            finding.help = Some(format!("{} is left to this rule", part.left.join(", ")));
        }
    }
}
