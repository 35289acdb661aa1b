//! Which policies bind a pod, in the order in which they decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::Namespaces;
use policy_lang::policy::{Direction, Policy, Subject, Tier};

use crate::inventory::{Inventory, NamedPort, Pod};
use crate::resolve::Resolver;

/// The policies that bind one pod in one direction, as indices into the list of all policies.
///
/// Pods with equal lists share one chain: a chain depends on nothing else of the pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Effective {
    /// The direction.
    pub(super) direction: Direction,
    /// Asked before NetworkPolicies: the enforced baseline and the ClusterNetworkPolicies of the Admin tier, each in the
    /// order of priority and name.
    pub(super) before: [Vec<usize>; 2],
    /// What stands in the middle.
    pub(super) isolation: Isolation,
    /// Asked where nothing isolates: the ClusterNetworkPolicies of the Baseline tier, and the baseline's `otherwise`.
    /// Empty for a pod that is isolated, which is never asked (C5).
    pub(super) after: [Vec<usize>; 2],
    /// The pod's own named ports, if it shares its address with another pod: the sets of named ports, which go by
    /// address, cannot tell the two apart (sem-54).
    pub(super) own_ports: Option<Vec<NamedPort>>,
}

/// Whether only what is listed may pass.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Isolation {
    /// No.
    Open,
    /// These NetworkPolicies isolate the pod.
    Policies(Vec<usize>),
    /// Nobody knows whose address it is, and a pod that would be isolated has none yet (decisions.md 17).
    Quarantine,
    /// The same, where it is only counted.
    Counted,
}

/// All policies, so that finding a pod's does not look at those of other namespaces.
#[derive(Debug)]
pub(super) struct Bindings<'a> {
    policies: &'a [Policy],
    before: [Vec<usize>; 2],
    after: [Vec<usize>; 2],
    by_namespace: BTreeMap<&'a Arc<str>, Vec<usize>>,
}

impl<'a> Bindings<'a> {
    /// Sorts the policies into tiers and namespaces. NetworkPolicies count only where `node` has pods.
    pub(super) fn new(policies: &'a [Policy], inventory: &Inventory, node: &str) -> Self {
        let local = inventory.pods.iter().filter(|(_, pod)| pod.node.as_deref() == Some(node));
        let local: BTreeSet<&Arc<str>> = local.map(|(name, _)| &name.namespace).collect();
        let concerns = |policy: &Policy| match (policy.tier, &policy.subject.pods.namespaces) {
            (Tier::NetworkPolicy, Namespaces::Named(namespace)) => local.contains(namespace),
            // A NetworkPolicy is about its own namespace only (sem-7).
            (Tier::NetworkPolicy, Namespaces::Matching(_)) => false,
            (Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline, _) => true,
        };
        let mut bindings =
            Self { policies, before: Default::default(), after: Default::default(), by_namespace: BTreeMap::new() };
        let mut ordered: Vec<(usize, &Policy)> =
            policies.iter().enumerate().filter(|(_, policy)| concerns(policy)).collect();
        ordered.sort_by_key(|(_, policy)| (policy.priority, &policy.name));
        let [enforced, cluster_admin] = &mut bindings.before;
        let [cluster_baseline, otherwise] = &mut bindings.after;
        for (index, policy) in ordered {
            match (policy.tier, &policy.subject.pods.namespaces) {
                (Tier::ConfigMapAdmin, _) => enforced.push(index),
                (Tier::ClusterAdmin, _) => cluster_admin.push(index),
                (Tier::ClusterBaseline, _) => cluster_baseline.push(index),
                (Tier::ConfigMapBaseline, _) => otherwise.push(index),
                (Tier::NetworkPolicy, Namespaces::Named(namespace)) => {
                    bindings.by_namespace.entry(namespace).or_default().push(index);
                }
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
        let of =
            |candidates: &Vec<usize>| self.those(candidates, |policy| binds(policy, direction, resolver, name, pod));
        let isolating = self.by_namespace.get(&name.namespace).map(of).unwrap_or_default();
        let before = self.before.each_ref().map(of);
        let (isolation, after) = if isolating.is_empty() {
            (Isolation::Open, self.after.each_ref().map(of))
        } else {
            (Isolation::Policies(isolating), Default::default())
        };
        Effective { direction, before, isolation, after, own_ports: None }
    }

    /// What binds a local address that no known pod owns: the baseline where it is about every pod, exemptions
    /// notwithstanding, because nobody can tell who is exempt (decisions.md 17, D7).
    pub(super) fn unknown(&self, direction: Direction, isolation: Isolation) -> Effective {
        let is_for_all = |policy: &Policy| says_something(policy, direction) && is_everything(&policy.subject);
        let of = |candidates: &Vec<usize>| self.those(candidates, is_for_all);
        let [enforced, _] = &self.before;
        let [_, otherwise] = &self.after;
        let otherwise = match isolation {
            Isolation::Open | Isolation::Counted => of(otherwise),
            Isolation::Policies(_) | Isolation::Quarantine => Vec::new(),
        };
        let before = [of(enforced), Vec::new()];
        Effective { direction, before, isolation, after: [Vec::new(), otherwise], own_ports: None }
    }

    fn those(&self, candidates: &[usize], is_meant: impl Fn(&Policy) -> bool) -> Vec<usize> {
        let policy = |index: &usize| self.policies.get(*index);
        candidates.iter().copied().filter(|index| policy(index).is_some_and(&is_meant)).collect()
    }
}

fn binds(policy: &Policy, direction: Direction, resolver: &Resolver<'_>, name: &NamespacedName, pod: &Pod) -> bool {
    says_something(policy, direction)
        && resolver.selects(&policy.subject.pods, name, pod)
        && !policy.subject.exempt.iter().any(|exempt| resolver.selects(exempt, name, pod))
}

fn says_something(policy: &Policy, direction: Direction) -> bool {
    let rules = policy.rules(direction);
    match policy.tier {
        // A policy without rules isolates (sem-9); a tier without rules says nothing (C4).
        Tier::NetworkPolicy => rules.is_some(),
        Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
            rules.is_some_and(|rules| !rules.is_empty())
        }
    }
}

fn is_everything(subject: &Subject) -> bool {
    let all_namespaces = match &subject.pods.namespaces {
        Namespaces::Matching(selector) => selector.is_everything(),
        Namespaces::Named(_) => false,
    };
    all_namespaces && subject.pods.pods.is_everything()
}

impl Effective {
    /// Whether everything passes.
    pub(super) fn is_empty(&self) -> bool {
        self.isolation == Isolation::Open && self.before.iter().chain(&self.after).all(Vec::is_empty)
    }
}
