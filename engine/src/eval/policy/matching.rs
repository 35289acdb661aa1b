//! Whether a selector selects, and whether a rule matches.

use std::net::IpAddr;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::{Direction, Peers, PortMatches, Rule};
use policy_lang::port::{IcmpMatch, IcmpVersion, PortMatch, Ports};

use super::{Named, Question, Subject, Transport};
use crate::inventory::Pod;

impl Question<'_> {
    /// Whether a selector selects a pod: by the labels of its namespace and its own. A namespace that is not known
    /// has no labels to be asked about (sem-30).
    pub(super) fn selects(&self, selector: &PodSelector, (name, pod): Named<'_>) -> bool {
        let in_namespace = match &selector.namespaces {
            Namespaces::Named(namespace) => *namespace == name.namespace,
            Namespaces::Matching(labels) => {
                let namespace = self.oracle.inventory.namespaces.get(&name.namespace);
                namespace.is_some_and(|namespace| labels.matches(namespace))
            }
        };
        in_namespace && selector.pods.matches(&pod.labels)
    }

    /// A rule matches when one of its peers is at the other end and one of its ports is the destination's (sem-23).
    pub(super) fn matches(&self, rule: &Rule, direction: Direction, subject: Subject<'_>) -> bool {
        let peer_matches = match &rule.peers {
            Peers::Any => true,
            Peers::AnyOf(peers) => peers.iter().any(|peer| self.is_peer(peer, direction)),
        };
        let port_matches = match &rule.ports {
            PortMatches::Any => true,
            PortMatches::AnyOf(ports) => ports.iter().any(|port| self.is_port(port, direction, subject)),
        };
        peer_matches && (port_matches || rule.icmp.iter().any(|icmp| self.is_icmp(*icmp)))
    }

    fn is_peer(&self, peer: &Peer, direction: Direction) -> bool {
        let other_end = self.other_end(direction);
        match peer {
            // With two pods at one address, it counts only where both match.
            Peer::Pods(selector) => {
                let pods = self.oracle.owners(other_end);
                !pods.is_empty() && pods.iter().all(|pod| self.selects(selector, *pod))
            }
            Peer::Addresses { cidr, except } => {
                cidr.contains(&other_end) && !except.iter().any(|hole| hole.contains(&other_end))
            }
            Peer::Nodes(labels) => {
                let mut nodes = self.oracle.inventory.nodes.values();
                nodes.any(|node| labels.matches(&node.labels) && node.addresses.contains(&other_end))
            }
            Peer::Service { name, part } => self.is_service(name, *part, other_end),
        }
    }

    /// Endpoints are addresses with their ports; where packets still bear the Service's own address, any port is meant.
    fn is_service(&self, name: &NamespacedName, part: ServicePart, other_end: IpAddr) -> bool {
        let Some(service) = self.oracle.inventory.services.get(name) else { return false };
        match part {
            ServicePart::Addresses => service.addresses.contains(&other_end),
            ServicePart::Endpoints => service.endpoints.iter().any(|endpoint| {
                let Transport::Port { protocol, destination } = self.connection.transport else { return false };
                endpoint.address == other_end
                    && endpoint.protocol == protocol
                    && endpoint.port.is_none_or(|port| port == destination)
            }),
        }
    }

    /// Whether a rule names this kind of ICMP besides its ports.
    fn is_icmp(&self, wanted: IcmpMatch) -> bool {
        let Transport::Icmp { icmp_type, code, .. } = self.connection.transport else { return false };
        let version = if self.connection.source.is_ipv4() { IcmpVersion::V4 } else { IcmpVersion::V6 };
        wanted.version == version
            && wanted.icmp_type.is_none_or(|wanted| wanted == icmp_type)
            && wanted.code.is_none_or(|wanted| wanted == code)
    }

    fn is_port(&self, wanted: &PortMatch, direction: Direction, subject: Subject<'_>) -> bool {
        let Transport::Port { protocol, destination } = self.connection.transport else { return false };
        if protocol != wanted.protocol {
            return false;
        }
        match &wanted.ports {
            Ports::All => true,
            Ports::Range(range) => range.contains(destination),
            Ports::Named(name) => {
                let declares = |pod: &Pod| {
                    let mut ports = pod.ports.iter();
                    ports.any(|port| port.name == *name && port.protocol == protocol && port.port == destination)
                };
                match (direction, subject) {
                    (Direction::Ingress, Subject::Pod((_, pod))) => declares(pod),
                    // Nobody knows what it declares.
                    (Direction::Ingress, Subject::Unknown(_)) => false,
                    // A name means something for pods only, whatever the peer is (sem-59, sem-60).
                    (Direction::Egress, _) => {
                        let pods = self.oracle.owners(self.connection.destination);
                        !pods.is_empty() && pods.iter().all(|(_, pod)| declares(pod))
                    }
                }
            }
        }
    }
}
