//! Clusters of the shapes that large ones have, made directly as policies and facts, with what is equal shared as who
//! reads manifests shares it. The same on every run.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use engine::inventory::{Inventory, NamedPort, Pod};
use ipnet::IpNet;
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Direction, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::share::Pool;
use policy_lang::source::Origin;

/// The node that everything is compiled for.
pub(crate) const NODE: &str = "node-0";

/// Pods of that node, as many as the kubelet allows by default.
pub(crate) const LOCAL_PODS: usize = 110;

/// A cluster.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Its policies.
    pub(crate) policies: Vec<Policy>,
    /// Its facts.
    pub(crate) inventory: Inventory,
    /// A pod of another node that the node's policies are about, where there is one.
    pub(crate) peer: Option<NamespacedName>,
    /// A pod of the node.
    pub(crate) local: Option<NamespacedName>,
}

/// Makes clusters, each text once.
#[derive(Debug, Default)]
pub(crate) struct Maker {
    pool: Pool,
    world: World,
}

impl Maker {
    /// One `Arc` for each text.
    pub(crate) fn text(&mut self, text: impl AsRef<str>) -> Arc<str> {
        self.pool.text(text.as_ref().into())
    }

    /// A namespace with a label `team`.
    pub(crate) fn namespace(&mut self, name: &str, team: usize) -> Arc<str> {
        let name = self.text(name);
        let labels =
            [(self.text(NAMESPACE_NAME_LABEL), Arc::clone(&name)), (self.text("team"), self.text_of("t", team))];
        self.world.inventory.namespaces.insert(Arc::clone(&name), labels.into_iter().collect());
        name
    }

    /// A dual-stack pod with the labels `app` and `tier` and a named port; the `n`th of the cluster, and of the node if
    /// `local`.
    pub(crate) fn pod(&mut self, namespace: &Arc<str>, n: usize, app: &str, local: bool) {
        let (app, tier) = (self.text(app), self.text_of("tier", n % 3));
        let labels = Labels::from([(self.text("app"), app), (self.text("tier"), tier)]);
        let labels = self.pool.labels(&labels);
        let node = if local { self.text(NODE) } else { self.text_of("node-", 1 + n % 900) };
        let ports = vec![NamedPort { name: self.text("http"), protocol: Protocol::Tcp, port: 8080 }];
        let name = NamespacedName::new(Arc::clone(namespace), format!("pod-{n}"));
        let slot = if local { &mut self.world.local } else { &mut self.world.peer };
        slot.get_or_insert_with(|| name.clone());
        let number = u32::try_from(n).unwrap_or(u32::MAX);
        let addresses = vec![
            IpAddr::V4(Ipv4Addr::from(0x0a40_0000 + number)),
            IpAddr::V6(Ipv6Addr::from((0x2001_0db8_0244_u128 << 80) | (u128::from(number) + 1))),
        ];
        let pod = Pod { labels, node: Some(node), addresses, ports, terminating: false };
        self.world.inventory.pods.insert(name, pod);
    }

    /// Pods whose labels are these.
    pub(crate) fn selector(&mut self, pairs: &[(&str, &str)]) -> Selector {
        let requirement = |(key, value): &(&str, &str)| Requirement {
            key: (*key).into(),
            operator: Operator::In([Arc::from(*value)].into()),
        };
        self.pool.selector(&Selector::new(pairs.iter().map(requirement)))
    }

    /// Pods of one namespace.
    pub(crate) fn peer(&mut self, namespace: &Arc<str>, app: &str) -> Peer {
        let pods = self.selector(&[("app", app)]);
        Peer::Pods(PodSelector { namespaces: Namespaces::Named(Arc::clone(namespace)), pods })
    }

    /// All pods of the namespaces with a label.
    pub(crate) fn namespaces(&mut self, key: &str, value: &str) -> Peer {
        let namespaces = Namespaces::Matching(self.selector(&[(key, value)]));
        Peer::Pods(PodSelector { namespaces, pods: Selector::everything() })
    }

    /// A NetworkPolicy of one direction that selects the pods with the label `app`, or all.
    pub(crate) fn policy(&mut self, namespace: &Arc<str>, app: Option<&str>, direction: Direction, rules: Vec<Rule>) {
        let n = self.world.policies.len();
        let pods = app.map_or_else(Selector::everything, |app| self.selector(&[("app", app)]));
        let name = NamespacedName::new(Arc::clone(namespace), format!("np-{n}"));
        let (ingress, egress) = match direction {
            Direction::Ingress => (Some(rules), None),
            Direction::Egress => (None, Some(rules)),
        };
        self.world.policies.push(Policy {
            origin: Origin::default().with_subject(name.to_string()),
            name,
            tier: Tier::NetworkPolicy,
            priority: 0,
            subject: Subject {
                pods: PodSelector { namespaces: Namespaces::Named(Arc::clone(namespace)), pods },
                exempt: [].into(),
            },
            ingress,
            egress,
        });
    }

    /// The cluster.
    pub(crate) fn finish(self) -> World {
        self.world
    }

    fn text_of(&mut self, prefix: &str, number: usize) -> Arc<str> {
        self.text(format!("{prefix}{number}"))
    }
}

/// A rule that permits.
pub(crate) fn permit(peers: Vec<Peer>, ports: Vec<PortMatch>) -> Rule {
    let ports = if ports.is_empty() { PortMatches::Any } else { PortMatches::AnyOf(ports) };
    Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(peers), ports)
}

/// A block with a hole.
pub(crate) fn block(n: usize) -> Peer {
    let octet = |n: usize| u8::try_from(n % 256).unwrap_or_default();
    let cidr = IpNet::new_assert(Ipv4Addr::new(172, octet(n), 0, 0).into(), 16);
    let hole = IpNet::new_assert(Ipv4Addr::new(172, octet(n), octet(n / 4), 0).into(), 24);
    Peer::Addresses { cidr, except: [hole].into() }
}

/// A TCP port.
pub(crate) fn tcp(port: usize) -> PortMatch {
    range(Protocol::Tcp, port, port)
}

/// A range of ports.
pub(crate) fn range(protocol: Protocol, first: usize, last: usize) -> PortMatch {
    let number = |port: usize| u16::try_from(port).ok().and_then(std::num::NonZeroU16::new);
    let range = number(first).zip(number(last)).and_then(|(first, last)| PortRange::new(first, last));
    PortMatch { protocol, ports: Ports::Range(range.unwrap_or(PortRange::ALL)) }
}
