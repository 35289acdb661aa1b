//! PAL708 host-denies-pod-allow: a policy opens a port of nodes that host rules close.

use policy_lang::host::rule::Table;
use policy_lang::peer::Peer;
use policy_lang::policy::Direction;
use policy_lang::port::{Ports, Protocol};

use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds egress rules of policies for a port of nodes that INPUT of the host rules drops for every pod.
    ///
    /// ## Why it bites
    ///
    /// What a pod sends to its node passes pod policy and the host's INPUT: either may deny. The policy reads as if the
    /// port was open.
    ///
    /// ## How it is decided
    ///
    /// For each `ipBlock` within `environment.nodeCIDRs` with ports by number: the rules are compiled, and first packets
    /// from `environment.podCIDRs` to the lowest port of each entry are judged by the compiled INPUT, by every interface
    /// that the rules name. Wider blocks are no statement about nodes. Silent without the two.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// the same as tests/data/lint/PAL708/fires-closed: an ipBlock of the nodes with port 9100, and an INPUT that opens TCP 22 only
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// the same as tests/data/lint/PAL708/quiet-open: the same with an INPUT that opens TCP 9100
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the host rules are those of some nodes only.
    pub(crate) static HOST_DENIES_POD_ALLOW = "PAL708" "host-denies-pod-allow" Warning Never On,
        "a policy opens a port of nodes that host rules close", Check::Node(check);
}

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    let (nodes, pods) = (&world.environment.node_cidrs, &world.environment.pod_cidrs);
    let Some(input) = node.place(Table::Filter, "INPUT").filter(|_| !pods.is_empty()) else { return };
    for policy in &world.policies {
        for (_, rule) in policy.live_rules().filter(|(direction, _)| *direction == Direction::Egress) {
            for peer in &rule.peers {
                let Peer::Addresses { cidr, .. } = &peer.value else { continue };
                if !nodes.iter().any(|nodes| nodes.contains(cidr)) {
                    continue;
                }
                let closed = rule.ports.iter().find_map(|port| {
                    let number = match &port.value.ports {
                        Ports::Range(range) => range.first(),
                        Ports::All | Ports::Named(_) => return None,
                    };
                    let (protocol, word) = match port.value.protocol {
                        Protocol::Tcp => (6, "TCP"),
                        Protocol::Udp => (17, "UDP"),
                        Protocol::Sctp => return None,
                    };
                    let same = pods.iter().filter(|pods| pods.addr().is_ipv4() == cidr.addr().is_ipv4());
                    let is_open = |from: &ipnet::IpNet| node.admits(Way::In, *from, &[*cidr], Some(protocol), number);
                    let mut same = same.peekable();
                    let closed = same.peek().is_some() && !same.any(is_open);
                    closed.then(|| format!("{word} {number}"))
                });
                let Some(port) = closed else { continue };
                let message = format!("this opens {port} of nodes, whose host rules drop it");
                let finding = report.about(policy.reference(), peer.span, message);
                label(finding, Some(input), "drops it for every pod");
                finding.help = Some("accept it in the host rules, or take it out of the policy".into());
            }
        }
    }
}
