//! PAL609 unused-chain: a chain that nobody calls.

use policy_lang::host::rule::{HostChain, HostRules};

use crate::lint::host::{matching, removing, unknown_chain};
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
    pub(crate) static UNUSED_CHAIN = "PAL609" "unused-chain" Note Safe On,
        "a chain that nobody calls", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let unused: Vec<&HostChain> = matching::uncalled(rules).collect();
    for chain in unused.iter().filter(|chain| unknown_chain::misspelt(chain).is_none()) {
        let finding = report.at(chain.span, format!("no rule jumps to chain {}", chain.name));
        // One text may be a chain of several domains, of which another one is called.
        let of_text = rules.chains.iter().filter(|other| other.span == chain.span);
        if of_text.count() == unused.iter().filter(|other| other.span == chain.span).count() {
            finding.fix = removing::chain(chain, rules, world.sources);
        }
    }
}
