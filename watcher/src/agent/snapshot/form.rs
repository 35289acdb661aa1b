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
use crate::agent::event::{FoundHostRules, Soundness};
use crate::agent::host::Good;
use crate::agent::host::reading::{self, Listings};
use crate::agent::world::Facts;

mod policy;

/// Everything.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    policies: Vec<Policy>,
    baseline: Vec<Policy>,
    /// The host rules of the node's file.
    host: Option<HostTexts>,
    /// Those of the ConfigMap; a former version knew of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host_config_map: Option<HostTexts>,
    /// What was in folders on the way, of the file and of the ConfigMap.
    #[serde(default)]
    host_listings: [Listings; 2],
    namespaces: Vec<(String, Pairs)>,
    nodes: Vec<KeptNode>,
    services: Vec<KeptService>,
    pods: Vec<KeptPod>,
}

/// Labels.
type Pairs = Vec<(String, String)>;

/// The main file, and every text by path.
type HostTexts = (String, Vec<(String, String)>);

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

impl Kept {
    /// What is in force, and the host rules that are good.
    pub(super) fn new(facts: &Facts, host: &Good) -> Self {
        let Facts { policies, inventory, baseline, host: _ } = facts;
        let Good { file, config_map } = host;
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
            host: texts(file.as_ref()),
            host_config_map: texts(config_map.as_ref()),
            host_listings: [listings(file.as_ref()), listings(config_map.as_ref())],
            namespaces: namespaces.iter().map(|(name, labels)| (name.to_string(), pairs(labels))).collect(),
            nodes: nodes.iter().map(node).collect(),
            services: services.iter().map(service).collect(),
            pods: pods.iter().map(pod).collect(),
        }
    }

    /// The facts again, without host rules, and those; nothing if any of it makes no sense.
    pub(super) fn facts(self) -> Option<(Facts, Good)> {
        let Self { policies, baseline, host, host_config_map, host_listings, namespaces, nodes, services, pods } = self;
        let [of_file, of_map] = host_listings;
        let host = Good { file: found(host, &of_file)?, config_map: found(host_config_map, &of_map)? };
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
        Some((Facts { policies, inventory, baseline, host: None }, host))
    }
}

fn texts(host: Option<&Arc<FoundHostRules>>) -> Option<HostTexts> {
    let sound = host.filter(|host| host.soundness == Soundness::Sound)?;
    Some((sound.main.clone(), sound.texts.clone()))
}

fn listings(host: Option<&Arc<FoundHostRules>>) -> Listings {
    host.map(|host| host.listings.clone()).unwrap_or_default()
}

/// Nothing if there are some that are broken.
fn found(texts: Option<HostTexts>, listings: &Listings) -> Option<Option<Arc<FoundHostRules>>> {
    match texts {
        Some((main, texts)) => Some(Some(Arc::new(reading::kept(&main, &texts, listings)?))),
        None => Some(None),
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
