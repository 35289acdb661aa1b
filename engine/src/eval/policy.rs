//! The oracle: who may connect to whom, as the words of the policies say.
//!
//! Written to be read beside the semantics, not to be fast: every question is answered by walking all policies and
//! all pods. It shares nothing with the compiler, neither the resolving of selectors nor that of ports.
//!
//! A connection is judged by its first packet. Replies of a permitted connection, and ICMP errors about it, are part
//! of it (sem-1) and are never asked about. Addresses are those that the node's forward hook sees: the destination
//! behind a Service, the source before masquerading (sem-47, sem-88).
//!
//! Invariant: only pods of the inventory are subjects. An address that no pod is known to own is not a pod here, even
//! if it lies in a range of pods.

use std::net::IpAddr;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::{Action, Direction, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{IcmpMatch, IcmpVersion, PortMatch, Ports, Protocol};
use policy_lang::source::Origin;

use crate::inventory::{Inventory, Pod};

#[cfg(test)]
mod tests;

/// The first packet of a connection, as a node sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Connection {
    /// Where it comes from.
    pub source: IpAddr,
    /// Where it goes, behind any Service.
    pub destination: IpAddr,
    /// The protocol and what it says.
    pub transport: Transport,
    /// Its way through the node.
    pub way: Way,
}

/// The transport of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// A protocol with ports.
    Port {
        /// TCP, UDP or SCTP.
        protocol: Protocol,
        /// The destination port, on the pod rather than the Service (sem-52).
        destination: u16,
    },
    /// ICMP between IPv4 addresses, ICMPv6 between IPv6 addresses.
    Icmp {
        /// The type.
        icmp_type: u8,
        /// The code.
        code: u8,
        /// The hop limit that the packet arrived with; neighbour discovery demands 255.
        hop_limit: u8,
    },
    /// Any other IP protocol, by its number.
    Other(u8),
}

/// How a packet passes through a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From one interface to another.
    Forwarded,
    /// From a process on the node, host-network pods included.
    FromNode,
    /// To a process on the node.
    ToNode,
}

/// What a node does with a connection, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// Permitted or not.
    pub outcome: Outcome,
    /// What decided: for a denial the first end that denied, for a permission the last end that was asked.
    pub cause: Cause,
    /// Every end that was judged: sources before destinations.
    pub judgements: Vec<Judgement>,
}

/// Permitted or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It may be opened.
    Allowed,
    /// It is dropped.
    Denied,
}

/// What the policies of one end say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// The pod at this end.
    pub subject: NamespacedName,
    /// Egress at the source, ingress at the destination.
    pub direction: Direction,
    /// What they say.
    pub outcome: Outcome,
    /// Why.
    pub cause: Cause,
}

/// Why a connection is permitted or denied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A rule matched.
    Rule {
        /// The layer that decided.
        tier: Tier,
        /// The policy.
        policy: NamespacedName,
        /// Where the rule was written.
        origin: Origin,
    },
    /// NetworkPolicies isolate the pod in this direction, and none of their rules matched.
    Isolated {
        /// Where those policies were written, in the order of their names.
        policies: Vec<Origin>,
    },
    /// A pod reached itself through a Service: tenants' policies are not asked (sem-87).
    Hairpin,
    /// No layer decided.
    NoRule,
    /// No pod of this node is at either end.
    NoPod,
    /// The node itself opened it: pod policy always accepts that (sem-83).
    OwnNode,
    /// Without it the network does not work: neighbour and listener discovery, packet-too-big (sem-67).
    Vital,
    /// A router advertisement or redirect from a pod: dropped whatever policy says.
    RoutingFromPod,
}

/// What `node` does with a connection.
pub fn policies(policies: &[Policy], inventory: &Inventory, node: &str, connection: &Connection) -> Decision {
    let world = World { policies, inventory, connection };
    if let Some((outcome, cause)) = world.without_policy(node) {
        return Decision { outcome, cause, judgements: Vec::new() };
    }
    let ends = match connection.way {
        Way::Forwarded => {
            vec![(Direction::Egress, connection.source), (Direction::Ingress, connection.destination)]
        }
        // Towards a node itself only the pod's egress counts (sem-85).
        Way::ToNode => vec![(Direction::Egress, connection.source)],
        Way::FromNode => Vec::new(),
    };
    let mut judgements = Vec::new();
    for (direction, address) in ends {
        // With two pods at one address, both are asked: what either must not do is denied.
        for (subject, pod) in owners(inventory, address) {
            if pod.node.as_deref() == Some(node) {
                let (outcome, cause) = world.judge(direction, subject, pod);
                judgements.push(Judgement { subject: subject.clone(), direction, outcome, cause });
            }
        }
    }
    let denial = judgements.iter().find(|judgement| judgement.outcome == Outcome::Denied);
    match denial.or(judgements.last()) {
        Some(deciding) => Decision { outcome: deciding.outcome, cause: deciding.cause.clone(), judgements },
        None => Decision { outcome: Outcome::Allowed, cause: Cause::NoPod, judgements },
    }
}

impl Decision {
    /// This decision and that of the next node on the way: the first denial decides.
    #[must_use]
    pub fn and(mut self, next: Self) -> Self {
        self.judgements.extend(next.judgements);
        let next_is_silent = next.cause == Cause::NoPod;
        if self.outcome == Outcome::Denied || next_is_silent {
            return self;
        }
        Self { outcome: next.outcome, cause: next.cause, judgements: self.judgements }
    }
}

impl Cause {
    /// The source lines that decided: one rule, or the policies that isolate; none where no policy decided.
    pub fn origins(&self) -> &[Origin] {
        match self {
            Self::Rule { origin, .. } => std::slice::from_ref(origin),
            Self::Isolated { policies } => policies,
            Self::Hairpin | Self::NoRule | Self::NoPod | Self::OwnNode | Self::Vital | Self::RoutingFromPod => &[],
        }
    }
}

/// Everything that one question is about.
struct World<'a> {
    policies: &'a [Policy],
    inventory: &'a Inventory,
    connection: &'a Connection,
}

/// A pod with its name.
type Named<'a> = (&'a NamespacedName, &'a Pod);

impl<'a> World<'a> {
    /// What is settled before any policy is asked.
    fn without_policy(&self, node: &str) -> Option<(Outcome, Cause)> {
        const NEIGHBOUR_DISCOVERY: [u8; 3] = [133, 135, 136];
        const LISTENER_DISCOVERY: [u8; 4] = [130, 131, 132, 143];
        const ROUTING: [u8; 2] = [134, 137];
        const PACKET_TOO_BIG: u8 = 2;
        const UNREACHABLE: u8 = 3;
        const FRAGMENTATION_NEEDED: u8 = 4;

        if self.connection.way == Way::FromNode {
            return Some((Outcome::Allowed, Cause::OwnNode));
        }
        let Transport::Icmp { icmp_type, code, hop_limit } = self.connection.transport else { return None };
        let vital = Some((Outcome::Allowed, Cause::Vital));
        if self.connection.source.is_ipv4() {
            return if icmp_type == UNREACHABLE && code == FRAGMENTATION_NEEDED { vital } else { None };
        }
        let from_local_pod = || {
            let owners = owners(self.inventory, self.connection.source);
            owners.iter().any(|(_, pod)| pod.node.as_deref() == Some(node))
        };
        match icmp_type {
            PACKET_TOO_BIG => vital,
            icmp_type if NEIGHBOUR_DISCOVERY.contains(&icmp_type) && hop_limit == 255 => vital,
            icmp_type if LISTENER_DISCOVERY.contains(&icmp_type) => vital,
            icmp_type if ROUTING.contains(&icmp_type) && from_local_pod() => {
                Some((Outcome::Denied, Cause::RoutingFromPod))
            }
            icmp_type if ROUTING.contains(&icmp_type) => vital,
            _ => None,
        }
    }

    /// What the layers say about one end, in their order; the first that decides wins.
    fn judge(&self, direction: Direction, subject: &NamespacedName, pod: &Pod) -> (Outcome, Cause) {
        let about = (subject, pod);
        if let Some(decided) = self.ordered_tier(Tier::ConfigMapAdmin, direction, about) {
            return decided;
        }
        if self.connection.source == self.connection.destination {
            return (Outcome::Allowed, Cause::Hairpin);
        }
        if let Some(decided) = self.network_policies(direction, about) {
            return decided;
        }
        self.ordered_tier(Tier::ConfigMapBaseline, direction, about).unwrap_or((Outcome::Allowed, Cause::NoRule))
    }

    /// A tier with an order: lower priorities first, then names; the first rule that matches decides, and `Pass`
    /// leaves the rest of the tier out.
    fn ordered_tier(&self, tier: Tier, direction: Direction, about: Named<'_>) -> Option<(Outcome, Cause)> {
        let mut policies = self.binding(tier, direction, about);
        policies.sort_by_key(|(policy, _)| (policy.priority, &policy.name));
        let (policy, rule) = policies
            .into_iter()
            .flat_map(|(policy, rules)| rules.iter().map(move |rule| (policy, rule)))
            .find(|(_, rule)| self.matches(rule, direction, about))?;
        let cause = Cause::Rule { tier, policy: policy.name.clone(), origin: rule.origin.clone() };
        match rule.action {
            Action::Accept => Some((Outcome::Allowed, cause)),
            Action::Deny => Some((Outcome::Denied, cause)),
            Action::Pass => None,
        }
    }

    /// NetworkPolicies have no order: they isolate together, and what any of their rules lists is permitted (sem-4).
    fn network_policies(&self, direction: Direction, about: Named<'_>) -> Option<(Outcome, Cause)> {
        let mut policies = self.binding(Tier::NetworkPolicy, direction, about);
        if policies.is_empty() {
            return None;
        }
        policies.sort_by_key(|(policy, _)| &policy.name);
        let grant = policies
            .iter()
            .flat_map(|(policy, rules)| rules.iter().map(move |rule| (policy, rule)))
            .filter(|(_, rule)| rule.action == Action::Accept)
            .find(|(_, rule)| self.matches(rule, direction, about));
        Some(match grant {
            Some((policy, rule)) => {
                let origin = rule.origin.clone();
                (Outcome::Allowed, Cause::Rule { tier: Tier::NetworkPolicy, policy: policy.name.clone(), origin })
            }
            None => {
                let policies = policies.iter().map(|(policy, _)| policy.origin.clone()).collect();
                (Outcome::Denied, Cause::Isolated { policies })
            }
        })
    }

    /// The policies of a tier that select a pod and say something about a direction, with what they say.
    fn binding(&self, tier: Tier, direction: Direction, about: Named<'_>) -> Vec<(&'a Policy, &'a [Rule])> {
        self.policies
            .iter()
            .filter(|policy| policy.tier == tier && self.selects_subject(&policy.subject, about))
            .filter_map(|policy| policy.rules(direction).map(|rules| (policy, rules)))
            .collect()
    }

    fn selects_subject(&self, subject: &Subject, about: Named<'_>) -> bool {
        self.selects(&subject.pods, about) && !subject.exempt.iter().any(|exempt| self.selects(exempt, about))
    }

    /// Whether a selector selects a pod: by the labels of its namespace and its own. A namespace that is not known
    /// has no labels to be asked about (sem-30).
    fn selects(&self, selector: &PodSelector, (name, pod): Named<'_>) -> bool {
        let in_namespace = match &selector.namespaces {
            Namespaces::Named(namespace) => *namespace == name.namespace,
            Namespaces::Matching(labels) => {
                self.inventory.namespaces.get(&name.namespace).is_some_and(|namespace| labels.matches(namespace))
            }
        };
        in_namespace && selector.pods.matches(&pod.labels)
    }

    /// A rule matches when one of its peers is at the other end and one of its ports is the destination's (sem-23).
    fn matches(&self, rule: &Rule, direction: Direction, (_, pod): Named<'_>) -> bool {
        let peer_matches = match &rule.peers {
            Peers::Any => true,
            Peers::AnyOf(peers) => peers.iter().any(|peer| self.is_peer(peer, direction)),
        };
        let port_matches = match &rule.ports {
            PortMatches::Any => true,
            PortMatches::AnyOf(ports) => ports.iter().any(|port| self.is_port(port, direction, pod)),
        };
        peer_matches && (port_matches || rule.icmp.iter().any(|icmp| self.is_icmp(*icmp)))
    }

    fn is_peer(&self, peer: &Peer, direction: Direction) -> bool {
        let other_end = match direction {
            Direction::Ingress => self.connection.source,
            Direction::Egress => self.connection.destination,
        };
        match peer {
            // With two pods at one address, it counts only where both match.
            Peer::Pods(selector) => {
                let pods = owners(self.inventory, other_end);
                !pods.is_empty() && pods.iter().all(|pod| self.selects(selector, *pod))
            }
            Peer::Addresses { cidr, except } => {
                cidr.contains(&other_end) && !except.iter().any(|hole| hole.contains(&other_end))
            }
            Peer::Nodes(labels) => self
                .inventory
                .nodes
                .values()
                .any(|node| labels.matches(&node.labels) && node.addresses.contains(&other_end)),
            Peer::Service { name, part } => self.is_service(name, *part, other_end),
        }
    }

    /// Endpoints are addresses with their ports; where packets still bear the Service's own address, any port is meant.
    fn is_service(&self, name: &NamespacedName, part: ServicePart, other_end: IpAddr) -> bool {
        let Some(service) = self.inventory.services.get(name) else { return false };
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

    fn is_port(&self, wanted: &PortMatch, direction: Direction, subject: &Pod) -> bool {
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
                match direction {
                    Direction::Ingress => declares(subject),
                    // A name means something for pods only, whatever the peer is (sem-59, sem-60).
                    Direction::Egress => {
                        let pods = owners(self.inventory, self.connection.destination);
                        !pods.is_empty() && pods.iter().all(|(_, pod)| declares(pod))
                    }
                }
            }
        }
    }
}

/// The pods that an address belongs to: those that are not terminating if there are any (sem-76).
fn owners(inventory: &Inventory, address: IpAddr) -> Vec<Named<'_>> {
    let all: Vec<Named<'_>> = inventory.pods.iter().filter(|(_, pod)| pod.addresses.contains(&address)).collect();
    let staying: Vec<Named<'_>> = all.iter().copied().filter(|(_, pod)| !pod.terminating).collect();
    if staying.is_empty() { all } else { staying }
}
