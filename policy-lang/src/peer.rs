//! The other end of a connection, and the pods that a policy is about.

use std::fmt;

use ipnet::IpNet;

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
        }
    }
}
