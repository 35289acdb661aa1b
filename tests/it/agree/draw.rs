//! Random small clusters: three namespaces, six pods on two nodes, a handful of policies of every tier and shape.

use std::net::IpAddr;
use std::sync::Arc;

use engine::compile::ForwardMode;
use engine::eval::policy::{Connection, Transport, Way};
use engine::eval::ruleset as simulator;
use engine::inventory::{Inventory, NamedPort, Pod};
use ipnet::IpNet;
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::Origin;

/// The node that is judged.
pub(super) const NODE: &str = "node-a";

const NAMESPACES: [&str; 3] = ["x", "y", "z"];
const PORTS: [u16; 5] = [53, 79, 80, 81, 8080];
const OUTSIDE: [&str; 4] = ["203.0.113.9", "10.0.9.1", "2001:db8:ffff::9", "2001:db8:0:1::11"];
const BLOCKS: [&str; 8] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/30",
    "10.0.0.2/32",
    "203.0.113.0/24",
    "::/0",
    "2001:db8::/64",
    "2001:db8::2/127",
];

/// A cluster and what its users wrote.
pub(super) struct Cluster {
    pub(super) policies: Vec<Policy>,
    pub(super) inventory: Inventory,
    pub(super) forward_mode: ForwardMode,
}

/// Decisions from a string of bytes; when it has ended, every decision is the first choice.
struct Draw<'a>(std::slice::Iter<'a, u8>);

impl Cluster {
    pub(super) fn draw(bytes: &[u8]) -> Self {
        let mut draw = Draw(bytes.iter());
        let inventory = draw.inventory();
        let n_policies = draw.below(6);
        let policies = (0..n_policies).map(|number| draw.policy(number)).collect();
        Self { policies, inventory, forward_mode: Self::mode(draw.below(2)) }
    }

    /// A pod that declares the port `http`, one of another node with the same address that does not, and a baseline that
    /// denies that port.
    pub(super) fn of_a_shared_address() -> Self {
        let http = NamedPort { name: "http".into(), protocol: Protocol::Tcp, port: 80 };
        let pod = |node: &str, ports: Vec<NamedPort>| Pod {
            node: Some(node.into()),
            addresses: vec!["10.0.0.1".parse().unwrap()],
            ports,
            ..Pod::default()
        };
        let mut inventory = Inventory::default();
        inventory.namespaces.insert("x".into(), Labels::new());
        inventory.pods.insert(NamespacedName::new("x", "here"), pod(NODE, vec![http]));
        inventory.pods.insert(NamespacedName::new("x", "there"), pod("node-b", Vec::new()));
        let everything =
            || PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() };
        let ports = PortMatches::AnyOf(vec![PortMatch { protocol: Protocol::Tcp, ports: Ports::Named("http".into()) }]);
        let deny = Rule::new(Origin::default(), Action::Deny, Peers::Any, ports);
        let policy = Policy {
            origin: Origin::default(),
            name: NamespacedName::new("x", "no-http"),
            tier: Tier::ConfigMapAdmin,
            priority: 0,
            subject: Subject { pods: everything(), exempt: [].into() },
            ingress: Some(vec![deny]),
            egress: None,
        };
        Self { policies: vec![policy], inventory, forward_mode: ForwardMode::PodsFirst }
    }

    /// Every pair of addresses of one family, by every transport, through the node and to it.
    pub(super) fn connections(&self) -> impl Iterator<Item = Connection> {
        let pods = self.inventory.pods.values().flat_map(|pod| pod.addresses.iter().copied());
        let mut addresses: Vec<IpAddr> = pods.chain(OUTSIDE.iter().map(|text| text.parse().unwrap())).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut connections = Vec::new();
        for source in &addresses {
            for destination in addresses.iter().filter(|other| other.is_ipv4() == source.is_ipv4()) {
                for transport in transports() {
                    for way in [Way::Forwarded, Way::ToNode] {
                        connections.push(Connection::new(*source, *destination, transport, way));
                    }
                }
            }
        }
        connections.into_iter()
    }
}

fn transports() -> impl Iterator<Item = Transport> {
    let port = |protocol, destination| Transport::Port { protocol, destination };
    let icmp = |icmp_type, hop_limit| Transport::Icmp { icmp_type, code: 0, hop_limit };
    let tcp = PORTS.into_iter().map(move |number| port(Protocol::Tcp, number));
    tcp.chain([
        port(Protocol::Udp, 53),
        port(Protocol::Udp, 80),
        port(Protocol::Sctp, 80),
        icmp(8, 63),
        icmp(128, 63),
        icmp(135, 255),
        icmp(135, 64),
        icmp(134, 255),
        icmp(2, 63),
        Transport::Other(47),
    ])
}

/// The same in the simulator's terms.
pub(super) fn header(transport: Transport) -> simulator::Transport {
    match transport {
        Transport::Port { protocol: Protocol::Tcp, destination } => simulator::Transport::syn(40_000, destination),
        Transport::Port { protocol: Protocol::Udp, destination } => simulator::Transport::udp(40_000, destination),
        Transport::Port { protocol: Protocol::Sctp, destination } => {
            simulator::Transport::Sctp(simulator::Ports { source: 40_000, destination })
        }
        Transport::Icmp { icmp_type, code, .. } => simulator::Transport::Icmp { icmp_type, code },
        Transport::Other(protocol) => simulator::Transport::Other(protocol),
    }
}

impl Draw<'_> {
    /// A number below `n`.
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % n)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.below(u8::try_from(from.len()).unwrap()))]
    }

    fn inventory(&mut self) -> Inventory {
        let mut inventory = Inventory::default();
        for namespace in NAMESPACES {
            // Now and then a namespace has no object yet.
            if self.below(8) != 7 {
                let mut labels = self.labels();
                labels.insert(NAMESPACE_NAME_LABEL.into(), namespace.into());
                inventory.namespaces.insert(namespace.into(), labels);
            }
        }
        for number in 1..=6_u8 {
            let name = NamespacedName::new(self.pick(&NAMESPACES), format!("pod-{number}"));
            // Now and then two pods claim one address.
            let address = if self.below(12) == 11 { 1 } else { number };
            let both = [format!("10.0.0.{address}"), format!("2001:db8::{address}")];
            let addresses = match self.below(4) {
                0 | 1 => both.iter().map(|text| text.parse().unwrap()).collect(),
                2 => vec![both[0].parse().unwrap()],
                _ => vec![both[1].parse().unwrap()],
            };
            let pod = Pod {
                labels: self.labels(),
                node: Some(self.pick(&[NODE, NODE, "node-b"]).into()),
                addresses,
                ports: self.named_ports(),
                terminating: self.below(6) == 5,
            };
            inventory.pods.insert(name, pod);
        }
        inventory
    }

    fn named_ports(&mut self) -> Vec<NamedPort> {
        let mut ports: Vec<_> = (0..self.below(3))
            .map(|_| NamedPort {
                name: self.pick(&["http", "dns"]).into(),
                protocol: self.protocol(),
                port: self.pick(&PORTS),
            })
            .collect();
        ports.sort();
        ports.dedup();
        ports
    }

    fn labels(&mut self) -> Labels {
        let mut labels = Labels::new();
        for key in ["app", "tier"] {
            if self.below(3) > 0 {
                labels.insert(key.into(), self.value());
            }
        }
        labels
    }

    fn value(&mut self) -> Arc<str> {
        self.pick(&["a", "b", ""]).into()
    }

    fn selector(&mut self) -> Selector {
        let requirements: Vec<_> = (0..self.below(3)).map(|_| self.requirement()).collect();
        Selector::new(requirements)
    }

    fn requirement(&mut self) -> Requirement {
        let key = self.pick(&["app", "tier"]).into();
        let operator = match self.below(4) {
            0 => Operator::In((0..=self.below(2)).map(|_| self.value()).collect()),
            1 => Operator::NotIn((0..=self.below(2)).map(|_| self.value()).collect()),
            2 => Operator::Exists,
            _ => Operator::DoesNotExist,
        };
        Requirement { key, operator }
    }

    fn protocol(&mut self) -> Protocol {
        self.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Sctp])
    }

    fn policy(&mut self, number: u8) -> Policy {
        let tier =
            self.pick(&[Tier::NetworkPolicy, Tier::NetworkPolicy, Tier::ConfigMapAdmin, Tier::ConfigMapBaseline]);
        let is_tenants = tier == Tier::NetworkPolicy;
        let namespace: Arc<str> = self.pick(&NAMESPACES).into();
        let namespaces =
            if is_tenants { Namespaces::Named(Arc::clone(&namespace)) } else { Namespaces::Matching(self.selector()) };
        let exempt = if !is_tenants && self.below(3) == 2 { vec![self.pods(&namespace)] } else { Vec::new() };
        Policy {
            origin: Origin::default().with_subject(format!("{namespace}/policy-{number}")),
            name: NamespacedName::new(Arc::clone(&namespace), format!("policy-{number}")),
            tier,
            priority: if is_tenants { 0 } else { self.below(3).into() },
            subject: Subject { pods: PodSelector { namespaces, pods: self.selector() }, exempt: exempt.into() },
            ingress: self.rules(&namespace, tier),
            egress: self.rules(&namespace, tier),
        }
    }

    fn rules(&mut self, namespace: &Arc<str>, tier: Tier) -> Option<Vec<Rule>> {
        if self.below(3) == 2 {
            return None;
        }
        Some((0..self.below(4)).map(|number| self.rule(namespace, tier, number)).collect())
    }

    fn rule(&mut self, namespace: &Arc<str>, tier: Tier, number: u8) -> Rule {
        let action = match tier {
            Tier::NetworkPolicy => Action::Accept,
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                self.pick(&[Action::Accept, Action::Deny, Action::Pass])
            }
        };
        let peers = match self.below(4) {
            0 => Peers::Any,
            n => Peers::AnyOf((1..n).map(|_| self.peer(namespace)).collect()),
        };
        let ports = match self.below(4) {
            0 | 1 => PortMatches::Any,
            n => PortMatches::AnyOf((1..n).map(|_| self.port()).collect()),
        };
        Rule::new(Origin::default().with_subject(format!("rule-{number}")), action, peers, ports)
    }

    fn peer(&mut self, namespace: &Arc<str>) -> Peer {
        if self.below(2) == 0 {
            return Peer::Pods(self.pods(namespace));
        }
        let cidr: IpNet = self.pick(&BLOCKS).parse().unwrap();
        let hole: IpNet = self.pick(&BLOCKS).parse().unwrap();
        let inside = cidr.contains(&hole) && cidr != hole;
        Peer::Addresses { cidr: cidr.trunc(), except: if inside { [hole.trunc()].into() } else { [].into() } }
    }

    fn pods(&mut self, namespace: &Arc<str>) -> PodSelector {
        let namespaces = match self.below(2) {
            0 => Namespaces::Named(Arc::clone(namespace)),
            _ => Namespaces::Matching(self.selector()),
        };
        PodSelector { namespaces, pods: self.selector() }
    }

    fn port(&mut self) -> PortMatch {
        let number = |port: u16| std::num::NonZeroU16::new(port).unwrap();
        let ports = match self.below(4) {
            0 => Ports::All,
            1 => Ports::Range(PortRange::single(number(self.pick(&PORTS)))),
            2 => Ports::Range(PortRange::new(number(79 + u16::from(self.below(2))), number(81)).unwrap()),
            _ => Ports::Named(self.pick(&["http", "dns"]).into()),
        };
        PortMatch { protocol: self.protocol(), ports }
    }
}
