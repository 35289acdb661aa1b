//! PAL706 cuts-nodeport: host rules that close a NodePort to everybody.

use policy_lang::host::rule::{Domain, Table};
use policy_lang::port::Protocol;

use crate::lint::host::accepting;
use crate::lint::layers::node::{Node, Way};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds host rules that drop packets to the `nodePort` of a Service before their address is translated, whoever
    /// sends them.
    ///
    /// ## Why it bites
    ///
    /// The Service looks open in every manifest, and no packet gets to kube-proxy.
    ///
    /// ## How it is decided
    ///
    /// The rules are compiled, and first packets to the ports that Services of the input name are judged by PREROUTING
    /// of `raw` and `mangle` and by `PRE_DNAT`, from every network and by every interface that the rules name. INPUT is
    /// not asked, because kube-proxy translates before it.
    ///
    /// ## Bad
    ///
    /// ```text
    /// the same as tests/data/lint/PAL706/fires-pre-dnat: a NodePort 30080 and `chain PRE_DNAT proto tcp dport 30000:32767 DROP;`
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// the same as tests/data/lint/PAL706/quiet-some: `chain PRE_DNAT saddr ! 198.51.100.0/24 proto tcp dport 30000:32767 DROP;`
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On nodes that are to serve no NodePort.
    pub(crate) static CUTS_NODE_PORT = "PAL706" "cuts-nodeport" Warning Unsafe On,
        "host rules that close a NodePort to everybody", Check::Node(check);
}

/// Who may ask: everybody of a family.
const EVERYBODY: [(Domain, &str); 2] = [(Domain::Ip, "0.0.0.0/0"), (Domain::Ip6, "::/0")];

/// Where packets are met before their address is translated.
const BEFORE: [(Way, Table, &str); 3] = [
    (Way::Raw, Table::Raw, "PREROUTING"),
    (Way::Mangle, Table::Mangle, "PREROUTING"),
    (Way::BeforeDnat, Table::Filter, "PRE_DNAT"),
];

fn check(world: &World<'_>, node: &Node<'_>, report: &mut Report<'_>) {
    for (domain, everybody) in EVERYBODY {
        let Ok(everybody) = everybody.parse() else { continue };
        for (way, table, name) in BEFORE {
            let Some(span) = node.place_in(domain, table, name) else { continue };
            for service in world.services.values().flatten() {
                for port in &service.ports {
                    let Some(number) = port.node_port else { continue };
                    let (protocol, word) = match port.protocol {
                        Protocol::Tcp => (6, "tcp"),
                        Protocol::Udp => (17, "udp"),
                        Protocol::Sctp => continue,
                    };
                    if node.admits(way, everybody, &node.own, Some(protocol), number.get()) {
                        continue;
                    }
                    let owner = &service.metadata.name;
                    let message = format!("{table} {name} drops the NodePort {number}/{word} of {owner}");
                    let finding = report.at(span, message);
                    label(finding, service.metadata.span, "has this port on every node");
                    let rule = format!("proto {word} dport {number} ACCEPT;");
                    finding.help = Some(format!("accept it: `{rule}`"));
                    finding.fix = accepting::fix(&rule, span, world.sources);
                }
            }
        }
    }
}
