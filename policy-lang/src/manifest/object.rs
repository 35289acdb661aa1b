//! The objects that palisade reads, reduced to the fields that it uses.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use ipnet::IpNet;

use crate::manifest::route::Route;
use crate::manifest::tree::{Spanned, Value};
use crate::manifest::workload::{Owner, Workload};
use crate::name::{Labels, NamespacedName};
use crate::port::Protocol;
use crate::source::{Origin, Span};

/// One object of a kind that palisade reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// v1 Namespace.
    Namespace(Namespace),
    /// v1 Node.
    Node(Node),
    /// v1 Pod.
    Pod(Pod),
    /// networking.k8s.io/v1 NetworkPolicy, not yet judged: see [`crate::network_policy`].
    NetworkPolicy(NetworkPolicy),
    /// v1 ConfigMap.
    ConfigMap(ConfigMap),
    /// v1 Service.
    Service(Service),
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlice(EndpointSlice),
    /// policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, not yet judged: see [`crate::cluster_policy`].
    ClusterNetworkPolicy(ClusterNetworkPolicy),
    /// A palisade.dev EgressBaseline that stands in a file of its own, not yet judged: see [`crate::baseline`].
    EgressBaseline(EgressBaselineDocument),
    /// What makes pods of a template.
    Workload(Workload),
    /// networking.k8s.io/v1 Ingress or gateway.networking.k8s.io HTTPRoute.
    Route(Route),
}

/// What every object has.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// `metadata.namespace` and `metadata.name`. The namespace is empty for cluster-scoped kinds, and `default` where
    /// a namespaced object names none.
    pub name: NamespacedName,
    /// `metadata.labels`.
    pub labels: Labels,
    /// File and line of the name, and `namespace/name`.
    pub origin: Origin,
    /// The name in the text; nothing for objects from an API server.
    pub span: Option<Span>,
}

/// A namespace. Its labels always hold `kubernetes.io/metadata.name` (sem-29).
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Name and labels.
    pub metadata: Metadata,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name and labels.
    pub metadata: Metadata,
    /// `status.addresses` of type InternalIP and ExternalIP, in their order.
    pub addresses: Vec<IpAddr>,
    /// `spec.podCIDRs`, or `spec.podCIDR` where that is empty. Host bits are zero.
    pub pod_cidrs: Vec<IpNet>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// `spec.nodeName`: nothing while it is not placed.
    pub node: Option<Arc<str>>,
    /// Whose network it uses.
    pub network: PodNetwork,
    /// `status.phase`.
    pub phase: Phase,
    /// Whether it is being deleted.
    pub lifecycle: Lifecycle,
    /// `status.podIPs`, or `status.podIP` where that is empty (sem-78); each once.
    pub addresses: Vec<IpAddr>,
    /// Declared ports of its containers and of its restartable init containers (sem-61).
    pub ports: Vec<ContainerPort>,
    /// Who made it, by `metadata.ownerReferences`.
    pub owner: Option<Owner>,
    /// What loading found wrong with its text or its metadata. No policy can be trusted to select such a pod: its only
    /// label is [`crate::name::UNREADABLE_LABEL`], and [`crate::network_policy::quarantine`] isolates it.
    pub damage: Option<Damage>,
}

/// Whose network a pod uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PodNetwork {
    /// Its own.
    Own,
    /// The node's: `hostNetwork: true`. Its addresses are the node's (sem-72).
    Host,
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Accepted; init containers run in this phase, and policy binds them (sem-73).
    Pending,
    /// At least one container runs.
    Running,
    /// Ended well: its addresses belong to it no longer (sem-75).
    Succeeded,
    /// Ended badly: as above.
    Failed,
    /// Not written, or the node does not answer: kept as it is (sem-77).
    Unknown,
}

/// Whether a pod is being deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lifecycle {
    /// It is not.
    Live,
    /// `metadata.deletionTimestamp` is set: it counts until its phase ends (sem-74).
    Terminating,
}

/// A port that a container declares.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ContainerPort {
    /// `name`, by which policies may refer to it.
    pub name: Option<Arc<str>>,
    /// `protocol`, TCP where none is written.
    pub protocol: Protocol,
    /// `containerPort`.
    pub port: NonZeroU16,
}

/// A NetworkPolicy as written.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkPolicy {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// The whole document.
    pub document: Value,
    /// What loading already found wrong with it.
    pub damage: Option<Damage>,
}

/// A ClusterNetworkPolicy as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterNetworkPolicy {
    /// Its name, without a namespace, and its labels.
    pub metadata: Metadata,
    /// The whole document.
    pub document: Value,
    /// What loading already found wrong with it.
    pub damage: Option<Damage>,
}

/// Why an object is broken whatever the rest of it says; the finding is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Damage {
    /// Parts of its text could not be read, and any field may be missing.
    Text,
    /// A field that every object has (`apiVersion`, `metadata`) is wrong; the part that decides the meaning is whole.
    Header,
}

/// A ConfigMap.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigMap {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// `data`, in the order of the text.
    pub data: Vec<DataEntry>,
    /// What loading already found wrong with it.
    pub damage: Option<Damage>,
}

/// One key of a ConfigMap's `data`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataEntry {
    /// The key.
    pub key: Spanned<Arc<str>>,
    /// The text, as a scalar that knows how it was written.
    pub value: Value,
}

/// An EgressBaseline in a file of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct EgressBaselineDocument {
    /// The whole document.
    pub document: Value,
    /// What loading already found wrong with it.
    pub damage: Option<Damage>,
}

/// A Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// `spec.clusterIPs`, or `spec.clusterIP`; empty for a headless Service.
    pub cluster_ips: Vec<IpAddr>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<IpAddr>,
    /// The addresses of `status.loadBalancer.ingress`; names are left out.
    pub load_balancer_ips: Vec<IpAddr>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// `spec.selector`; empty where its endpoints are kept by hand.
    pub selector: Labels,
}

/// One port of a Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServicePort {
    /// `name`.
    pub name: Option<Arc<str>>,
    /// `protocol`, TCP where none is written.
    pub protocol: Protocol,
    /// `port`.
    pub port: NonZeroU16,
    /// `targetPort`; `port` where none is written.
    pub target: TargetPort,
    /// `nodePort`.
    pub node_port: Option<NonZeroU16>,
}

/// Where a Service sends what it gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TargetPort {
    /// This port of every backend.
    Number(NonZeroU16),
    /// The port of this name, whatever its number is on each backend.
    Name(Arc<str>),
}

/// The backends of a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSlice {
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// The Service, by the label `kubernetes.io/service-name`.
    pub service: Option<Arc<str>>,
    /// The backends.
    pub endpoints: Vec<Endpoint>,
    /// The ports that all of them serve.
    pub ports: Vec<EndpointPort>,
}

/// One backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Its addresses; names (addressType FQDN) are left out.
    pub addresses: Vec<IpAddr>,
    /// Whether it takes traffic.
    pub readiness: Readiness,
    /// `nodeName`.
    pub node: Option<Arc<str>>,
    /// The pod behind it, by `targetRef`.
    pub pod: Option<NamespacedName>,
}

/// `conditions.ready` of a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readiness {
    /// True, or not written.
    Ready,
    /// False.
    NotReady,
}

/// One port of an EndpointSlice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointPort {
    /// `name`, the Service port's; empty for an unnamed one.
    pub name: Arc<str>,
    /// `protocol`, TCP where none is written.
    pub protocol: Protocol,
    /// `port`; nothing means every port.
    pub port: Option<NonZeroU16>,
}

impl Object {
    /// Its `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Namespace(_) => "Namespace",
            Self::Node(_) => "Node",
            Self::Pod(_) => "Pod",
            Self::NetworkPolicy(_) => "NetworkPolicy",
            Self::ConfigMap(_) => "ConfigMap",
            Self::Service(_) => "Service",
            Self::EndpointSlice(_) => "EndpointSlice",
            Self::ClusterNetworkPolicy(_) => "ClusterNetworkPolicy",
            Self::EgressBaseline(_) => "EgressBaseline",
            Self::Workload(workload) => workload.kind.name(),
            Self::Route(route) => route.kind.name(),
        }
    }

    /// What every object has; an EgressBaseline document has no identity in a cluster.
    pub fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::Namespace(namespace) => Some(&namespace.metadata),
            Self::Node(node) => Some(&node.metadata),
            Self::Pod(pod) => Some(&pod.metadata),
            Self::NetworkPolicy(policy) => Some(&policy.metadata),
            Self::ConfigMap(config_map) => Some(&config_map.metadata),
            Self::Service(service) => Some(&service.metadata),
            Self::EndpointSlice(slice) => Some(&slice.metadata),
            Self::ClusterNetworkPolicy(policy) => Some(&policy.metadata),
            Self::Workload(workload) => Some(&workload.metadata),
            Self::Route(route) => Some(&route.metadata),
            Self::EgressBaseline(_) => None,
        }
    }
}
