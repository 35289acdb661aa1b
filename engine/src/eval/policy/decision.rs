//! What the oracle answers: a verdict, what decided it, and every layer that was asked on the way.

use std::fmt;
use std::net::IpAddr;

use policy_lang::name::NamespacedName;
use policy_lang::policy::{Action, Direction, Logging, Tier};
use policy_lang::source::Origin;

/// What a node does with a connection, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// Permitted or not.
    pub outcome: Outcome,
    /// What decided: for a denial the first end that denied, for a permission the last end that was asked.
    pub cause: Cause,
    /// Every end that was judged: sources before destinations.
    pub judgements: Vec<Judgement>,
}

/// Permitted or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It may be opened.
    Allowed,
    /// It is dropped.
    Denied,
    /// It is denied, and the denial is only counted and logged: it may be opened.
    Observed,
}

/// What the policies of one end say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judgement {
    /// Who is bound at this end.
    pub subject: Bound,
    /// Egress at the source, ingress at the destination.
    pub direction: Direction,
    /// What they say.
    pub outcome: Outcome,
    /// Why.
    pub cause: Cause,
    /// Every tier that was asked, in order, and what it said; the last is the one that decided, if one did.
    pub layers: Vec<Layer>,
}

/// Who is bound by policy.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Bound {
    /// A pod.
    Pod(NamespacedName),
    /// A local address that none of the node's pods is known to own.
    Unknown(IpAddr),
}

/// One tier that was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// Which.
    pub tier: Tier,
    /// The rules with `audit: true` that matched before the tier had its answer: counted and logged, nothing else.
    pub audited: Vec<Matched>,
    /// What it said.
    pub answer: Answer,
}

/// What a tier says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// None of its policies is about this end in this direction.
    Unbound,
    /// Some are, and none of their rules match.
    NoMatch,
    /// A rule matches.
    Rule(Action, Matched),
    /// NetworkPolicies isolate the pod in this direction, and none of their rules match.
    Isolated {
        /// Where those policies were written, in the order of their names.
        policies: Vec<Origin>,
    },
    /// The address is nobody's yet, and pods of this node that NetworkPolicies isolate wait for theirs: dropped.
    Quarantined {
        /// Those pods.
        awaiting: Vec<NamespacedName>,
    },
    /// The same where quarantine only counts: the next tier is asked.
    QuarantineCounted {
        /// Those pods.
        awaiting: Vec<NamespacedName>,
    },
}

/// A rule that matched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matched {
    /// The policy.
    pub policy: NamespacedName,
    /// Where the rule was written.
    pub origin: Origin,
    /// Whether it wants to be logged; denials always are.
    pub logging: Logging,
}

/// Why a connection is permitted or denied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// A rule matched.
    Rule {
        /// The layer that decided.
        tier: Tier,
        /// The policy.
        policy: NamespacedName,
        /// Where the rule was written.
        origin: Origin,
    },
    /// NetworkPolicies isolate the pod in this direction, and none of their rules matched.
    Isolated {
        /// Where those policies were written, in the order of their names.
        policies: Vec<Origin>,
    },
    /// A local address of no known pod, while isolated pods of this node have no address yet (decisions.md 17).
    Quarantine,
    /// A pod reached itself through a Service: tenants' policies are not asked (sem-87).
    Hairpin,
    /// No layer decided.
    NoRule,
    /// No pod of this node is at either end.
    NoPod,
    /// The node itself opened it: pod policy always accepts that (sem-83).
    OwnNode,
    /// It goes to the node itself, and `allowEgressToOwnNode` is set.
    OwnNodeOpen,
    /// Without it the network does not work: neighbour and listener discovery, packet-too-big (sem-67).
    Vital,
    /// A router advertisement or redirect from a pod: dropped whatever policy says.
    RoutingFromPod,
}

impl Decision {
    /// The decision of a node from what its policies say at each end.
    pub(super) fn of(judgements: Vec<Judgement>) -> Self {
        let first = |outcome| judgements.iter().find(|judgement| judgement.outcome == outcome);
        match first(Outcome::Denied).or(first(Outcome::Observed)).or(judgements.last()) {
            Some(deciding) => Self { outcome: deciding.outcome, cause: deciding.cause.clone(), judgements },
            None => Self { outcome: Outcome::Allowed, cause: Cause::NoPod, judgements },
        }
    }

    /// This decision and that of the next node on the way: the first denial decides.
    #[must_use]
    pub fn and(mut self, next: Self) -> Self {
        self.judgements.extend(next.judgements);
        let next_is_silent = next.cause == Cause::NoPod;
        let decides = match (self.outcome, next.outcome) {
            (Outcome::Denied, _) | (Outcome::Observed, Outcome::Allowed | Outcome::Observed) => true,
            (Outcome::Allowed, _) | (Outcome::Observed, Outcome::Denied) => false,
        };
        if decides || next_is_silent {
            return self;
        }
        Self { outcome: next.outcome, cause: next.cause, judgements: self.judgements }
    }
}

impl Layer {
    /// The verdict, if this tier decides.
    pub fn verdict(&self) -> Option<(Outcome, Cause)> {
        let Self { tier, answer, audited: _ } = self;
        let cause = |matched: &Matched| Cause::Rule {
            tier: *tier,
            policy: matched.policy.clone(),
            origin: matched.origin.clone(),
        };
        match answer {
            Answer::Rule(Action::Accept, matched) => Some((Outcome::Allowed, cause(matched))),
            Answer::Rule(Action::Deny, matched) => Some((Outcome::Denied, cause(matched))),
            Answer::Isolated { policies } => Some((Outcome::Denied, Cause::Isolated { policies: policies.clone() })),
            Answer::Quarantined { .. } => Some((Outcome::Denied, Cause::Quarantine)),
            Answer::Rule(Action::Pass, _) | Answer::Unbound | Answer::NoMatch | Answer::QuarantineCounted { .. } => {
                None
            }
        }
    }
}

impl Cause {
    /// The source lines that decided: one rule, or the policies that isolate; none where no policy decided.
    pub fn origins(&self) -> &[Origin] {
        match self {
            Self::Rule { origin, .. } => std::slice::from_ref(origin),
            Self::Isolated { policies } => policies,
            Self::Quarantine
            | Self::Hairpin
            | Self::NoRule
            | Self::NoPod
            | Self::OwnNode
            | Self::OwnNodeOpen
            | Self::Vital
            | Self::RoutingFromPod => &[],
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(name) => write!(f, "{name}"),
            Self::Unknown(address) => write!(f, "{address}"),
        }
    }
}
