//! The facts that one compile sees: a plain, sorted snapshot of the cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::port::Protocol;

pub use self::objects::POD_NOT_PLACED;
pub(crate) use self::objects::{counts, named_ports};

mod objects;
#[cfg(test)]
mod tests;

/// Namespaces, nodes, Services and pods.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inventory {
    /// Labels of each namespace, the name label included (sem-29).
    pub namespaces: BTreeMap<Arc<str>, Labels>,
    /// The nodes by name.
    pub nodes: BTreeMap<Arc<str>, Node>,
    /// The Services by name.
    pub services: BTreeMap<NamespacedName, Service>,
    /// The pods that can be a subject or a peer (sem-71 to sem-79): not on the host's network, not terminated.
    pub pods: BTreeMap<NamespacedName, Pod>,
}

/// A node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// InternalIP and ExternalIP of `status.addresses`, sorted.
    pub addresses: Vec<IpAddr>,
    /// `spec.podCIDRs`, sorted.
    pub pod_cidrs: Vec<IpNet>,
    /// Its labels.
    pub labels: Labels,
}

/// A Service, and what stands behind it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Service {
    /// `spec.clusterIPs`, `spec.externalIPs` and the addresses of `status.loadBalancer`, sorted, without `None`.
    pub addresses: Vec<IpAddr>,
    /// Every endpoint of its EndpointSlices, one for each address and port, sorted.
    pub endpoints: Vec<Endpoint>,
}

/// Where a Service's packets go.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// A pod's, a node's or any other address.
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port there; `None` for every port of the protocol.
    pub port: Option<u16>,
}

/// A pod with a network of its own.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pod {
    /// Its labels.
    pub labels: Labels,
    /// `spec.nodeName`; `None` while it is not scheduled.
    pub node: Option<Arc<str>>,
    /// `status.podIPs`, sorted; empty until the network is set up.
    pub addresses: Vec<IpAddr>,
    /// Named ports of its containers and of its restartable init containers, sorted (sem-61).
    pub ports: Vec<NamedPort>,
    /// `metadata.deletionTimestamp` is set: still counts, but yields an address to a pod that is not (sem-74).
    pub terminating: bool,
}

/// A container port with a name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamedPort {
    /// Its name.
    pub name: Arc<str>,
    /// Its protocol; TCP where the manifest says nothing (sem-55).
    pub protocol: Protocol,
    /// `containerPort`, 1 to 65535.
    pub port: u16,
}
