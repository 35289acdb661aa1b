//! The other end of a connection, and the pods that a policy is about.

use std::fmt;

use ipnet::IpNet;

use crate::name::NamespacedName;
use crate::selector::Selector;
use std::sync::Arc;

/// Which pods: those that match `pods` in the namespaces of `namespaces`. Never host-network pods (sem-72).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PodSelector {
    /// In which namespaces.
    pub namespaces: Namespaces,
    /// By their own labels.
    pub pods: Selector,
}

/// Which namespaces.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Namespaces {
    /// The one of this name: the policy's own (sem-24).
    Named(Arc<str>),
    /// Those whose labels match (sem-25). A namespace whose object is unknown matches nothing (sem-30).
    Matching(Selector),
}

/// The other end of a connection that a rule is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Peer {
    /// Pods by label (sem-24 to sem-27).
    Pods(PodSelector),
    /// Addresses in `cidr` and in none of `except` (sem-40). The exceptions carve a hole in this peer only (sem-46).
    Addresses {
        /// Host bits are zero.
        cidr: IpNet,
        /// Same family as `cidr`, inside it, host bits zero, sorted.
        except: Box<[IpNet]>,
    },
    /// The addresses of nodes by their labels (C10): InternalIP and ExternalIP, so host-network pods and NodePorts too.
    Nodes(Selector),
    /// A Service, by what its EndpointSlices or its own addresses say.
    Service {
        /// Which.
        name: NamespacedName,
        /// What of it.
        part: ServicePart,
    },
}

/// What of a Service a peer is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ServicePart {
    /// What packets are sent on to behind its addresses: each endpoint's address, protocol and port, and no other port
    /// of that address. A rule's own ports narrow this further.
    Endpoints,
    /// Its own addresses (clusterIPs, externalIPs, those of its load balancers), at any port: only packets that are not
    /// translated still bear them, such as those to a DNS cache on the node.
    Addresses,
}

impl fmt::Display for PodSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespaces {
            Namespaces::Named(name) => write!(f, "pods {} in namespace {name}", self.pods),
            Namespaces::Matching(selector) => write!(f, "pods {} in namespaces {selector}", self.pods),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(selector) => write!(f, "{selector}"),
            Self::Addresses { cidr, except } => {
                write!(f, "{cidr}")?;
                for hole in except {
                    write!(f, " except {hole}")?;
                }
                Ok(())
            }
            Self::Nodes(selector) => write!(f, "nodes {selector}"),
            Self::Service { name, part: ServicePart::Endpoints } => write!(f, "endpoints of service {name}"),
            Self::Service { name, part: ServicePart::Addresses } => write!(f, "addresses of service {name}"),
        }
    }
}
