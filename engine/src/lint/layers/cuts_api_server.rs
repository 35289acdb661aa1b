//! PAL702 cuts-apiserver: host rules that close the API server to the node.

use policy_lang::host::rule::Table;

use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which the node does not reach the API server.
    ///
    /// ## Why it bites
    ///
    /// The kubelet loses its node: pods are not started, and after a while they are evicted.
    ///
    /// ## How it is decided
    ///
    /// As PAL617, by the compiled OUTPUT chain, for packets to `environment.apiServer`. Silent without it.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain OUTPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; proto udp dport 53 ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain OUTPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; proto tcp dport 6443 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On machines that are no nodes.
    pub(crate) static CUTS_API_SERVER = "PAL702" "cuts-apiserver" Error Unsafe On,
        "host rules that close the API server to the node", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let Some(server) = &world.environment.api_server else { return };
    let is_open =
        |to: &ipnet::IpNet| node.own.iter().any(|own| node.admits(Way::Out, *own, &[*to], Some(6), server.port));
    let Some(span) = node.place(Table::Filter, "OUTPUT") else { return };
    if let Some(closed) = server.cidrs.iter().find(|to| !is_open(to)) {
        let finding =
            report.at(span, format!("the node does not reach the API server at {closed}, TCP {}", server.port));
        let rule = node.accepting(*closed, &format!("daddr {closed} proto tcp dport {} ACCEPT;", server.port));
        finding.help = Some(format!("accept it: `{rule}`"));
        finding.fix = accepting::fix(&rule, span, world.sources);
    }
}
