//! Who is there, where, and what is asked for.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::{World, outside, services};
use crate::lab::{Host, Service, Topology};

/// Most hosts in one demonstration: every pair is asked, so the questions grow with its square, and the columns of a
/// table stand beside each other.
const PARTIES_MAX: usize = 40;

/// A laboratory to be built, and the questions.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is built.
    pub topology: Topology,
    /// Who asks and answers, in the order of the tables.
    pub parties: Vec<Party>,
    /// What is asked for.
    pub services: Vec<Service>,
}

/// Somebody who asks and answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// Its name in the laboratory.
    pub name: Box<str>,
    /// Where it is.
    pub place: Place,
    /// At most one of each family.
    pub addresses: Vec<IpAddr>,
}

/// Where somebody is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A pod on this node, behind this interface of the node.
    Pod {
        /// The node.
        node: Arc<str>,
        /// The node's end of its wire.
        interface: Arc<str>,
    },
    /// A process on this node's own network.
    Node(Arc<str>),
    /// Outside of the cluster.
    Outside,
}

/// Why a cluster cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// Nothing to build.
    #[error("the manifests have no {0}: a demonstration needs Nodes with addresses, and Pods on them with addresses")]
    Nothing(&'static str),
    /// A node that packets cannot be sent to.
    #[error("node {0} has no address in its status.addresses")]
    NoAddress(Box<str>),
    /// Too much to build.
    #[error("{0} nodes, pods and hosts outside: a demonstration takes at most {PARTIES_MAX}")]
    TooMany(usize),
    /// Two of them have one address.
    #[error("{first} and {second} both have {address}: only one of them can be built")]
    SharedAddress {
        /// The address.
        address: IpAddr,
        /// Who has it.
        first: Box<str>,
        /// Who has it too.
        second: Box<str>,
    },
}

impl Scene {
    /// The scene of a cluster.
    ///
    /// # Errors
    /// [`SceneError`].
    pub fn of(world: &World) -> Result<Self, SceneError> {
        let mut topology = Topology::of(&world.inventory);
        if topology.nodes.is_empty() {
            return Err(SceneError::Nothing("Node"));
        }
        if topology.nodes.iter().all(|node| node.pods.is_empty()) {
            return Err(SceneError::Nothing("placed Pod"));
        }
        if let Some(node) = topology.nodes.iter().find(|node| node.host.addresses.is_empty()) {
            return Err(SceneError::NoAddress(node.host.name.clone()));
        }
        // Everything that the inventory knows is taken, also what the laboratory leaves out.
        let of_pods = world.inventory.pods.values().flat_map(|pod| &pod.addresses);
        let of_nodes = world.inventory.nodes.values().flat_map(|node| &node.addresses);
        let taken: BTreeSet<IpAddr> = of_pods.chain(of_nodes).copied().collect();
        topology.outside = outside::hosts(&world.policies, &taken);
        let parties = parties(&topology);
        if parties.len() > PARTIES_MAX {
            return Err(SceneError::TooMany(parties.len()));
        }
        refuse_shared(&parties)?;
        Ok(Self { topology, parties, services: services::services(&world.policies, &world.inventory) })
    }

    /// The scene of a laboratory that is described beforehand, processes included.
    pub fn of_topology(topology: Topology, services: Vec<Service>) -> Self {
        let mut parties = parties(&topology);
        for node in &topology.nodes {
            let process = |name: &str| Party {
                name: name.into(),
                place: Place::Node((*node.host.name).into()),
                addresses: node.host.addresses.clone(),
            };
            parties.extend(node.processes.iter().map(|name| process(name)));
        }
        Self { topology, parties, services }
    }

    /// Who has an address.
    pub fn owner(&self, address: IpAddr) -> Option<&Party> {
        self.parties.iter().find(|party| party.addresses.contains(&address))
    }
}

impl Party {
    /// Its address of the same family as another.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|address| address.is_ipv4() == other.is_ipv4())
    }

    /// The node that it is on.
    pub fn node(&self) -> Option<&Arc<str>> {
        match &self.place {
            Place::Pod { node, .. } | Place::Node(node) => Some(node),
            Place::Outside => None,
        }
    }
}

/// Node by node its pods and the node itself, then the outside.
fn parties(topology: &Topology) -> Vec<Party> {
    let party = |host: &Host, place| Party { name: host.name.clone(), place, addresses: host.addresses.clone() };
    let mut parties = Vec::new();
    for node in &topology.nodes {
        let name: Arc<str> = (*node.host.name).into();
        for (number, pod) in (1..).zip(&node.pods) {
            let interface = format!("cali{number}").into();
            parties.push(party(pod, Place::Pod { node: Arc::clone(&name), interface }));
        }
        parties.push(party(&node.host, Place::Node(name)));
    }
    parties.extend(topology.outside.iter().map(|host| party(host, Place::Outside)));
    parties
}

fn refuse_shared(parties: &[Party]) -> Result<(), SceneError> {
    for (idx, first) in parties.iter().enumerate() {
        for second in parties.iter().skip(idx + 1) {
            if let Some(address) = first.addresses.iter().find(|address| second.addresses.contains(address)) {
                let (first, second) = (first.name.clone(), second.name.clone());
                return Err(SceneError::SharedAddress { address: *address, first, second });
            }
        }
    }
    Ok(())
}
