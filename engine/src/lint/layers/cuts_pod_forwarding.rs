//! PAL705 cuts-pod-forwarding: host rules that forward no packet of pods.

use policy_lang::host::rule::Table;

use crate::lint::environment::Forward;
use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds a FORWARD that lets no connection through from pods to pods, by any interface that the rules name.
    ///
    /// ## Why it bites
    ///
    /// Pods of different nodes lose each other, and whatever policy says, nothing comes through.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled, and first packets between `environment.podCIDRs`, to several ports, are judged by the
    /// compiled FORWARD. Only where everything passes it: `environment.forward` is `host-rules`. With `pods-first`, what
    /// pod policy accepts skips it. Silent without the two.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain FORWARD { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; saddr 10.8.0.0/24 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain FORWARD { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; saddr 10.42.0.0/16 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On machines without pods.
    pub(crate) static CUTS_POD_FORWARDING = "PAL705" "cuts-pod-forwarding" Error Unsafe On,
        "host rules that forward no packet of pods", Check::Node(check);
}

/// Ports that pods serve; a FORWARD that opens one of them means pods.
const SERVED: [u16; 6] = [53, 80, 443, 5432, 8080, 8443];

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let pods = &world.environment.pod_cidrs;
    if world.environment.forward != Some(Forward::HostRules) {
        return;
    }
    let Some(span) = node.place(Table::Filter, "FORWARD") else { return };
    let is_open =
        |from: &ipnet::IpNet| SERVED.iter().any(|port| node.admits(Way::Through, *from, pods, Some(6), *port));
    let Some(closed) = pods.iter().find(|from| !is_open(from)) else { return };
    let finding = report.at(span, format!("FORWARD lets nothing through from pods of {closed} to other pods"));
    let rule = node.accepting(*closed, &format!("saddr {closed} ACCEPT;"));
    finding.help = Some(format!("accept it: `{rule}`; what pods may do is for their policies to say"));
    finding.fix = accepting::fix(&rule, span, world.sources);
}
