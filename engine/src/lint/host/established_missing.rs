//! PAL612 established-missing: a policy DROP without accepting established connections.

use policy_lang::host::rule::HostRules;

use crate::lint::host::accepting;
use crate::lint::host::matching::{self, accepts};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds INPUT and OUTPUT with policy DROP in which no rule accepts packets of established connections.
    ///
    /// ## Why it bites
    ///
    /// Answers to what the node itself asks are dropped: no name is looked up, no package fetched, and with OUTPUT
    /// no login is answered.
    ///
    /// ## How it is decided
    ///
    /// A rule, in the chain or in one that it jumps to, accepts the state ESTABLISHED, or TCP without `syn`, or
    /// everything.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ESTABLISHED_MISSING = "PAL612" "established-missing" Error Unsafe On,
        "a policy DROP without accepting established connections", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for (chain, span) in matching::closed(rules, &["INPUT", "OUTPUT"]) {
        if !accepts(rules, chain, &matching::is_of_established) {
            let message = format!("{} drops the packets of connections that are established", chain.name);
            let finding = report.at(span, message);
            finding.fix = accepting::fix("mod state state (ESTABLISHED RELATED) ACCEPT;", span, world.sources);
            finding.help = Some("begin with `mod state state (ESTABLISHED RELATED) ACCEPT;`".into());
        }
    }
}
