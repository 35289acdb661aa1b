//! PAL707 cuts-dns-node-local: host rules that close the DNS cache of the node.

use std::net::IpAddr;

use policy_lang::host::rule::Table;

use crate::eval::ruleset::{Conntrack, Packet, Transport};
use crate::lint::host::accepting;
use crate::lint::layers::node::{ASKING_PORT, Node, Way};
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules by which pods do not reach NodeLocal `DNSCache` at 169.254.20.10, UDP 53.
    ///
    /// ## Why it bites
    ///
    /// The cache answers on the node, so INPUT binds it: every look-up of every pod of the node hangs. Its packets are
    /// not tracked, so that rules for the states NEW and ESTABLISHED do not match them either.
    ///
    /// ## How it is decided
    ///
    /// As PAL617, for untracked packets from `environment.podCIDRs`. Only where the input has the cache: workloads of
    /// kube-system on the host network with `k8s-app: node-local-dns`. Silent without the two.
    ///
    /// ## Bad
    ///
    /// ```text
    /// the same as tests/data/lint/PAL707/fires-closed: the cache, and an INPUT that opens TCP 22 only
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// the same as tests/data/lint/PAL707/quiet-open: the cache, and an INPUT with `daddr 169.254.20.10 proto udp dport 53 ACCEPT;`
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On nodes where the cache does not run.
    pub(crate) static CUTS_DNS_NODE_LOCAL = "PAL707" "cuts-dns-node-local" Warning Unsafe On,
        "host rules that close the DNS cache of the node", Check::Node(check);
}

/// Where the cache listens unless somebody configured it otherwise.
const CACHE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 20, 10));

/// The label that its manifests give it.
const LABEL: (&str, &str) = ("k8s-app", "node-local-dns");

/// What accepts it.
const RULE: &str = "daddr 169.254.20.10 proto udp dport 53 ACCEPT;";

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let is_cache = |labels: &policy_lang::name::Labels| labels.get(LABEL.0).is_some_and(|value| &**value == LABEL.1);
    if !world.on_host.iter().any(|workload| is_cache(workload.labels)) {
        return;
    }
    let Some(span) = node.place(Table::Filter, "INPUT") else { return };
    let pods = world.environment.pod_cidrs.iter().filter(|net| net.addr().is_ipv4());
    let is_open = |from: &ipnet::IpNet| {
        node.samples(*from).into_iter().any(|from| {
            let mut packet = Packet::new(from, CACHE, Transport::udp(ASKING_PORT, 53));
            packet.conntrack = Conntrack::Untracked;
            node.passes(Way::In, &packet)
        })
    };
    let Some(closed) = pods.into_iter().find(|from| !is_open(from)) else { return };
    let finding = report.at(span, format!("pods of {closed} do not reach the DNS cache at {CACHE}, UDP 53"));
    let rule = node.accepting(*closed, RULE);
    finding.help = Some(format!("accept it: `{rule}`; its packets are not tracked"));
    finding.fix = accepting::fix(&rule, span, world.sources);
}
