//! PAL614 loopback-missing: a policy DROP without accepting the loopback interface.

use policy_lang::host::rule::HostRules;

use crate::lint::host::accepting;
use crate::lint::host::matching::{self, accepts};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds INPUT with policy DROP in which no rule accepts `interface lo`.
    ///
    /// ## Why it bites
    ///
    /// Programs of the node talk to one another through it. They hang.
    ///
    /// ## How it is decided
    ///
    /// A rule, in the chain or in one that it jumps to, accepts the interface or everything.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; interface lo ACCEPT; mod state state (ESTABLISHED RELATED) ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static LOOPBACK_MISSING = "PAL614" "loopback-missing" Warning Unsafe On,
        "a policy DROP without accepting the loopback interface", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for (chain, span) in matching::closed(rules, &["INPUT"]) {
        if !accepts(rules, chain, &matching::is_of_loopback) {
            let finding = report.at(span, "INPUT drops what the node sends to itself");
            finding.fix = accepting::fix("interface lo ACCEPT;", span, world.sources);
            finding.help = Some("add `interface lo ACCEPT;`".into());
        }
    }
}
