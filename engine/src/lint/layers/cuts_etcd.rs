//! PAL703 cuts-etcd: host rules of a member of etcd that close it to the other members.

use policy_lang::host::rule::{HostRules, Table};

use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which the members of `environment.etcd` do not reach its ports, 2379 and 2380, on the node.
    ///
    /// ## Why it bites
    ///
    /// A member that the others do not reach is out of the cluster; with the second one nothing can be written.
    ///
    /// ## How it is decided
    ///
    /// As PAL617, for those addresses. Only rules of a member are judged: those that name one of the ports, or that
    /// let packets in to the port of `environment.apiServer`. Silent without `environment.etcd`.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport (22 6443) ACCEPT; }
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { policy DROP; mod state state (ESTABLISHED RELATED) ACCEPT; interface lo ACCEPT; proto tcp dport (22 6443 2379 2380) ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On nodes of the control plane whose etcd runs elsewhere.
    pub(crate) static CUTS_ETCD = "PAL703" "cuts-etcd" Error Unsafe On,
        "host rules of a member of etcd that close it to the other members", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let Some(etcd) = &world.environment.etcd else { return };
    let is_open = |from: &ipnet::IpNet, port: u16| node.admits(Way::In, *from, &node.own, Some(6), port);
    let serves = world.environment.api_server.as_ref().is_some_and(|server| {
        let names = names_port(node.rules(), &[server.port]);
        names && node.own.iter().any(|from| is_open(from, server.port))
    });
    if !serves && !names_port(node.rules(), &etcd.ports) {
        return;
    }
    let pairs = etcd.cidrs.iter().flat_map(|from| etcd.ports.iter().map(move |port| (from, *port)));
    let Some((from, port)) = pairs.into_iter().find(|(from, port)| !is_open(from, *port)) else { return };
    let Some(span) = node.place(Table::Filter, "INPUT") else { return };
    let finding = report.at(span, format!("the member of etcd at {from} does not reach TCP {port} of this one"));
    let ports = etcd.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
    let rule = node.accepting(*from, &format!("saddr {from} proto tcp dport ({ports}) ACCEPT;"));
    finding.help = Some(format!("accept it: `{rule}`"));
    finding.fix = accepting::fix(&rule, span, world.sources);
}

/// Whether a rule names one of some ports as a destination.
fn names_port(rules: &HostRules, ports: &[u16]) -> bool {
    rules.words(&["dport", "dports"]).any(|word| {
        let range = crate::lint::host::matching::ports(&word.text);
        range.is_some_and(|(first, last)| ports.iter().any(|port| (first..=last).contains(port)))
    })
}
