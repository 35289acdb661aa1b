//! Which policies bind a pod, in the order in which they decide.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use policy_lang::name::NamespacedName;
use policy_lang::peer::Namespaces;
use policy_lang::policy::{Direction, Policy, Subject, Tier};

use crate::inventory::{Inventory, NamedPort, Pod};
use crate::resolve;

/// The policies that bind one pod in one direction, as indices into the list of all policies.
///
/// Pods with equal lists share one chain: a chain depends on nothing else of the pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Effective {
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
pub(crate) enum Isolation {
    /// No.
    Open,
    /// These NetworkPolicies isolate the pod.
    Policies(Vec<usize>),
    /// Nobody knows whose address it is, and a pod that would be isolated has none yet (decisions.md 17).
    Quarantine,
    /// The same, where it is only counted.
    Counted,
}

/// The policies that bind pods: pods with equal lists hold the same one.
#[derive(Clone, Debug)]
pub(crate) struct PolicySet(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    effective: Effective,
    permissions: OnceLock<u64>,
}

/// All policies by their places in the list, so that finding a pod's does not look at those of other namespaces.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    before: [Vec<usize>; 2],
    after: [Vec<usize>; 2],
    by_namespace: BTreeMap<Arc<str>, Vec<usize>>,
}

impl Bindings {
    /// Sorts the policies into tiers and namespaces. NetworkPolicies count only in `namespaces`.
    pub(super) fn new(policies: &[Policy], namespaces: &BTreeSet<&Arc<str>>) -> Self {
        let mut bindings = Self::default();
        let concerns = |policy: &Policy| match policy.tier {
            Tier::NetworkPolicy => own_namespace(policy).is_some_and(|own| namespaces.contains(own)),
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => true,
        };
        for (index, policy) in in_order(policies, concerns) {
            let [enforced, cluster_admin] = &mut bindings.before;
            let [cluster_baseline, otherwise] = &mut bindings.after;
            match policy.tier {
                Tier::ConfigMapAdmin => enforced.push(index),
                Tier::ClusterAdmin => cluster_admin.push(index),
                Tier::ClusterBaseline => cluster_baseline.push(index),
                Tier::ConfigMapBaseline => otherwise.push(index),
                Tier::NetworkPolicy => {
                    if let Some(own) = own_namespace(policy) {
                        bindings.by_namespace.entry(Arc::clone(own)).or_default().push(index);
                    }
                }
            }
        }
        bindings
    }

    /// Sorts the policies of the tiers with an order again.
    pub(super) fn sort_tiers(&mut self, policies: &[Policy]) {
        let Self { before, after, .. } = Self::new(policies, &BTreeSet::new());
        (self.before, self.after) = (before, after);
    }

    /// Sorts the NetworkPolicies of one namespace again.
    pub(super) fn sort_namespace(&mut self, policies: &[Policy], namespace: &Arc<str>) {
        let sorted = in_order(policies, |policy| own_namespace(policy) == Some(namespace));
        self.by_namespace.insert(Arc::clone(namespace), sorted.into_iter().map(|(index, _)| index).collect());
    }

    /// Leaves the NetworkPolicies of a namespace out.
    pub(super) fn forget_namespace(&mut self, namespace: &Arc<str>) {
        self.by_namespace.remove(namespace);
    }

    /// Finds the policies that bind a pod.
    pub(super) fn effective(
        &self,
        direction: Direction,
        policies: &[Policy],
        inventory: &Inventory,
        (name, pod): (&NamespacedName, &Pod),
    ) -> Effective {
        let of = |candidates: &Vec<usize>| {
            those(policies, candidates, |policy| binds(policy, direction, inventory, (name, pod)))
        };
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
    pub(super) fn unknown(&self, direction: Direction, policies: &[Policy], isolation: Isolation) -> Effective {
        let is_for_all = |policy: &Policy| says_something(policy, direction) && is_everything(&policy.subject);
        let of = |candidates: &Vec<usize>| those(policies, candidates, is_for_all);
        let [enforced, _] = &self.before;
        let [_, otherwise] = &self.after;
        let otherwise = match isolation {
            Isolation::Open | Isolation::Counted => of(otherwise),
            Isolation::Policies(_) | Isolation::Quarantine => Vec::new(),
        };
        let before = [of(enforced), Vec::new()];
        Effective { direction, before, isolation, after: [Vec::new(), otherwise], own_ports: None }
    }
}

/// The policies that are meant, in the order in which they decide.
fn in_order(policies: &[Policy], is_meant: impl Fn(&Policy) -> bool) -> Vec<(usize, &Policy)> {
    let mut meant: Vec<_> = policies.iter().enumerate().filter(|(_, policy)| is_meant(policy)).collect();
    meant.sort_by_key(|(_, policy)| (policy.priority, &policy.name));
    meant
}

fn those(policies: &[Policy], candidates: &[usize], is_meant: impl Fn(&Policy) -> bool) -> Vec<usize> {
    candidates.iter().copied().filter(|index| policies.get(*index).is_some_and(&is_meant)).collect()
}

/// The namespace that a NetworkPolicy is about: its own only (sem-7).
fn own_namespace(policy: &Policy) -> Option<&Arc<str>> {
    match (policy.tier, &policy.subject.pods.namespaces) {
        (Tier::NetworkPolicy, Namespaces::Named(own)) => Some(own),
        (Tier::NetworkPolicy, Namespaces::Matching(_))
        | (Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline, _) => None,
    }
}

fn binds(policy: &Policy, direction: Direction, inventory: &Inventory, (name, pod): (&NamespacedName, &Pod)) -> bool {
    let selects = |selector: &_| resolve::selects(inventory, selector, name, pod);
    says_something(policy, direction) && selects(&policy.subject.pods) && !policy.subject.exempt.iter().any(selects)
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

    /// Whether the policy at this place in the list is one of them.
    pub(crate) fn holds(&self, index: usize) -> bool {
        let isolating = match &self.isolation {
            Isolation::Policies(isolating) => isolating.as_slice(),
            Isolation::Open | Isolation::Quarantine | Isolation::Counted => &[],
        };
        self.before.iter().chain(&self.after).flatten().chain(isolating).any(|held| *held == index)
    }
}

impl PolicySet {
    /// A list that is not known to be another's too.
    pub(super) fn new(effective: Effective) -> Self {
        Self(Arc::new(Counted { effective, permissions: OnceLock::new() }))
    }

    /// How many permissions they ask for, counted once.
    pub(super) fn permissions(&self, count: impl FnOnce() -> u64) -> u64 {
        *self.0.permissions.get_or_init(count)
    }
}

impl Deref for PolicySet {
    type Target = Effective;

    fn deref(&self) -> &Effective {
        &self.0.effective
    }
}

/// Lists can be long, and equal ones mostly are the same one.
impl Ord for PolicySet {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { (**self).cmp(&**other) }
    }
}

impl PartialOrd for PolicySet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PolicySet {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PolicySet {}
