//! PAL704 cuts-cni: host rules that close the network of pods between nodes.

use policy_lang::host::rule::Table;

use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which other nodes do not reach the port of `environment.cni`: VXLAN, Geneve, `WireGuard`
    /// or BGP.
    ///
    /// ## Why it bites
    ///
    /// Pods of different nodes lose each other, and Services work half of the time.
    ///
    /// ## How it is decided
    ///
    /// As PAL617, for packets from `environment.nodeCIDRs`. Silent without it.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto udp dport 8472 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the network of pods needs no tunnel.
    pub(crate) static CUTS_CNI = "PAL704" "cuts-cni" Error Unsafe On,
        "host rules that close the network of pods between nodes", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let (Some(cni), nodes) = (&world.environment.cni, &world.environment.node_cidrs) else { return };
    let protocol = cni.mode.protocol();
    let is_open = |from: &ipnet::IpNet| node.admits(Way::In, *from, &node.own, Some(protocol), cni.port);
    let Some(span) = node.place(Table::Filter, "INPUT") else { return };
    if let Some(closed) = nodes.iter().find(|from| !is_open(from)) {
        let name = if protocol == 6 { "tcp" } else { "udp" };
        let message = format!("other nodes of {closed} do not reach the pods' network, {name} {}", cni.port);
        let finding = report.at(span, message);
        let rule = node.accepting(*closed, &format!("saddr {closed} proto {name} dport {} ACCEPT;", cni.port));
        finding.help = Some(format!("accept it: `{rule}`"));
        finding.fix = accepting::fix(&rule, span, world.sources);
    }
}
