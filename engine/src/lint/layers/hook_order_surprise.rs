//! PAL711 hook-order-surprise: pod policy sees another source than the one that a host rule was written for.

use policy_lang::host::rule::{Action, HostRule, HostRules, Table};

use crate::lint::host::matching;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules of `nat INPUT` that change the source of packets from pods to the node.
    ///
    /// ## Why it bites
    ///
    /// `nat INPUT` stands before the chain in which pod policy judges what pods send to their node. That chain then
    /// sees the new source, takes the packet for another's, and neither the policy nor the baseline of the pod binds it.
    ///
    /// ## How it is decided
    ///
    /// By the rule's sources: those that may be of `environment.podCIDRs`, which is every source where none is written.
    /// Silent without the configuration.
    ///
    /// ## Bad
    ///
    /// ```text
    /// table nat chain INPUT proto tcp dport 9100 SNAT to 192.0.2.1;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// table nat chain INPUT saddr 198.51.100.0/24 proto tcp dport 9100 SNAT to 192.0.2.1;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where no policy is about what pods send to nodes.
    pub(crate) static HOOK_ORDER_SURPRISE = "PAL711" "hook-order-surprise" Note Never On,
        "pod policy sees another source than the one that a host rule was written for", Check::Host(check);
}

fn check(world: &World<'_>, rules: &HostRules, report: &mut Report<'_>) {
    let pods = &world.environment.pod_cidrs;
    let chains = rules.chains.iter().filter(|chain| chain.table == Table::Nat && &*chain.name == "INPUT");
    for rule in chains.flat_map(|chain| &chain.rules) {
        let changes = matches!(&rule.action, Action::Target { name: "SNAT" | "NETMAP" | "MASQUERADE", .. });
        if changes && pods.iter().any(|pods| may_be_from(rule, *pods)) {
            let message = "this changes the source of what pods send to the node, before their policy is asked";
            let finding = report.at(rule.span, message);
            finding.help = Some("leave the networks of pods out: `saddr ! 10.42.0.0/16`, or name the sources".into());
        }
    }
}

fn may_be_from(rule: &HostRule, pods: ipnet::IpNet) -> bool {
    let mut sources = rule.matches.iter().filter(|found| found.keyword == "saddr");
    sources.all(|found| {
        let mut nets = found.operands.alternatives().iter().map(|word| matching::network(&word.text));
        if found.negated {
            !nets.any(|net| net.is_some_and(|net| net.contains(&pods)))
        } else {
            nets.any(|net| net.is_none_or(|net| net.contains(&pods) || pods.contains(&net)))
        }
    })
}
