//! PAL609 unused-chain: a chain that nobody calls.

use policy_lang::host::rule::HostRules;

use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds chains of one's own that no rule jumps to.
    ///
    /// ## Why it bites
    ///
    /// Its rules are never asked.
    ///
    /// ## How it is decided
    ///
    /// By the calls in the same table and domain.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain block DROP;
    /// chain INPUT ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain block DROP;
    /// chain INPUT jump block;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where another program jumps to it.
    pub(crate) static UNUSED_CHAIN = "PAL609" "unused-chain" Note Never On,
        "a chain that nobody calls", Check::Host(check);
}

fn check(_: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in rules.chains.iter().filter(|chain| !matching::is_built_in(chain)) {
        let same_place = rules.chains.iter().filter(|other| (other.domain, other.table) == (chain.domain, chain.table));
        let mut called = same_place.flat_map(|other| &other.rules).filter_map(|rule| matching::callee(&rule.action));
        if !called.any(|name| *name == chain.name) && !chain.rules.is_empty() {
            report.at(chain.span, format!("no rule jumps to chain {}", chain.name));
        }
    }
}
