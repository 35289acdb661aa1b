//! PAL611 input-default-accept: INPUT or FORWARD accepts what no rule decides.

use policy_lang::host::rule::{ChainPolicy, HostRules, Table};

use crate::lint::host::{accepting, matching};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds chains INPUT and FORWARD whose policy is ACCEPT, or that have none.
    ///
    /// ## Why it bites
    ///
    /// What nobody thought of is open.
    ///
    /// ## How it is decided
    ///
    /// By the policy of the chain. A chain that ends in an unconditional drop is closed.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT proto tcp dport 22 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On machines behind another firewall.
    pub(crate) static INPUT_DEFAULT_ACCEPT = "PAL611" "input-default-accept" Warning Unsafe Off,
        "INPUT or FORWARD accepts what no rule decides", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for chain in rules.chains.iter().filter(|chain| chain.table == Table::Filter && chain.domain.is_of_ip()) {
        let is_open = match chain.policy {
            Some((ChainPolicy::Drop | ChainPolicy::Queue, _)) => false,
            Some((ChainPolicy::Accept | ChainPolicy::Return, _)) | None => true,
        };
        let ends_closed =
            chain.rules.iter().any(|rule| matching::is_unconditional(rule) && matching::refuses(&rule.action));
        if matches!(chain.name.as_ref(), "INPUT" | "FORWARD") && is_open && !ends_closed {
            let at = chain.policy.map_or(chain.span, |(_, span)| span);
            let finding = report.at(at, format!("chain {} accepts whatever no rule decides", chain.name));
            finding.fix = accepting::closed(rules, chain, world.sources);
        }
    }
}
