//! Which policies bind a pod, in the order in which they decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::Namespaces;
use policy_lang::policy::{Direction, Policy, Tier};

use crate::inventory::{NamedPort, Pod};
use crate::resolve::Resolver;

/// The policies that bind one pod in one direction, as indices into the list of all policies.
///
/// Pods with equal lists share one chain: a chain depends on nothing else of the pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Effective {
    /// The direction.
    pub(super) direction: Direction,
    /// The enforced baseline, in order of priority and name.
    pub(super) admin: Vec<usize>,
    /// The NetworkPolicies that isolate the pod.
    pub(super) isolating: Vec<usize>,
    /// The baseline's `otherwise`; empty for a pod that a NetworkPolicy isolates, which is never asked.
    pub(super) otherwise: Vec<usize>,
    /// The pod's own named ports, if it shares its address with another pod: the sets of named ports, which go by
    /// address, cannot tell the two apart (sem-54).
    pub(super) own_ports: Option<Vec<NamedPort>>,
}

/// All policies, so that finding a pod's does not look at those of other namespaces.
#[derive(Debug)]
pub(super) struct Bindings<'a> {
    policies: &'a [Policy],
    admin: Vec<usize>,
    otherwise: Vec<usize>,
    by_namespace: BTreeMap<&'a Arc<str>, Vec<usize>>,
}

impl<'a> Bindings<'a> {
    /// Sorts the policies into tiers and namespaces.
    pub(super) fn new(policies: &'a [Policy]) -> Self {
        let mut bindings = Self { policies, admin: Vec::new(), otherwise: Vec::new(), by_namespace: BTreeMap::new() };
        let mut ordered: Vec<(usize, &Policy)> = policies.iter().enumerate().collect();
        ordered.sort_by_key(|(_, policy)| (policy.tier, policy.priority, &policy.name));
        for (index, policy) in ordered {
            match (policy.tier, &policy.subject.pods.namespaces) {
                (Tier::ConfigMapAdmin | Tier::ClusterAdmin, _) => bindings.admin.push(index),
                (Tier::ConfigMapBaseline | Tier::ClusterBaseline, _) => bindings.otherwise.push(index),
                (Tier::NetworkPolicy, Namespaces::Named(namespace)) => {
                    bindings.by_namespace.entry(namespace).or_default().push(index);
                }
                // A NetworkPolicy is about its own namespace only (sem-7).
                (Tier::NetworkPolicy, Namespaces::Matching(_)) => {}
            }
        }
        bindings
    }

    /// Finds the policies that bind a pod.
    pub(super) fn effective(
        &self,
        direction: Direction,
        resolver: &Resolver<'_>,
        name: &NamespacedName,
        pod: &Pod,
    ) -> Effective {
        let of = |candidates: &[usize]| -> Vec<usize> {
            let policy = |index: &usize| self.policies.get(*index);
            let binds =
                |index: &usize| policy(index).is_some_and(|policy| binds(policy, direction, resolver, name, pod));
            candidates.iter().copied().filter(binds).collect()
        };
        let isolating = of(self.by_namespace.get(&name.namespace).map_or(&[], Vec::as_slice));
        let otherwise = if isolating.is_empty() { of(&self.otherwise) } else { Vec::new() };
        Effective { direction, admin: of(&self.admin), isolating, otherwise, own_ports: None }
    }
}

fn binds(policy: &Policy, direction: Direction, resolver: &Resolver<'_>, name: &NamespacedName, pod: &Pod) -> bool {
    let rules = policy.rules(direction);
    let says_something = match policy.tier {
        // A policy without rules isolates (sem-9); a tier without rules says nothing (C4).
        Tier::NetworkPolicy => rules.is_some(),
        Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
            rules.is_some_and(|rules| !rules.is_empty())
        }
    };
    says_something
        && resolver.selects(&policy.subject.pods, name, pod)
        && !policy.subject.exempt.iter().any(|exempt| resolver.selects(exempt, name, pod))
}

impl Effective {
    /// Whether everything passes.
    pub(super) fn is_empty(&self) -> bool {
        self.admin.is_empty() && self.isolating.is_empty() && self.otherwise.is_empty()
    }
}
