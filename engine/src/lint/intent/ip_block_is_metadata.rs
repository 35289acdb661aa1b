//! PAL120 ipblock-is-metadata-ip: egress to a wide block reaches the metadata service.

use std::net::IpAddr;

use ipnet::IpNet;
use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::peer::Peer;
use policy_lang::policy::{Action, Direction, Peers, Tier};
use policy_lang::port::{PortMatch, Ports, Protocol};

use crate::lint::edit::writing;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds egress rules whose `ipBlock` covers 169.254.169.254 or `fd00:ec2::254` without an exception, on TCP 80.
    ///
    /// ## Why it bites
    ///
    /// The metadata service of a cloud hands out credentials of the node to whoever asks. A block for the internet
    /// opens it as well.
    ///
    /// ## How it is decided
    ///
    /// The block covers the address and is wider than its link-local range; TCP 80 is among the ports; no baseline
    /// and no ClusterNetworkPolicy denies it.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where there is no such service, or the pods need it.
    pub(crate) static IP_BLOCK_IS_METADATA = "PAL120" "ipblock-is-metadata-ip" Warning Unsafe On,
        "egress to a wide block reaches the metadata service", Check::Policy(check);
}

/// The metadata services, and the widest block by which somebody means them.
const SERVICES: [(&str, &str, u8); 2] =
    [("169.254.169.254", "169.254.169.254/32", 16), ("fd00:ec2::254", "fd00:ec2::254/128", 32)];

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (direction, rule) in written.live_rules() {
        let asks = |port: &PortMatch| {
            port.protocol == Protocol::Tcp
                && match &port.ports {
                    Ports::All => true,
                    Ports::Range(range) => range.contains(80),
                    Ports::Named(_) => false,
                }
        };
        let is_asked = rule.ports.is_empty() || rule.ports.iter().any(|port| asks(&port.value));
        if direction != Direction::Egress || !is_asked {
            continue;
        }
        for peer in &rule.peers {
            let Peer::Addresses { cidr, except } = &peer.value else { continue };
            for (address, block, narrow) in SERVICES {
                let Ok(address) = address.parse::<IpAddr>() else { continue };
                let is_left_out = except.iter().any(|hole| hole.contains(&address));
                if !cidr.contains(&address) || is_left_out || cidr.prefix_len() >= narrow || is_denied(world, address) {
                    continue;
                }
                let finding =
                    report.at(peer.span, format!("this block reaches {address}, which hands out credentials"));
                finding.help = Some(format!("add `except: [{block}]`"));
                let node = written.node(peer.span).and_then(|peer| peer.field("ipBlock"));
                let edit = node.and_then(|node| writing::with_exception(node, block, world.sources));
                finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, format!("leave {block} out"), edit));
            }
        }
    }
}

/// Whether a layer above denies it to every pod.
fn is_denied(world: &World<'_>, address: IpAddr) -> bool {
    let admin = world.tier(Tier::ConfigMapAdmin).chain(world.tier(Tier::ClusterAdmin));
    let rules = admin.flat_map(|policy| policy.rules(Direction::Egress).unwrap_or_default());
    let mut denials = rules.filter(|rule| rule.action == Action::Deny);
    denials.any(|rule| match &rule.peers {
        Peers::Any => true,
        Peers::AnyOf(peers) => peers.iter().any(|peer| match peer {
            Peer::Addresses { cidr, except } => {
                IpNet::from(address) == *cidr
                    || (cidr.contains(&address) && !except.iter().any(|hole| hole.contains(&address)))
            }
            Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => false,
        }),
    })
}
