//! Random small clusters with policies of every tier, about few labels, ports and addresses, so that much is matched
//! and much is missed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::LazyLock;

use engine::inventory::{Endpoint, Inventory, NamedPort, Node, Pod, Service};
use engine::workloads::{Chosen, Member, Target, Variant, Workload, Workloads};
use ipnet::IpNet;
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer, PodSelector, ServicePart};
use policy_lang::policy::{Action, Direction, Effect, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{IcmpMatch, IcmpVersion, PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::Origin;

use crate::random::Random;

/// Where all pods are.
pub(crate) const NODE: &str = "n";
/// Where none is.
pub(crate) const OTHER: &str = "other";
pub(crate) const PORTS: [u16; 6] = [53, 79, 80, 81, 8080, 65_535];
/// How many different things a cluster can have that the map must get right.
pub(crate) const SHAPES: usize = 9;

const NAMESPACES: [&str; 3] = ["x", "y", "z"];
/// They cut the pods' range into pieces of 16 addresses at most.
const BLOCKS: [&str; 10] = [
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/8",
    "10.0.0.0/26",
    "10.0.0.64/27",
    "10.0.0.32/28",
    "203.0.113.0/24",
    "2001:db8::/122",
    "2001:db8::40/123",
    "2001:db8:ffff::/48",
];

/// Where pods are, 8 pieces of 16 addresses of each family.
pub(crate) const POD_RANGES: [&str; 2] = ["10.0.0.0/25", "2001:db8::/121"];

/// An address of each piece of the pods' range; those of one number are nobody's of another.
pub(crate) fn addresses(number: u8) -> [Vec<IpAddr>; 2] {
    let pieces = || (0..8).map(move |piece| 16 * piece + number);
    [
        pieces().map(|last| format!("10.0.0.{last}").parse().unwrap()).collect(),
        pieces().map(|last| format!("2001:db8::{last:x}").parse().unwrap()).collect(),
    ]
}

/// The addresses of known pods.
pub(crate) static ADDRESSES: LazyLock<[Vec<IpAddr>; 2]> = LazyLock::new(|| addresses(1));
pub(crate) static OUTSIDE: LazyLock<[[IpAddr; 2]; 2]> = LazyLock::new(|| {
    [["203.0.113.9", "2001:db8:ffff::9"], ["198.51.100.1", "fd00::1"]].map(|pair| pair.map(|one| one.parse().unwrap()))
});

/// A cluster and what its users wrote.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) policies: Vec<Policy>,
    pub(crate) inventory: Inventory,
    pub(crate) names: Vec<NamespacedName>,
    pub(crate) random: Random,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut inventory = Inventory::default();
        for namespace in NAMESPACES {
            // Now and then a namespace has no object, and no selector of namespaces matches it.
            if !random.once_in(8) {
                let mut labels = random.labels();
                labels.insert(NAMESPACE_NAME_LABEL.into(), namespace.into());
                inventory.namespaces.insert(namespace.into(), labels);
            }
        }
        let node = |addresses: [&str; 2], labels| Node {
            addresses: addresses.map(|address| address.parse().unwrap()).into(),
            pod_cidrs: Vec::new(),
            labels,
        };
        inventory.nodes.insert(NODE.into(), node(["192.0.2.1", "2001:db8:1::1"], random.labels()));
        inventory.nodes.insert(OTHER.into(), node(["192.0.2.2", "2001:db8:1::2"], random.labels()));
        let mut names = Vec::new();
        for number in 0..random.within(2..6) {
            let [v4, v6] = [0, 1].map(|family: usize| ADDRESSES[family][number]);
            let addresses = match random.below(6) {
                0 => vec![v4],
                1 => vec![v6],
                _ => vec![v4, v6],
            };
            let labels = random.labels();
            let ports = random.named_ports();
            let name = NamespacedName::new(random.one_of(&NAMESPACES), format!("pod-{number}"));
            let pod = Pod { labels, node: Some(NODE.into()), addresses, ports, terminating: false };
            inventory.pods.insert(name.clone(), pod);
            names.push(name);
        }
        let endpoints = (0..random.below(4)).map(|_| Endpoint {
            address: random.endpoint(),
            protocol: random.protocol(),
            port: if random.once_in(4) { None } else { Some(random.one_of(&PORTS)) },
        });
        let endpoints: BTreeSet<_> = endpoints.collect::<Vec<_>>().into_iter().collect();
        let addresses = OUTSIDE[0].to_vec();
        let service = Service { addresses, endpoints: endpoints.into_iter().collect() };
        inventory.services.insert(NamespacedName::new("y", "dns"), service);
        let mut policies: Vec<_> = (0..random.within(1..10)).map(|number| random.policy(number)).collect();
        policies.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
        Self { policies, inventory, names, random }
    }

    /// The pods, those of known address with it.
    pub(crate) fn workloads(&self, is_known: impl Fn(usize) -> bool) -> Workloads {
        let workload = |(number, name): (usize, &NamespacedName)| {
            let pod = &self.inventory.pods[name];
            let addresses = if is_known(number) { pod.addresses.clone() } else { Vec::new() };
            Workload {
                name: name.clone(),
                kind: "Pod".into(),
                labels: pod.labels.clone(),
                variant: Variant::Only,
                members: vec![Member { ports: pod.ports.clone(), addresses }],
                origin: Origin::default(),
            }
        };
        let mut entries: Vec<_> = self.names.iter().enumerate().map(workload).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let target = Target::Number(NonZeroU16::MIN);
        // Nobody may ask for it: there are slices.
        let chosen = Chosen { selector: Labels::new(), targets: vec![(Protocol::Tcp, target)] };
        Workloads { entries, services: [(NamespacedName::new("y", "dns"), chosen)].into() }
    }

    /// What there is in this cluster of what the map must get right.
    pub(crate) fn shapes(&self) -> BTreeSet<&'static str> {
        let mut shapes = BTreeSet::new();
        let rules = self.policies.iter().flat_map(|policy| {
            let rules = policy.ingress.iter().chain(&policy.egress).flatten();
            rules.map(move |rule| (policy.tier, rule))
        });
        for (tier, rule) in rules {
            let peers = match &rule.peers {
                Peers::Any => &[][..],
                Peers::AnyOf(peers) => peers,
            };
            let ports = match &rule.ports {
                PortMatches::Any => &[][..],
                PortMatches::AnyOf(ports) => ports,
            };
            if ports.iter().any(PortMatch::is_named) {
                shapes.insert("named port");
            }
            if ports.iter().any(|port| matches!(port.ports, Ports::Range(range) if range.first() < range.last())) {
                shapes.insert("end port");
            }
            if peers.iter().any(|peer| matches!(peer, Peer::Addresses { except, .. } if !except.is_empty())) {
                shapes.insert("except");
            }
            if peers.iter().any(|peer| matches!(peer, Peer::Service { .. } | Peer::Nodes(_))) {
                shapes.insert("nodes and services");
            }
            match (rule.action, tier) {
                (Action::Pass, Tier::ClusterAdmin | Tier::ConfigMapAdmin) => shapes.insert("pass of Admin"),
                (Action::Pass, _) => shapes.insert("pass of Baseline"),
                (Action::Accept | Action::Deny, _) => false,
            };
            if matches!(&rule.peers, Peers::AnyOf(peers) if peers.is_empty()) {
                shapes.insert("no peer at all");
            }
        }
        if self.policies.iter().any(|policy| policy.ingress.as_ref().is_some_and(Vec::is_empty)) {
            shapes.insert("no rule at all");
        }
        if self.inventory.pods.values().any(|pod| pod.addresses.len() == 1) {
            shapes.insert("one family");
        }
        shapes
    }
}

impl Random {
    fn labels(&mut self) -> Labels {
        let mut labels = Labels::new();
        for key in ["app", "tier"] {
            if self.below(3) > 0 {
                labels.insert(key.into(), self.one_of(&["a", "b", ""]).into());
            }
        }
        labels
    }

    fn named_ports(&mut self) -> Vec<NamedPort> {
        let port = |random: &mut Self| NamedPort {
            name: random.one_of(&["http", "dns"]).into(),
            protocol: random.protocol(),
            port: random.one_of(&PORTS),
        };
        let ports: BTreeSet<_> = (0..self.below(4)).map(|_| port(self)).collect();
        ports.into_iter().collect()
    }

    fn protocol(&mut self) -> Protocol {
        self.one_of(&[Protocol::Tcp, Protocol::Tcp, Protocol::Udp, Protocol::Sctp])
    }

    fn endpoint(&mut self) -> IpAddr {
        let family = self.below(2);
        match self.below(3) {
            0 => OUTSIDE[self.below(2)][family],
            _ => ADDRESSES[family][self.below(6)],
        }
    }

    fn policy(&mut self, number: usize) -> Policy {
        use Tier::{ClusterAdmin, ClusterBaseline, ConfigMapAdmin, ConfigMapBaseline, NetworkPolicy};
        let tier = self.one_of(&[
            NetworkPolicy,
            NetworkPolicy,
            NetworkPolicy,
            ConfigMapAdmin,
            ClusterAdmin,
            ClusterBaseline,
            ConfigMapBaseline,
        ]);
        let namespace: Arc<str> = self.one_of(&NAMESPACES).into();
        let (pods, exempt) = if tier == NetworkPolicy {
            let namespaces = Namespaces::Named(Arc::clone(&namespace));
            (PodSelector { namespaces, pods: self.selector() }, Vec::new())
        } else {
            let exempt = (0..self.below(4).saturating_sub(2)).map(|_| self.pods(&namespace)).collect();
            (PodSelector { namespaces: Namespaces::Matching(self.selector()), pods: self.selector() }, exempt)
        };
        let priority = if tier == NetworkPolicy { 0 } else { u16::try_from(self.below(3)).unwrap() };
        let mut rules = |direction| {
            let n_rules = match self.below(7) {
                0 => return None,
                1 | 2 => 0,
                n => (n - 1) / 2,
            };
            Some((0..n_rules).map(|_| self.rule(tier, &namespace, direction)).collect())
        };
        let (ingress, egress) = (rules(Direction::Ingress), rules(Direction::Egress));
        Policy {
            origin: Origin::default(),
            name: NamespacedName::new(namespace, format!("policy-{number}")),
            tier,
            priority,
            subject: Subject { pods, exempt: exempt.into() },
            ingress,
            egress,
        }
    }

    fn rule(&mut self, tier: Tier, namespace: &Arc<str>, direction: Direction) -> Rule {
        let is_tenants = tier == Tier::NetworkPolicy;
        let peers = match self.below(5) {
            0 => Peers::Any,
            n => Peers::AnyOf((1..n).map(|_| self.peer(is_tenants, namespace, direction)).collect()),
        };
        let ports = match self.below(6) {
            0 | 1 => PortMatches::Any,
            n => PortMatches::AnyOf((2..n).map(|_| self.port()).collect()),
        };
        let actions = [Action::Accept, Action::Deny, Action::Pass];
        let action = if is_tenants { Action::Accept } else { self.one_of(&actions) };
        let mut rule = Rule::new(Origin::default(), action, peers, ports);
        if matches!(tier, Tier::ConfigMapAdmin | Tier::ConfigMapBaseline) {
            rule.effect = if self.once_in(6) { Effect::Audited } else { Effect::Enforced };
            rule.icmp = (0..self.below(5).saturating_sub(3)).map(|_| self.icmp()).collect();
        }
        rule
    }

    fn icmp(&mut self) -> IcmpMatch {
        let version = self.one_of(&[IcmpVersion::V4, IcmpVersion::V6]);
        let echo = if version == IcmpVersion::V4 { 8 } else { 128 };
        let icmp_type = self.one_of(&[Some(echo), Some(13), None]);
        IcmpMatch { version, icmp_type, code: icmp_type.and_then(|_| self.one_of(&[None, Some(0), Some(1)])) }
    }

    fn peer(&mut self, is_tenants: bool, namespace: &Arc<str>, direction: Direction) -> Peer {
        match self.below(8) {
            0..3 => Peer::Pods(self.pods(namespace)),
            6 if !is_tenants => Peer::Nodes(self.selector()),
            7 if !is_tenants && direction == Direction::Egress => {
                let part = self.one_of(&[ServicePart::Endpoints, ServicePart::Addresses]);
                Peer::Service { name: NamespacedName::new("y", "dns"), part }
            }
            _ => self.block(),
        }
    }

    fn block(&mut self) -> Peer {
        let network = |random: &mut Self| random.one_of(&BLOCKS).parse::<IpNet>().unwrap();
        let cidr = network(self);
        let holes: BTreeSet<_> = (0..self.below(4)).map(|_| network(self)).collect();
        let except = holes.into_iter().filter(|hole| cidr.contains(hole) && cidr != *hole).collect();
        Peer::Addresses { cidr, except }
    }

    fn port(&mut self) -> PortMatch {
        let number = |port: u16| NonZeroU16::new(port).unwrap();
        let ports = match self.below(6) {
            0 => Ports::All,
            1 => Ports::Range(PortRange::single(number(self.one_of(&PORTS)))),
            2 => {
                let (first, last) = self.one_of(&[(79, 81), (80, 8080), (82, 65_535), (1, 65_535)]);
                Ports::Range(PortRange::new(number(first), number(last)).unwrap())
            }
            _ => Ports::Named(self.one_of(&["http", "dns"]).into()),
        };
        PortMatch { protocol: self.protocol(), ports }
    }

    fn pods(&mut self, namespace: &Arc<str>) -> PodSelector {
        let namespaces = match self.below(2) {
            0 => Namespaces::Named(Arc::clone(namespace)),
            _ => Namespaces::Matching(self.selector()),
        };
        PodSelector { namespaces, pods: self.selector() }
    }

    fn selector(&mut self) -> Selector {
        let n_requirements = self.one_of(&[0, 0, 1, 1, 2]);
        let requirements: Vec<_> = (0..n_requirements).map(|_| self.requirement()).collect();
        Selector::new(requirements)
    }

    fn requirement(&mut self) -> Requirement {
        let values = |random: &mut Self| -> Box<[Arc<str>]> {
            (0..random.within(1..3)).map(|_| random.one_of(&["a", "b", ""]).into()).collect()
        };
        let key = self.one_of(&["app", "tier"]).into();
        let operator = match self.below(4) {
            0 => Operator::In(values(self)),
            1 => Operator::NotIn(values(self)),
            2 => Operator::Exists,
            _ => Operator::DoesNotExist,
        };
        Requirement { key, operator }
    }
}
