//! What the policies of a namespace may ask for (see [`crate::limits`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::diagnostic::{Diagnostic, ObjectRef, Severity};
use policy_lang::peer::Peer;
use policy_lang::policy::{Direction, Peers, Policy, Rule};

use super::port::{self, PortTest};
use super::subject::{Isolation, PolicySet};
use crate::limits::{
    CUTS_MAX, OVER_BUDGET, PERMISSIONS_MAX, PORT_CHAINS_MAX, RULES_MAX, RULES_UNFOLDED_MAX, SHARED_CHAINS_MAX,
    SHARED_MAX,
};

/// What exceeds its bound.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Excess {
    /// Permissions of all lists of policies of a namespace.
    Permissions,
    /// Rules that nothing can fold.
    Rules { max: usize },
    /// Steps of cutting blocks with overlapping ports apart.
    Cuts,
}

/// What one list of policies may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shares {
    /// Rules that nothing can fold.
    pub(super) rules: usize,
    /// Chains of a port map of blocks, which can be laid out otherwise, and the sets of those chains: shares of the node's.
    pub(super) chains: usize,
    pub(super) sets: usize,
    /// Chains of a port map with pods, which can hardly: a share of the namespace's, so that it takes no other
    /// namespace to exceed it.
    pub(super) chains_of_pods: usize,
}

/// Which namespaces ask for too much, and in which direction; and how many share what there is.
#[derive(Debug, Default)]
pub(super) struct Budget {
    exceeded: BTreeSet<(Arc<str>, Direction)>,
    n_lists: usize,
    n_lists_of: BTreeMap<(Arc<str>, Direction), usize>,
}

impl Budget {
    /// Adds up what these lists of policies ask for; each counts once, however many pods share it.
    pub(super) fn new<'s>(policies: &[Policy], sets: impl IntoIterator<Item = &'s PolicySet>) -> Self {
        let mut lists: BTreeMap<(Direction, &[usize]), &PolicySet> = BTreeMap::new();
        for set in sets {
            if let Isolation::Policies(isolating) = &set.isolation {
                lists.insert((set.direction, isolating), set);
            }
        }
        let mut known: BTreeMap<(Direction, usize), u64> = BTreeMap::new();
        let mut asked: BTreeMap<(Arc<str>, Direction), u64> = BTreeMap::new();
        let mut n_lists_of: BTreeMap<(Arc<str>, Direction), usize> = BTreeMap::new();
        let n_lists = lists.len();
        for ((direction, list), set) in lists {
            let Some(first) = list.first().and_then(|index| policies.get(*index)) else { continue };
            *n_lists_of.entry((Arc::clone(&first.name.namespace), direction)).or_default() += 1;
            let sum = asked.entry((Arc::clone(&first.name.namespace), direction)).or_default();
            if *sum > PERMISSIONS_MAX {
                continue;
            }
            let mut of_policy = |index: &usize| {
                let rules = policies.get(*index).and_then(|policy| policy.rules(direction)).unwrap_or_default();
                *known.entry((direction, *index)).or_insert_with(|| n_permissions(rules))
            };
            let of_list = set.permissions(|| list.iter().map(&mut of_policy).fold(0, u64::saturating_add));
            *sum = sum.saturating_add(of_list);
        }
        let exceeded = asked.into_iter().filter(|(_, sum)| *sum > PERMISSIONS_MAX).map(|(who, _)| who);
        Self { exceeded: exceeded.collect(), n_lists, n_lists_of }
    }

    /// What this list of policies may take; nothing where its namespace asks for too much. Shares are counted in powers
    /// of two, so that one list more seldom moves the others.
    pub(super) fn shares(
        &self,
        policies: &[Policy],
        isolating: &[usize],
        direction: Direction,
    ) -> Result<Shares, Excess> {
        let first = isolating.first().and_then(|index| policies.get(*index));
        let key = first.map(|policy| (Arc::clone(&policy.name.namespace), direction));
        if key.as_ref().is_some_and(|key| self.exceeded.contains(key)) {
            return Err(Excess::Permissions);
        }
        let n_of_namespace = key.and_then(|key| self.n_lists_of.get(&key).copied()).unwrap_or_default();
        let share = |all: usize, n_lists: usize| all / n_lists.max(1).next_power_of_two();
        let of_namespace = share(SHARED_MAX, n_of_namespace).max(RULES_UNFOLDED_MAX);
        Ok(Shares {
            rules: of_namespace.min(RULES_MAX),
            chains: share(SHARED_CHAINS_MAX, self.n_lists).min(PORT_CHAINS_MAX),
            sets: share(SHARED_MAX, self.n_lists),
            chains_of_pods: of_namespace.min(PORT_CHAINS_MAX),
        })
    }
}

impl Excess {
    /// What there is too much of, and the bound.
    pub(super) fn what(self) -> String {
        match self {
            Self::Permissions => format!("more than {PERMISSIONS_MAX} permissions"),
            Self::Rules { max } => format!("more than {max} rules that cannot be folded for one list of policies"),
            Self::Cuts => format!("more than {CUTS_MAX} steps to cut blocks with overlapping ports apart"),
        }
    }

    /// What people read about it.
    pub(super) fn diagnostic(self, policy: &Policy, direction: Direction) -> Diagnostic {
        let namespace = &policy.name.namespace;
        let what = self.what();
        Diagnostic {
            code: OVER_BUDGET,
            severity: Severity::Warning,
            message: format!(
                "the {direction} policies of namespace {namespace} take {what}: its pods that they isolate are closed \
                 in that direction",
            ),
            span: None,
            place: policy.origin.place.clone(),
            labels: Vec::new(),
            help: Some("docs/design/limits.md lists what a namespace may take".to_owned()),
            object: Some(ObjectRef {
                kind: "NetworkPolicy".into(),
                namespace: Arc::clone(namespace),
                name: Arc::clone(&policy.name.name),
            }),
            fix: None,
        }
    }
}

/// The permissions that rules ask for, as [`PERMISSIONS_MAX`] counts them.
fn n_permissions(rules: &[Rule]) -> u64 {
    rules.iter().map(of_rule).fold(0, u64::saturating_add)
}

fn of_rule(rule: &Rule) -> u64 {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let of_peer = |peer: &Peer| match peer {
        Peer::Addresses { except, .. } => 1 + except.len(),
        Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. } => 1,
    };
    let of_ports = |test: &PortTest| match test {
        PortTest::Numbers(_, ranges) => ranges.len(),
        PortTest::Any | PortTest::Whole(_) | PortTest::Named(..) => 1,
    };
    let peers = match &rule.peers {
        Peers::Any => 1,
        Peers::AnyOf(peers) => peers.iter().map(of_peer).sum(),
    };
    let ports: usize = port::tests(&rule.ports, None).iter().map(of_ports).sum();
    count(peers).saturating_mul(count(ports)).saturating_add(1)
}
