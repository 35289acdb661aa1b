//! Compiling again after a change, at the cost of what the change touches.
//!
//! A pod of another node that comes, goes or changes its labels enters and leaves selectors: only the elements of the
//! sets concerned change, and [`Incremental::apply`] says which. After everything else the structure is compiled again,
//! which takes over what the change does not touch: the policies of each pod of the node, the chain of each list of
//! policies, and the sets that follow the facts.
//!
//! Invariant: after every change the ruleset equals what [`compile`](crate::compile::compile) makes of the same facts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::policy::{Policy, Tier};

use crate::compile::memo::{Former, Memo};
use crate::compile::pods::BoundPods;
use crate::compile::{
    ForwardMode, HostInput, Input, compile_with, marker::SourceRecord, options::Bridged, options::PodOptions,
};
use crate::inventory::{Inventory, Node, Pod, Service};
use crate::plan::{Op, OpKind, Round};
use crate::resolve::{self, Resolver, Shared};
use crate::ruleset::{Element, ElementKey, Elements, Family, Name, Ruleset, Set, TableKey};
use crate::view::{Content, View};

mod sizes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod turns;

/// What a compile sees besides policies and facts; the same for every change.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The host's own rules.
    pub host: Option<HostInput<'a>>,
    /// The node that the ruleset is for.
    pub node: &'a str,
    /// How pod policy and the host's FORWARD rules meet.
    pub forward_mode: ForwardMode,
    /// How pod policy is enforced.
    pub pods: &'a PodOptions,
    /// Which sources this was built from.
    pub sources: &'a [SourceRecord],
}

/// One change of the facts: the object as it is now, or nothing if it is gone.
#[derive(Clone, Debug)]
pub enum Change {
    /// A pod.
    Pod(NamespacedName, Option<Pod>),
    /// A namespace.
    Namespace(Arc<str>, Option<Labels>),
    /// A node.
    Node(Arc<str>, Option<Node>),
    /// A Service.
    Service(NamespacedName, Option<Service>),
    /// A policy.
    Policy(Tier, NamespacedName, Option<Policy>),
}

/// What a change did to the ruleset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Applied {
    /// These elements of these sets came and went; none if nothing changed.
    Elements(BTreeMap<Name, ElementDelta>),
    /// More than elements.
    Structure,
}

/// What changed in one set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ElementDelta {
    /// Went.
    pub removed: Vec<(ElementKey, Element)>,
    /// Came.
    pub added: Vec<(ElementKey, Element)>,
}

/// Facts, and what they were compiled to.
#[derive(Clone, Debug)]
pub struct Incremental {
    policies: Vec<Policy>,
    inventory: Inventory,
    shared: Shared,
    /// How many pods claim each address.
    claims: HashMap<IpAddr, u32>,
    bound: BoundPods,
    ruleset: Ruleset,
    memo: Memo,
    diagnostics: Vec<Diagnostic>,
}

impl Incremental {
    /// Compiles everything.
    pub fn new(policies: Vec<Policy>, inventory: Inventory, surroundings: Surroundings<'_>) -> Self {
        let mut new = Self {
            bound: BoundPods::new(&policies, &inventory, surroundings.node),
            policies,
            shared: resolve::shared(&inventory),
            claims: HashMap::new(),
            inventory,
            ruleset: Ruleset::default(),
            memo: Memo::default(),
            diagnostics: Vec::new(),
        };
        let addresses = || new.inventory.pods.values().flat_map(|pod| &pod.addresses);
        // Growing would hold what there is twice.
        new.claims.reserve(addresses().count());
        for address in addresses() {
            *new.claims.entry(*address).or_default() += 1;
        }
        new.compile(surroundings);
        new
    }

    /// What the facts are compiled to.
    pub fn ruleset(&self) -> &Ruleset {
        &self.ruleset
    }

    /// What the last compile of the structure had to say.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The facts.
    pub fn facts(&self) -> (&[Policy], &Inventory) {
        (&self.policies, &self.inventory)
    }

    /// The pods of the node, at the cost of their number and not of the cluster's.
    pub fn local_pods(&self) -> impl Iterator<Item = (&NamespacedName, &Pod)> {
        self.bound.pods(&self.inventory)
    }

    /// The facts, taken back.
    pub fn into_facts(self) -> (Vec<Policy>, Inventory) {
        (self.policies, self.inventory)
    }

    /// Changes the facts and the ruleset with them.
    pub fn apply(&mut self, change: Change, surroundings: Surroundings<'_>) -> Applied {
        let node = surroundings.node;
        let mut touched = self.touched(&change);
        let mut is_structural = self.is_structural(&change, surroundings);
        let before = sizes::weigh(&mut self.memo, &self.inventory, &self.shared, &touched);
        let others = Others::of(&change);
        is_structural |= self.change_facts(change, node);
        is_structural |= self.share(&mut touched);
        let after = sizes::weigh(&mut self.memo, &self.inventory, &self.shared, &touched);
        is_structural |= sizes::turn(&mut self.memo, &before, &after);
        let deltas = self.follow(&touched, &others);
        if is_structural {
            self.compile(surroundings);
            return Applied::Structure;
        }
        Applied::Elements(deltas)
    }

    /// The round that carries out changes of elements: one batch.
    pub fn round(&self, deltas: &BTreeMap<Name, ElementDelta>) -> Round {
        let table = TableKey::ours(Family::Inet);
        let mut flip = Vec::new();
        for (name, delta) in deltas {
            let Some(set) = self.set(name) else { continue };
            let spec = &set.spec;
            let op = |kind| Op { table: table.clone(), kind };
            let of = |elements: &[(ElementKey, Element)]| elements.to_vec();
            if !delta.removed.is_empty() {
                let elements = of(&delta.removed);
                flip.push(op(OpKind::DeleteElements { set: name.clone(), spec: spec.clone(), elements }));
            }
            if !delta.added.is_empty() {
                let elements = of(&delta.added);
                flip.push(op(OpKind::AddElements { set: name.clone(), spec: spec.clone(), elements }));
            }
        }
        Round { flip, ..Round::default() }
    }

    fn set(&self, name: &Name) -> Option<&Set> {
        self.ruleset.tables.get(&TableKey::ours(Family::Inet))?.sets.get(name)
    }

    /// The addresses whose selectors a change can touch.
    fn touched(&self, change: &Change) -> Touched {
        match change {
            Change::Pod(name, pod) => {
                let pods = self.inventory.pods.get(name).into_iter().chain(pod);
                pods.flat_map(|pod| pod.addresses.iter().map(|address| (*address, name.clone()))).collect()
            }
            Change::Namespace(name, _) => {
                let pods = resolve::pods_in(&self.inventory, name);
                pods.flat_map(|(name, pod)| pod.addresses.iter().map(|address| (*address, name.clone()))).collect()
            }
            Change::Node(..) | Change::Service(..) | Change::Policy(..) => Touched::new(),
        }
    }

    /// Whether more than elements can change: what concerns the node's own pods, the node itself, or policies.
    fn is_structural(&self, change: &Change, surroundings: Surroundings<'_>) -> bool {
        let node = surroundings.node;
        // Nothing follows the facts in the bridge's own table.
        if surroundings.pods.bridged == Bridged::ByTable {
            return true;
        }
        let is_local = |pod: &Pod| pod.node.as_deref() == Some(node);
        match change {
            Change::Pod(name, pod) => self.inventory.pods.get(name).into_iter().chain(pod).any(is_local),
            Change::Namespace(name, _) => self.bound.any_in(name),
            Change::Node(name, _) => **name == *node,
            Change::Service(..) => false,
            Change::Policy(tier, name, _) => *tier != Tier::NetworkPolicy || self.bound.any_in(&name.namespace),
        }
    }

    /// Changes the facts and what is known of the node's pods; returns whether a chain has to be made again because of
    /// the place of its policies alone.
    fn change_facts(&mut self, change: Change, node: &str) -> bool {
        let inventory = &mut self.inventory;
        match change {
            Change::Pod(name, pod) => {
                for address in pod.iter().flat_map(|pod| &pod.addresses) {
                    *self.claims.entry(*address).or_default() += 1;
                }
                let is_local = pod.as_ref().is_some_and(|pod| pod.node.as_deref() == Some(node));
                self.bound.change_pod(&name, is_local, &self.policies);
                let former = put(&mut inventory.pods, name, pod);
                for address in former.iter().flat_map(|pod| &pod.addresses) {
                    if let Some(n) = self.claims.get_mut(address) {
                        *n -= 1;
                        if *n == 0 {
                            self.claims.remove(address);
                        }
                    }
                }
            }
            Change::Namespace(name, labels) => {
                self.bound.change_namespace(&name);
                put(&mut inventory.namespaces, name, labels);
            }
            Change::Node(name, node) => drop(put(&mut inventory.nodes, name, node)),
            Change::Service(name, service) => drop(put(&mut inventory.services, name, service)),
            Change::Policy(tier, name, policy) => return self.change_policy(tier, &name, policy),
        }
        false
    }

    /// The last policy of the list fills the place of one that goes.
    fn change_policy(&mut self, tier: Tier, name: &NamespacedName, policy: Option<Policy>) -> bool {
        let is_meant = |policy: &Policy| policy.tier == tier && policy.name == *name;
        let mut is_made_again = false;
        match (self.policies.iter().position(is_meant), policy) {
            (Some(at), Some(policy)) => {
                self.policies.splice(at..=at, [policy]).for_each(drop);
                self.forget_chains(at);
            }
            (Some(at), None) => {
                self.policies.swap_remove(at);
                self.forget_chains(at);
                is_made_again = self.forget_chains(self.policies.len());
                if let Some(moved) = self.policies.get(at) {
                    self.bound.change_policy(moved.tier, &moved.name.namespace, &self.policies);
                }
            }
            (None, Some(policy)) => self.policies.push(policy),
            (None, None) => return false,
        }
        self.bound.change_policy(tier, &name.namespace, &self.policies);
        is_made_again
    }

    /// Forgets the chains of the policy at this place; returns whether there were any.
    fn forget_chains(&mut self, index: usize) -> bool {
        let chains = &mut self.memo.chains;
        let n_before = chains.len();
        chains.retain(|set, _| !set.holds(index));
        chains.len() < n_before
    }

    /// Notes who has these addresses; returns whether any is shared, or was.
    fn share(&mut self, touched: &mut Touched) -> bool {
        let mut is_shared = false;
        for (address, name) in touched {
            let n_claims = self.claims.get(address).copied().unwrap_or_default();
            let was_shared = self.shared.remove(address).is_some();
            is_shared |= was_shared;
            if n_claims == 0 || (n_claims == 1 && has(&self.inventory, name, *address)) {
                continue;
            }
            let claims = self.inventory.pods.iter().filter(|(_, pod)| pod.addresses.contains(address));
            let claims: Vec<_> = claims.collect();
            match claims.as_slice() {
                [(only, _)] => *name = (*only).clone(),
                claims => {
                    is_shared = true;
                    self.shared.insert(*address, resolve::live_owners(claims));
                }
            }
        }
        is_shared
    }

    /// Brings the sets up to date.
    fn follow(&mut self, touched: &Touched, others: &Others) -> BTreeMap<Name, ElementDelta> {
        let Self { inventory, shared, memo, ruleset, .. } = self;
        let Some(table) = ruleset.tables.get_mut(&TableKey::ours(Family::Inet)) else { return BTreeMap::new() };
        let owners: Vec<_> =
            touched.iter().map(|(address, name)| (*address, owners(inventory, shared, *address, name))).collect();
        let mut deltas = BTreeMap::new();
        for (name, view) in &memo.views {
            let Some(set) = table.sets.get_mut(name) else { continue };
            let mut delta = ElementDelta::default();
            let of_pods = owners.iter().filter(|(address, _)| view.follows_pods() && view.holds(*address));
            for (address, owners) in of_pods {
                let mut selects =
                    |selector: &_| owners.iter().all(|(name, pod)| resolve::selects(inventory, selector, name, pod));
                let wanted = view.of_address(*address, owners, &mut selects).into_iter().collect();
                let there = of_address(&set.elements, *address);
                delta.bring(&mut set.elements, &there, wanted);
            }
            if others.concern(view) {
                let wanted = view.beside_pods(inventory).keys().cloned().collect();
                let there = set.elements.keys().cloned().collect();
                delta.bring(&mut set.elements, &there, wanted);
            }
            if delta != ElementDelta::default() {
                deltas.insert(name.clone(), delta);
            }
        }
        deltas
    }

    /// Compiles the structure, with what still holds taken over.
    fn compile(&mut self, surroundings: Surroundings<'_>) {
        let Surroundings { host, node, forward_mode, pods, sources } = surroundings;
        let table = std::mem::take(&mut self.ruleset).tables.remove(&TableKey::ours(Family::Inet));
        let former = Former { table: table.unwrap_or_default(), memo: std::mem::take(&mut self.memo) };
        self.bound.bind(&self.policies, &self.inventory);
        let input =
            Input { policies: &self.policies, host, inventory: &self.inventory, node, forward_mode, pods, sources };
        let resolver = Resolver::with(&self.inventory, Cow::Borrowed(&self.shared));
        let (ruleset, diagnostics, mut memo) = compile_with(&input, &resolver, &self.bound, former);
        memo.chains.values_mut().for_each(|made| made.count(&resolver));
        self.ruleset = ruleset;
        self.diagnostics = diagnostics;
        self.memo = memo;
    }
}

/// The views that a change of something else than pods concerns.
enum Others {
    None,
    Nodes,
    Service(NamespacedName),
}

impl Others {
    fn of(change: &Change) -> Self {
        match change {
            Change::Pod(..) | Change::Namespace(..) | Change::Policy(..) => Self::None,
            Change::Node(..) => Self::Nodes,
            Change::Service(name, _) => Self::Service(name.clone()),
        }
    }

    fn concern(&self, view: &View) -> bool {
        match (self, &view.content) {
            (Self::Nodes, Content::Nodes(_)) => true,
            (Self::Service(changed), Content::Service(name, _)) => changed == name,
            (Self::None | Self::Nodes | Self::Service(_), _) => false,
        }
    }
}

impl ElementDelta {
    /// Replaces the elements that are there by those that are wanted, and notes what that took.
    fn bring(&mut self, elements: &mut Elements, there: &BTreeSet<ElementKey>, wanted: BTreeSet<ElementKey>) {
        for key in there.difference(&wanted) {
            self.removed.extend(elements.remove_entry(key));
        }
        for key in wanted {
            if !there.contains(&key) {
                elements.insert(key.clone(), Element::PLAIN);
                self.added.push((key, Element::PLAIN));
            }
        }
    }
}

/// Addresses, each with a pod that has it, had it or is to have it.
type Touched = BTreeMap<IpAddr, NamespacedName>;

fn has(inventory: &Inventory, name: &NamespacedName, address: IpAddr) -> bool {
    inventory.pods.get(name).is_some_and(|pod| pod.addresses.contains(&address))
}

/// The live pods that own an address: several if it is shared, otherwise this one if it has it.
fn owners<'a>(
    inventory: &'a Inventory,
    shared: &Shared,
    address: IpAddr,
    name: &NamespacedName,
) -> Vec<(&'a NamespacedName, &'a Pod)> {
    match shared.get(&address) {
        Some(owners) => owners.iter().filter_map(|name| inventory.pods.get_key_value(name)).collect(),
        None => {
            inventory.pods.get_key_value(name).filter(|(_, pod)| pod.addresses.contains(&address)).into_iter().collect()
        }
    }
}

/// The keys of a set that begin with an address.
fn of_address(elements: &Elements, address: IpAddr) -> BTreeSet<ElementKey> {
    use crate::ruleset::{Datum, Interval};
    let first = Interval::single(Datum::address(address));
    let from = ElementKey::intervals([first]);
    let keys = elements.range(from..).map(|(key, _)| key);
    let begins = |key: &&ElementKey| match key {
        ElementKey::Parts(parts) => parts.first() == Some(&first),
        ElementKey::CatchAll => false,
    };
    keys.take_while(begins).cloned().collect()
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}
