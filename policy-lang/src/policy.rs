//! The policy IR: source-agnostic intent, symbolic, in the order in which it decides.
//!
//! Every front end (NetworkPolicy, the egress baseline, later ClusterNetworkPolicy) lowers to this, and everything
//! behind it (compiler, oracle, explain) reads only this.

use std::fmt;

use crate::name::NamespacedName;
use crate::peer::{Peer, PodSelector};
use crate::port::{IcmpMatch, PortMatch};
use crate::source::Origin;

/// A layer of policy. Per direction the layers are asked in this order, and the first decisive one wins
/// (decisions.md 12): the enforced baseline, the cluster admins' ClusterNetworkPolicies, the tenants' NetworkPolicies,
/// the ClusterNetworkPolicies of the Baseline tier, the baseline's `otherwise`, then allow.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tier {
    /// The ConfigMap's enforced part: above everything.
    ConfigMapAdmin,
    /// `ClusterNetworkPolicy` objects of `tier: Admin`.
    ClusterAdmin,
    /// `NetworkPolicy` of networking.k8s.io/v1: decisive for the pods that it isolates.
    NetworkPolicy,
    /// `ClusterNetworkPolicy` objects of `tier: Baseline`: for pods that no NetworkPolicy isolates in that direction (C5).
    ClusterBaseline,
    /// The ConfigMap's `otherwise`, and its documents of `tier: Baseline`: as above, and asked last.
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
    /// Kinds of ICMP besides `ports`: the rule matches where one of either does. Only the baseline has them; a rule
    /// with [`PortMatches::Any`] matches ICMP anyway.
    pub icmp: Box<[IcmpMatch]>,
    /// Whether a match decides.
    pub effect: Effect,
    /// Whether first packets that it matches are logged.
    pub logging: Logging,
}

/// Whether a rule decides what it matches.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// It decides.
    #[default]
    Enforced,
    /// `audit: true`: what it matches is counted and logged, and the next rule is asked as if it were not there.
    Audited,
}

/// Whether first packets that a rule matches are logged. Those that are denied always are.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Logging {
    /// They are not.
    #[default]
    Silent,
    /// `log: true`.
    Logged,
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

impl Tier {
    /// Every tier, in the order in which they are asked.
    pub const ALL: [Self; 5] =
        [Self::ConfigMapAdmin, Self::ClusterAdmin, Self::NetworkPolicy, Self::ClusterBaseline, Self::ConfigMapBaseline];
}

impl Rule {
    /// A rule that decides, says nothing of ICMP and logs nothing of its own.
    pub fn new(origin: Origin, action: Action, peers: Peers, ports: PortMatches) -> Self {
        Self {
            origin,
            action,
            peers,
            ports,
            icmp: Box::default(),
            effect: Effect::default(),
            logging: Logging::default(),
        }
    }
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
            Self::ClusterAdmin => "ClusterNetworkPolicy",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ClusterBaseline => "ClusterNetworkPolicy baseline",
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
