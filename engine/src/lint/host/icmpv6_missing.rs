//! PAL615 icmpv6-nd-missing: IPv6 with policy DROP and without neighbour discovery.

use policy_lang::host::rule::{Domain, HostRules};

use crate::lint::host::accepting;
use crate::lint::host::matching::{self, accepts};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds INPUT of IPv6 with policy DROP in which no rule accepts neighbour solicitations.
    ///
    /// ## Why it bites
    ///
    /// Without them no packet of IPv6 arrives at all: it is what ARP is to IPv4.
    ///
    /// ## How it is decided
    ///
    /// A rule, in the chain or in one that it jumps to, accepts `proto ipv6-icmp`, of this type if it names types,
    /// or everything.
    ///
    /// ## Bad
    ///
    /// ```text
    /// domain (ip ip6) chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// domain (ip ip6) chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto ipv6-icmp ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On nodes without IPv6.
    pub(crate) static ICMPV6_MISSING = "PAL615" "icmpv6-nd-missing" Error Unsafe On,
        "IPv6 with policy DROP and without neighbour discovery", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    for (chain, span) in matching::closed(rules, &["INPUT"]) {
        if chain.domain == Domain::Ip6 && !accepts(rules, chain, &matching::is_of_neighbours) {
            let finding = report.at(span, "INPUT of IPv6 drops neighbour solicitations: no packet of IPv6 arrives");
            // One text may be the chain of both families.
            let is_shared = rules.chains.iter().any(|other| other.domain == Domain::Ip && other.span == chain.span);
            let condition = if is_shared { "@if @eq($DOMAIN, ip6) " } else { "" };
            finding.fix = accepting::fix(&format!("{condition}proto ipv6-icmp ACCEPT;"), span, world.sources);
            finding.help = Some("add `proto ipv6-icmp ACCEPT;` to the chain of IPv6".into());
        }
    }
}
