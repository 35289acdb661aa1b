//! What the policies of a namespace may ask for (see [`crate::limits`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::diagnostic::{Code, Diagnostic, ObjectRef, Severity};
use policy_lang::peer::Peer;
use policy_lang::policy::{Direction, Peers, Policy, Rule};

use super::port::{self, PortTest};
use super::subject::{Effective, Isolation};
use crate::limits::{CUTS_MAX, PERMISSIONS_MAX, RULES_MAX};

/// A namespace's policies ask for more than it may have.
const OVER_BUDGET: Code = Code("PAL031");

/// What exceeds its bound.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Excess {
    /// Permissions of all lists of policies of a namespace.
    Permissions,
    /// Rules that nothing can fold.
    Rules,
    /// Steps of cutting blocks with overlapping ports apart.
    Cuts,
}

/// Which namespaces ask for too much, and in which direction.
#[derive(Debug, Default)]
pub(super) struct Budget {
    exceeded: BTreeSet<(Arc<str>, Direction)>,
}

impl Budget {
    /// Adds up what these lists of policies ask for; each counts once, however many pods share it.
    pub(super) fn new<'e>(policies: &[Policy], effective: impl Iterator<Item = &'e Effective>) -> Self {
        let mut lists: BTreeSet<(Direction, &[usize])> = BTreeSet::new();
        for effective in effective {
            if let Isolation::Policies(isolating) = &effective.isolation {
                lists.insert((effective.direction, isolating));
            }
        }
        let mut known: BTreeMap<(Direction, usize), u64> = BTreeMap::new();
        let mut asked: BTreeMap<(Arc<str>, Direction), u64> = BTreeMap::new();
        for (direction, list) in lists {
            let Some(first) = list.first().and_then(|index| policies.get(*index)) else { continue };
            let sum = asked.entry((Arc::clone(&first.name.namespace), direction)).or_default();
            for index in list {
                if *sum > PERMISSIONS_MAX {
                    break;
                }
                let rules = policies.get(*index).and_then(|policy| policy.rules(direction)).unwrap_or_default();
                let of_policy = known.entry((direction, *index)).or_insert_with(|| n_permissions(rules));
                *sum = sum.saturating_add(*of_policy);
            }
        }
        let exceeded = asked.into_iter().filter(|(_, sum)| *sum > PERMISSIONS_MAX).map(|(who, _)| who);
        Self { exceeded: exceeded.collect() }
    }

    /// Whether the namespace of these policies asks for too much.
    pub(super) fn excess(&self, policies: &[Policy], isolating: &[usize], direction: Direction) -> Option<Excess> {
        let first = isolating.first().and_then(|index| policies.get(*index))?;
        let key = (Arc::clone(&first.name.namespace), direction);
        self.exceeded.contains(&key).then_some(Excess::Permissions)
    }
}

impl Excess {
    /// What there is too much of, and the bound.
    pub(super) fn what(self) -> String {
        match self {
            Self::Permissions => format!("more than {PERMISSIONS_MAX} permissions"),
            Self::Rules => format!("more than {RULES_MAX} rules that cannot be folded for one list of policies"),
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
