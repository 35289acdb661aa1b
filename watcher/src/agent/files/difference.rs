//! What is different from what was told before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::incremental::Change;
use engine::inventory::Inventory;
use policy_lang::name::NamespacedName;
use policy_lang::policy::{Policy, Tier};

use crate::agent::event::Finding;
use crate::source::LoadedBaseline;

/// What the loop was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether it was told anything.
    pub(super) anything: bool,
    policies: BTreeMap<(Tier, NamespacedName), Policy>,
    inventory: Inventory,
    baseline: Option<(Vec<Policy>, LoadedBaseline)>,
    findings: BTreeMap<Arc<str>, Vec<Finding>>,
}

impl Told {
    /// What came, changed or went.
    pub(super) fn changes(&mut self, policies: Vec<Policy>, inventory: Inventory) -> Vec<Change> {
        self.anything = true;
        let policies = by_name(policies);
        let mut changes = Vec::new();
        let of = |name: &Arc<str>| Arc::clone(name);
        let before = &self.inventory;
        differ(&before.namespaces, &inventory.namespaces, |name, it| changes.push(Change::Namespace(of(name), it)));
        differ(&before.nodes, &inventory.nodes, |name, it| changes.push(Change::Node(of(name), it)));
        differ(&before.services, &inventory.services, |name, it| changes.push(Change::Service(name.clone(), it)));
        // What a policy closes is closed before the pods come that it is about, and opened after they went.
        differ(&self.policies, &policies, |(tier, name), it| changes.push(Change::Policy(*tier, name.clone(), it)));
        differ(&before.pods, &inventory.pods, |name, it| changes.push(Change::Pod(name.clone(), it)));
        (self.policies, self.inventory) = (policies, inventory);
        changes
    }

    /// What there is to say about files now that was not said before.
    pub(super) fn findings(&mut self, findings: BTreeMap<Arc<str>, Vec<Finding>>) -> Vec<(Arc<str>, Vec<Finding>)> {
        let mut said = Vec::new();
        differ(&self.findings, &findings, |about, found| said.push((Arc::clone(about), found.unwrap_or_default())));
        self.findings = findings;
        said
    }

    pub(super) fn is_new_baseline(&mut self, policies: &[Policy], baseline: &LoadedBaseline) -> bool {
        let is_same = self.baseline.as_ref().is_some_and(|(known, what)| known == policies && what == baseline);
        if !is_same {
            self.baseline = Some((policies.to_vec(), baseline.clone()));
        }
        !is_same
    }
}

/// By tier and name. What isolates a pod that cannot be read is called like the pod, as a policy may be too.
fn by_name(policies: Vec<Policy>) -> BTreeMap<(Tier, NamespacedName), Policy> {
    let mut named = BTreeMap::new();
    for mut policy in policies {
        while named.contains_key(&(policy.tier, policy.name.clone())) {
            policy.name.name = format!("{}'", policy.name.name).into();
        }
        named.insert((policy.tier, policy.name.clone()), policy);
    }
    named
}

/// Tells of each key whose value is not what it was: what it is now, or nothing.
fn differ<K: Ord + Clone, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    mut tell: impl FnMut(&K, Option<V>),
) {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let now = after.get(key);
        if before.get(key) != now {
            tell(key, now.cloned());
        }
    }
}
