//! The policy IR: source-agnostic intent, symbolic, in the order in which it decides.
//!
//! Every front end (NetworkPolicy, the egress baseline, later ClusterNetworkPolicy) lowers to this, and everything
//! behind it (compiler, oracle, explain) reads only this.

use std::fmt;

use crate::name::NamespacedName;
use crate::peer::{Peer, PodSelector};
use crate::port::PortMatch;
use crate::source::Origin;

/// A layer of policy. Per direction the layers are asked in this order, and the first decisive one wins
/// (decisions.md 12): the enforced baseline, the tenants' NetworkPolicies, the baseline's `otherwise`, then allow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tier {
    /// The ConfigMap's enforced part: above everything.
    ConfigMapAdmin,
    /// `NetworkPolicy` of networking.k8s.io/v1: decisive for the pods that it isolates.
    NetworkPolicy,
    /// The ConfigMap's `otherwise`: for pods that no NetworkPolicy isolates in that direction.
    ConfigMapBaseline,
}

/// Which way a connection is judged: at its source, or at its destination.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// Connections to the subject.
    Ingress,
    /// Connections from the subject.
    Egress,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// Permitted in this direction; later tiers are not asked.
    Accept,
    /// Dropped.
    Deny,
    /// The rest of this tier is skipped; the next tier decides.
    Pass,
}

/// One policy of one tier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Where it was written.
    pub origin: Origin,
    /// For messages and names; unique together with the tier.
    pub name: NamespacedName,
    /// The layer that it belongs to.
    pub tier: Tier,
    /// Order within the tier, lower first; ties by name. NetworkPolicies do not order: always 0.
    pub priority: u16,
    /// The pods that it is about.
    pub subject: Subject,
    /// Rules for connections to the subject. `None`: it says nothing about that direction.
    /// For [`Tier::NetworkPolicy`], `Some` isolates the subject, even when empty (sem-9).
    pub ingress: Option<Vec<Rule>>,
    /// Rules for connections from the subject; as above.
    pub egress: Option<Vec<Rule>>,
}

/// The pods that a policy is about: those selected and not exempt.
///
/// A tier of the ConfigMap binds local addresses that no known pod owns yet, exemptions notwithstanding
/// (decisions.md 17), when its selector is everything.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Subject {
    /// Selected.
    pub pods: PodSelector,
    /// Taken out again; only the baseline has exemptions.
    pub exempt: Box<[PodSelector]>,
}

/// One rule: matches when a peer and a port match. In tiers with an order, the first that matches decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Where it was written.
    pub origin: Origin,
    /// What a match means. NetworkPolicy rules accept.
    pub action: Action,
    /// The other end.
    pub peers: Peers,
    /// Destination port and protocol.
    pub ports: PortMatches,
}

/// The other ends that a rule is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Peers {
    /// Anything: pods, nodes, the outside (sem-18).
    Any,
    /// One of these. Empty matches nothing: a peer that names nothing must not become a rule for everything.
    AnyOf(Vec<Peer>),
}

/// The destination ports that a rule is about.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PortMatches {
    /// Any port of any IP protocol, ICMP included (sem-19, sem-66).
    Any,
    /// One of these. Empty matches nothing.
    AnyOf(Vec<PortMatch>),
}

impl Policy {
    /// The rules for one direction.
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigMapAdmin => "baseline",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ConfigMapBaseline => "baseline otherwise",
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}
