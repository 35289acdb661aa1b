//! The pods of a node and the policies that bind each of them: what finding takes is kept while the facts change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::policy::{Direction, Policy, Tier};

use super::subject::{Bindings, Effective, Isolation, PolicySet};
use crate::inventory::{Inventory, Pod};

/// The node's own pods, bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct BoundPods {
    pods: BTreeSet<NamespacedName>,
    bindings: Bindings,
    /// Ingress and egress of each pod; those of which nothing is known are found by [`BoundPods::bind`].
    sets: BTreeMap<NamespacedName, [PolicySet; 2]>,
    /// The addresses whose packets are judged; all of the node's pods where none are given.
    ends: Option<BTreeSet<IpAddr>>,
}

impl BoundPods {
    /// Finds the pods of `node`, and the policies of each.
    pub(crate) fn new(policies: &[Policy], inventory: &Inventory, node: &str) -> Self {
        let local = inventory.pods.iter().filter(|(_, pod)| pod.node.as_deref() == Some(node));
        let pods: BTreeSet<NamespacedName> = local.map(|(name, _)| name.clone()).collect();
        let bindings = Bindings::new(policies, &pods.iter().map(|name| &name.namespace).collect());
        let mut new = Self { pods, bindings, sets: BTreeMap::new(), ends: None };
        new.bind(policies, inventory);
        new
    }

    /// Leaves out how packets of others than these are judged, for who asks about few. Everything else stays: whose addresses
    /// are local, and what a namespace asks for.
    pub(crate) fn judge_only(&mut self, ends: BTreeSet<IpAddr>) {
        self.ends = Some(ends);
    }

    /// Whether the packets of an address are judged.
    pub(super) fn is_judged(&self, address: IpAddr) -> bool {
        self.ends.as_ref().is_none_or(|ends| ends.contains(&address))
    }

    /// Finds what has become unknown.
    pub(crate) fn bind(&mut self, policies: &[Policy], inventory: &Inventory) {
        let Self { pods, bindings, sets, ends: _ } = self;
        let unbound: Vec<_> = pods.iter().filter(|name| !sets.contains_key(*name)).collect();
        if unbound.is_empty() {
            return;
        }
        let mut known: BTreeSet<PolicySet> = sets.values().flatten().cloned().collect();
        for name in unbound {
            let Some(pod) = inventory.pods.get(name) else { continue };
            let found = [Direction::Ingress, Direction::Egress].map(|direction| {
                let set = PolicySet::new(bindings.effective(direction, policies, inventory, (name, pod)));
                let shared = known.get(&set).cloned().unwrap_or(set);
                known.insert(shared.clone());
                shared
            });
            sets.insert(name.clone(), found);
        }
    }

    /// Takes note of a pod, before the facts are changed or after, that is or was the node's, or neither.
    pub(crate) fn change_pod(&mut self, name: &NamespacedName, is_local: bool, policies: &[Policy]) {
        self.sets.remove(name);
        let was_there = self.any_in(&name.namespace);
        if is_local {
            self.pods.insert(name.clone());
        } else {
            self.pods.remove(name);
        }
        match (was_there, self.any_in(&name.namespace)) {
            (false, true) => self.bindings.sort_namespace(policies, &name.namespace),
            (true, false) => self.bindings.forget_namespace(&name.namespace),
            (true, true) | (false, false) => {}
        }
    }

    /// Takes note of a namespace whose labels change.
    pub(crate) fn change_namespace(&mut self, namespace: &Arc<str>) {
        self.sets.retain(|name, _| name.namespace != *namespace);
    }

    /// Takes note of a policy that came, changed, went or has another place in the list now.
    pub(crate) fn change_policy(&mut self, tier: Tier, namespace: &Arc<str>, policies: &[Policy]) {
        match tier {
            Tier::NetworkPolicy => {
                if self.any_in(namespace) {
                    self.bindings.sort_namespace(policies, namespace);
                    self.change_namespace(namespace);
                }
            }
            Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
                self.bindings.sort_tiers(policies);
                self.sets.clear();
            }
        }
    }

    /// The node's pods.
    pub(crate) fn pods<'a>(&self, inventory: &'a Inventory) -> impl Iterator<Item = (&'a NamespacedName, &'a Pod)> {
        self.pods.iter().filter_map(|name| inventory.pods.get_key_value(name))
    }

    /// Whether a pod of the node is in this namespace.
    pub(crate) fn any_in(&self, namespace: &Arc<str>) -> bool {
        let first = NamespacedName::new(Arc::clone(namespace), "");
        self.pods.range(first..).next().is_some_and(|name| name.namespace == *namespace)
    }

    /// What binds a pod of the node.
    pub(super) fn set(&self, direction: Direction, name: &NamespacedName) -> Option<&PolicySet> {
        let [ingress, egress] = self.sets.get(name)?;
        Some(match direction {
            Direction::Ingress => ingress,
            Direction::Egress => egress,
        })
    }

    /// Everything that binds one of these pods, each list once.
    pub(super) fn sets<'a>(&'a self, pods: impl Iterator<Item = &'a NamespacedName>) -> BTreeSet<&'a PolicySet> {
        pods.filter_map(|name| self.sets.get(name)).flatten().collect()
    }

    /// What binds a local address that no known pod owns.
    pub(super) fn unknown(&self, direction: Direction, policies: &[Policy], isolation: Isolation) -> Effective {
        self.bindings.unknown(direction, policies, isolation)
    }
}
