//! PAL701 cuts-kubelet: host rules that close the kubelet to the API server.

use policy_lang::host::rule::Table;

use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which the API server does not reach TCP 10250 of the node.
    ///
    /// ## Why it bites
    ///
    /// Logs, `exec`, port forwarding and metrics of every pod of the node fail.
    ///
    /// ## How it is decided
    ///
    /// As PAL617, for the addresses of `environment.apiServer`. Silent without it.
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
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport (22 10250) ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On machines without a kubelet.
    pub(crate) static CUTS_KUBELET = "PAL701" "cuts-kubelet" Error Unsafe On,
        "host rules that close the kubelet to the API server", Check::Node(check);
}

/// Where the kubelet listens.
const KUBELET: u16 = 10250;

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let Some(server) = &world.environment.api_server else { return };
    let is_open = |from: &ipnet::IpNet| node.admits(Way::In, *from, &node.own, Some(6), KUBELET);
    let Some(span) = node.place(Table::Filter, "INPUT") else { return };
    if let Some(closed) = server.cidrs.iter().find(|from| !is_open(from)) {
        let finding = report.at(span, format!("the API server at {closed} does not reach the kubelet, TCP {KUBELET}"));
        let rule = node.accepting(*closed, &format!("saddr {closed} proto tcp dport {KUBELET} ACCEPT;"));
        finding.help = Some(format!("accept it: `{rule}`"));
        finding.fix = accepting::fix(&rule, span, world.sources);
    }
}
