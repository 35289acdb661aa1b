//! The form of the snapshot: types of its own, so that a change elsewhere is no silent change of the file.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use engine::inventory::{Endpoint, Inventory, NamedPort, Node, Pod, Service};
use ipnet::IpNet;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::port::Protocol;
use policy_lang::share::Pool;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use self::policy::Policy;
use crate::agent::event::{FoundHostRules, Soundness};
use crate::agent::host::Good;
use crate::agent::host::reading;
use crate::agent::world::{Facts, Told};
use crate::source::host_texts::{HostTexts, Listings};
use crate::source::is_of_baseline;

mod policy;

/// Everything, as it is read: most of it object by object, since a large cluster is not to be in memory twice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept<'t> {
    #[serde(borrow)]
    policies: Vec<&'t RawValue>,
    baseline: Vec<&'t RawValue>,
    /// The host rules of the node's file.
    host: Option<MainAndTexts>,
    /// Those of the ConfigMap; a former version knew of none.
    #[serde(default)]
    host_config_map: Option<MainAndTexts>,
    /// What was in folders on the way, of the file and of the ConfigMap.
    #[serde(default)]
    host_listings: [Listings; 2],
    /// What else the file was read with; left out where that is nothing.
    #[serde(default)]
    host_asked: KeptAsked,
    namespaces: Vec<(String, Pairs)>,
    nodes: Vec<KeptNode>,
    services: Vec<KeptService>,
    pods: Vec<&'t RawValue>,
}

/// The same without the pods, as it is written, object by object.
pub(super) struct Keeping<'a> {
    /// What is in force.
    pub(super) told: Told<'a>,
    /// The host rules that are good.
    pub(super) host: &'a Good,
}

impl Serialize for Keeping<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Told { policies, inventory, baseline } = self.told;
        let Good { file, config_map } = self.host;
        let Inventory { namespaces, nodes, services, pods: _ } = inventory;
        let of_tenants = || policies.iter().filter(|policy| !is_of_baseline(policy.tier));
        let mut kept = serializer.serialize_struct("Kept", 9)?;
        kept.serialize_field("policies", &Each(|| of_tenants().map(Policy::from)))?;
        kept.serialize_field("baseline", &Each(|| baseline.iter().map(Policy::from)))?;
        kept.serialize_field("host", &texts(file.as_ref()))?;
        kept.serialize_field("host_config_map", &texts(config_map.as_ref()))?;
        kept.serialize_field("host_listings", &[listings(file.as_ref()), listings(config_map.as_ref())])?;
        match asked(file.as_ref()) {
            asked if asked.is_nothing() => kept.skip_field("host_asked")?,
            asked => kept.serialize_field("host_asked", &asked)?,
        }
        let namespace = |(name, labels): (&Arc<str>, &Labels)| (name.to_string(), pairs(labels));
        kept.serialize_field("namespaces", &Each(|| namespaces.iter().map(namespace)))?;
        kept.serialize_field("nodes", &Each(|| nodes.iter().map(KeptNode::from)))?;
        kept.serialize_field("services", &Each(|| services.iter().map(KeptService::from)))?;
        kept.end()
    }
}

/// A sequence whose members are made when it is their turn.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// Labels.
type Pairs = Vec<(String, String)>;

/// The main file, and every text by path.
type MainAndTexts = (String, Vec<(String, String)>);

/// A name in a namespace.
type Name = (String, String);

/// What was given beside the texts, and what name servers answered. An agent runs no commands.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeptAsked {
    definitions: Vec<String>,
    answers: Listings,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ipsets: Vec<String>,
}

impl KeptAsked {
    fn is_nothing(&self) -> bool {
        self.definitions.is_empty() && self.answers.is_empty() && self.ipsets.is_empty()
    }
}

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
pub(super) struct KeptPod {
    name: Name,
    labels: Pairs,
    node: Option<String>,
    addresses: Vec<IpAddr>,
    /// Name, number of the protocol, port.
    ports: Vec<(String, u8, u16)>,
    terminating: bool,
}

impl From<(&Arc<str>, &Node)> for KeptNode {
    fn from((name, node): (&Arc<str>, &Node)) -> Self {
        let Node { addresses, pod_cidrs, labels } = node.clone();
        Self { name: name.to_string(), addresses, pod_cidrs, labels: pairs(&labels) }
    }
}

impl From<(&NamespacedName, &Service)> for KeptService {
    fn from((name, service): (&NamespacedName, &Service)) -> Self {
        let endpoint = |endpoint: Endpoint| {
            let Endpoint { address, protocol, port } = endpoint;
            (address, protocol.number(), port)
        };
        let Service { addresses, endpoints } = service.clone();
        Self { name: pair(name), addresses, endpoints: endpoints.into_iter().map(endpoint).collect() }
    }
}

impl From<(&NamespacedName, &Pod)> for KeptPod {
    fn from((name, pod): (&NamespacedName, &Pod)) -> Self {
        let port = |NamedPort { name, protocol, port }: NamedPort| (name.to_string(), protocol.number(), port);
        let Pod { labels, node, addresses, ports, terminating } = pod.clone();
        Self {
            name: pair(name),
            labels: pairs(&labels),
            node: node.map(|node| node.to_string()),
            addresses,
            ports: ports.into_iter().map(port).collect(),
            terminating,
        }
    }
}

impl Kept<'_> {
    /// The facts again, without host rules, and those; nothing if any of it makes no sense.
    pub(super) fn facts(self) -> Option<(Facts, Good)> {
        let Self {
            policies,
            baseline,
            host,
            host_config_map,
            host_listings,
            host_asked,
            namespaces,
            nodes,
            services,
            pods,
        } = self;
        let [of_file, of_map] = host_listings;
        let host = Good {
            file: found(host, of_file, host_asked).ok()?,
            config_map: found(host_config_map, of_map, KeptAsked::default()).ok()?,
        };
        let mut pool = Pool::default();
        let namespaces = namespaces.into_iter().map(|(name, pairs)| (name.into(), labels(pairs))).collect();
        let mut inventory = Inventory { namespaces, ..Inventory::default() };
        for KeptNode { name, addresses, pod_cidrs, labels: pairs } in nodes {
            inventory.nodes.insert(name.into(), Node { addresses, pod_cidrs, labels: labels(pairs) });
        }
        for KeptService { name, addresses, endpoints } in services {
            let endpoints = endpoints
                .into_iter()
                .map(|(address, number, port)| Some(Endpoint { address, protocol: protocol(number)?, port }));
            inventory.services.insert(named(name), Service { addresses, endpoints: endpoints.collect::<Option<_>>()? });
        }
        for pod in pods {
            let (name, pod) = serde_json::from_str::<KeptPod>(pod.get()).ok()?.pod(&mut pool)?;
            // Pods are kept a moment after their namespaces, which may be gone or not have come by then.
            if !inventory.namespaces.contains_key(&name.namespace) {
                let labels = Labels::of_namespace(&name.namespace);
                inventory.namespaces.insert(Arc::clone(&name.namespace), labels);
            }
            inventory.pods.insert(name, pod);
        }
        let mut all = |kept: Vec<&RawValue>| {
            let policy = |kept: &RawValue| serde_json::from_str::<Policy>(kept.get()).ok()?.policy();
            kept.into_iter().map(|kept| Some(pool.policy(policy(kept)?))).collect::<Option<Vec<_>>>()
        };
        Some((Facts { policies: all(policies)?, baseline: all(baseline)?, inventory, host: None }, host))
    }
}

impl KeptPod {
    fn pod(self, pool: &mut Pool) -> Option<(NamespacedName, Pod)> {
        let Self { name: (namespace, name), labels: pairs, node, addresses, ports, terminating } = self;
        let ports = ports
            .into_iter()
            .map(|(name, number, port)| {
                Some(NamedPort { name: pool.text(name.into()), protocol: protocol(number)?, port })
            })
            .collect::<Option<_>>()?;
        let node = node.map(|node| pool.text(node.into()));
        let labels = pool.labels(&labels(pairs));
        let name = NamespacedName::new(pool.text(namespace.into()), name);
        Some((name, Pod { labels, node, addresses, ports, terminating }))
    }
}

fn texts(host: Option<&Arc<FoundHostRules>>) -> Option<MainAndTexts> {
    let HostTexts { main, texts, .. } = &host.filter(|host| host.soundness == Soundness::Sound)?.texts;
    Some((main.clone(), texts.clone()))
}

fn listings(host: Option<&Arc<FoundHostRules>>) -> Listings {
    host.map(|host| host.texts.listings.clone()).unwrap_or_default()
}

fn asked(host: Option<&Arc<FoundHostRules>>) -> KeptAsked {
    let texts = host.map(|host| host.texts.clone()).unwrap_or_default();
    KeptAsked { definitions: texts.definitions, answers: texts.answers, ipsets: texts.ipsets }
}

/// An error if there are some that are broken.
fn found(
    texts: Option<MainAndTexts>,
    listings: Listings,
    asked: KeptAsked,
) -> Result<Option<Arc<FoundHostRules>>, Broken> {
    let Some((main, texts)) = texts else { return Ok(None) };
    let KeptAsked { definitions, answers, ipsets } = asked;
    let texts = HostTexts { main, texts, listings, definitions, ipsets, answers, ..HostTexts::default() };
    let found = reading::kept(&texts).ok_or(Broken)?;
    Ok(Some(Arc::new(found)))
}

/// What was kept makes no sense.
struct Broken;

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
