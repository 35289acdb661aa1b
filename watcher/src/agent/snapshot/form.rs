//! The form of the snapshot: types of its own, so that a change elsewhere is no silent change of the file.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use engine::inventory::{Endpoint, Inventory, NamedPort, Node, Pod, Service};
use ipnet::IpNet;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::port::Protocol;
use serde::{Deserialize, Serialize};

use self::policy::Policy;
use crate::agent::world::Facts;

mod policy;

/// Everything.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    policies: Vec<Policy>,
    baseline: Vec<Policy>,
    /// The main file, and every text by path.
    host: Option<(String, Vec<(String, String)>)>,
    namespaces: Vec<(String, Pairs)>,
    nodes: Vec<KeptNode>,
    services: Vec<KeptService>,
    pods: Vec<KeptPod>,
}

/// Labels.
type Pairs = Vec<(String, String)>;

/// A name in a namespace.
type Name = (String, String);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptNode {
    name: String,
    addresses: Vec<IpAddr>,
    pod_cidrs: Vec<IpNet>,
    labels: Pairs,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptService {
    name: Name,
    addresses: Vec<IpAddr>,
    /// Address, number of the protocol, port.
    endpoints: Vec<(IpAddr, u8, Option<u16>)>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptPod {
    name: Name,
    labels: Pairs,
    node: Option<String>,
    addresses: Vec<IpAddr>,
    /// Name, number of the protocol, port.
    ports: Vec<(String, u8, u16)>,
    terminating: bool,
}

impl From<&Facts> for Kept {
    fn from(facts: &Facts) -> Self {
        let Facts { policies, inventory, baseline, host } = facts;
        let Inventory { namespaces, nodes, services, pods } = inventory;
        let node = |(name, node): (&Arc<str>, &Node)| {
            let Node { addresses, pod_cidrs, labels } = node.clone();
            KeptNode { name: name.to_string(), addresses, pod_cidrs, labels: pairs(&labels) }
        };
        let endpoint = |endpoint: Endpoint| {
            let Endpoint { address, protocol, port } = endpoint;
            (address, protocol.number(), port)
        };
        let service = |(name, service): (&NamespacedName, &Service)| {
            let Service { addresses, endpoints } = service.clone();
            KeptService { name: pair(name), addresses, endpoints: endpoints.into_iter().map(endpoint).collect() }
        };
        let port = |NamedPort { name, protocol, port }: NamedPort| (name.to_string(), protocol.number(), port);
        let pod = |(name, pod): (&NamespacedName, &Pod)| {
            let Pod { labels, node, addresses, ports, terminating } = pod.clone();
            let node = node.map(|node| node.to_string());
            let ports = ports.into_iter().map(port).collect();
            KeptPod { name: pair(name), labels: pairs(&labels), node, addresses, ports, terminating }
        };
        Self {
            policies: policies.iter().map(Policy::from).collect(),
            baseline: baseline.iter().map(Policy::from).collect(),
            host: super::kept_host(host.as_ref()),
            namespaces: namespaces.iter().map(|(name, labels)| (name.to_string(), pairs(labels))).collect(),
            nodes: nodes.iter().map(node).collect(),
            services: services.iter().map(service).collect(),
            pods: pods.iter().map(pod).collect(),
        }
    }
}

impl Kept {
    /// The facts again; nothing if any of it makes no sense.
    pub(super) fn facts(self) -> Option<Facts> {
        let Self { policies, baseline, host, namespaces, nodes, services, pods } = self;
        let host = match host {
            Some((main, texts)) => Some(Arc::new(super::host(main, texts)?)),
            None => None,
        };
        let namespaces = namespaces.into_iter().map(|(name, pairs)| (name.into(), labels(pairs))).collect();
        let mut inventory = Inventory { namespaces, ..Inventory::default() };
        inventory.nodes = nodes
            .into_iter()
            .map(|KeptNode { name, addresses, pod_cidrs, labels: pairs }| {
                (name.into(), Node { addresses, pod_cidrs, labels: labels(pairs) })
            })
            .collect();
        for KeptService { name, addresses, endpoints } in services {
            let endpoints = endpoints
                .into_iter()
                .map(|(address, number, port)| Some(Endpoint { address, protocol: protocol(number)?, port }));
            inventory.services.insert(named(name), Service { addresses, endpoints: endpoints.collect::<Option<_>>()? });
        }
        for KeptPod { name, labels: pairs, node, addresses, ports, terminating } in pods {
            let ports = ports
                .into_iter()
                .map(|(name, number, port)| Some(NamedPort { name: name.into(), protocol: protocol(number)?, port }));
            let ports = ports.collect::<Option<_>>()?;
            let pod = Pod { labels: labels(pairs), node: node.map(Arc::from), addresses, ports, terminating };
            inventory.pods.insert(named(name), pod);
        }
        let policies = policies.into_iter().map(Policy::policy).collect::<Option<_>>()?;
        let baseline = baseline.into_iter().map(Policy::policy).collect::<Option<_>>()?;
        Some(Facts { policies, inventory, baseline, host })
    }
}

fn pair(name: &NamespacedName) -> Name {
    (name.namespace.to_string(), name.name.to_string())
}

fn named((namespace, name): Name) -> NamespacedName {
    NamespacedName::new(namespace, name)
}

fn pairs(labels: &Labels) -> Pairs {
    labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn labels(pairs: Pairs) -> Labels {
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

fn protocol(number: u8) -> Option<Protocol> {
    [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|protocol| protocol.number() == number)
}

fn port(number: u16) -> Option<NonZeroU16> {
    NonZeroU16::new(number)
}
