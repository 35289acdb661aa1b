//! From selectors to addresses: who owns which address, and which addresses a selector stands for.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use policy_lang::name::{Labels, NamespacedName};
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::port::Protocol;

use self::postings::Postings;
use self::union::Union;
use crate::inventory::{Inventory, Pod};
use crate::ruleset::{DataType, Datum};

mod postings;
mod union;

/// The addresses that more than one pod claims, each with the pods that it belongs to, by name (decisions.md 18).
pub type Shared = BTreeMap<IpAddr, Vec<NamespacedName>>;

/// The inventory with what looking up takes.
#[derive(Debug)]
pub struct Resolver<'a> {
    inventory: &'a Inventory,
    shared: Cow<'a, Shared>,
    pods: Postings<'a, (&'a NamespacedName, &'a Pod)>,
    namespaces: Postings<'a, &'a Arc<str>>,
    /// The families of which pods have addresses.
    families: OnceCell<BTreeSet<DataType>>,
}

impl<'a> Resolver<'a> {
    /// Indexes an inventory.
    pub fn new(inventory: &'a Inventory) -> Self {
        Self::with(inventory, Cow::Owned(shared(inventory)))
    }

    /// The same, for whoever knows which addresses are shared.
    pub(crate) fn with(inventory: &'a Inventory, shared: Cow<'a, Shared>) -> Self {
        let (pods, namespaces) = (Postings::default(), Postings::default());
        Self { inventory, shared, pods, namespaces, families: OnceCell::new() }
    }

    /// The facts behind it.
    pub fn inventory(&self) -> &'a Inventory {
        self.inventory
    }

    /// Whether any pod has an address of this type.
    pub(crate) fn has_addresses(&self, address_type: DataType) -> bool {
        let all = || self.inventory.pods.values().flat_map(|pod| &pod.addresses);
        let families =
            self.families.get_or_init(|| all().map(|address| Datum::address(*address).data_type()).collect());
        families.contains(&address_type)
    }

    /// Whether an address of this pod is its own: it has not yielded it to another.
    pub fn owns(&self, name: &NamespacedName, address: IpAddr) -> bool {
        self.shared.get(&address).is_none_or(|owners| owners.contains(name))
    }

    /// The live pods in conflict about an address; none if at most one pod owns it.
    pub fn rivals(&self, address: IpAddr) -> &[NamespacedName] {
        self.shared.get(&address).map(Vec::as_slice).filter(|owners| owners.len() > 1).unwrap_or_default()
    }

    /// Every address that belongs to more than one live pod.
    pub fn conflicts(&self) -> impl Iterator<Item = (IpAddr, &[NamespacedName])> {
        self.shared.iter().filter(|(_, owners)| owners.len() > 1).map(|(address, owners)| (*address, owners.as_slice()))
    }

    /// Whether a selector selects a pod.
    pub fn selects(&self, selector: &PodSelector, name: &NamespacedName, pod: &Pod) -> bool {
        selects(self.inventory, selector, name, pod)
    }

    /// The addresses that stand for a selector: those whose every live owner it selects.
    pub fn addresses(&self, selector: &PodSelector) -> Vec<IpAddr> {
        self.selected(selector).into_iter().map(|(address, _)| address).collect()
    }

    /// The addresses that stand for one of several selectors, each once. A pod that one of them has brought in is not
    /// looked at again, so that selectors which each select nearly everything cost little more than one.
    pub(crate) fn addresses_of_any(&self, selectors: &[PodSelector]) -> Vec<IpAddr> {
        if let [only] = selectors {
            return self.addresses(only);
        }
        let mut union = Union::new(self);
        for selector in selectors {
            union.add(selector);
        }
        union.into_addresses()
    }

    /// The same as [`Resolver::addresses`], each with a pod that owns it.
    pub(crate) fn selected(&self, selector: &PodSelector) -> Vec<(IpAddr, &'a Pod)> {
        let mut addresses = Vec::new();
        self.for_each_selected(selector, |name, pod| {
            let own = pod.addresses.iter().copied().filter(|address| self.owns(name, *address));
            let selected = own.filter(|address| self.selected_by_all(selector, *address));
            addresses.extend(selected.map(|address| (address, pod)));
        });
        addresses.sort_unstable_by_key(|(address, _)| *address);
        addresses.dedup_by_key(|(address, _)| *address);
        addresses
    }

    /// The pods that own an address which this pod owns.
    pub(crate) fn owners_beside(&self, address: IpAddr, owner: &'a Pod) -> Vec<&'a Pod> {
        match self.rivals(address) {
            [] => vec![owner],
            rivals => rivals.iter().filter_map(|name| self.inventory.pods.get(name)).collect(),
        }
    }

    /// The (address, port) pairs that stand for a named port, on every pod that declares it and is `meant` (sem-54 to
    /// sem-61).
    pub fn named_port(&self, name: &str, protocol: Protocol, meant: impl Fn(&Pod) -> bool) -> Vec<(IpAddr, u16)> {
        let mut pairs = Vec::new();
        for (owner, pod) in self.inventory.pods.iter().filter(|(_, pod)| !pod.ports.is_empty() && meant(pod)) {
            for number in numbers(pod, name, protocol) {
                let own = pod.addresses.iter().copied().filter(|address| self.owns(owner, *address));
                let declared_by_all =
                    |address: &IpAddr| self.every_rival(*address, |_, pod| declares(pod, name, protocol, number));
                pairs.extend(own.filter(declared_by_all).map(|address| (address, number)));
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn for_each_selected(&self, selector: &PodSelector, mut found: impl FnMut(&'a NamespacedName, &'a Pod)) {
        let labels = |(_, pod): &(&'a NamespacedName, &'a Pod)| &pod.labels;
        let all = || self.inventory.pods.iter();
        match &selector.namespaces {
            Namespaces::Named(namespace) => {
                let in_namespace = |(name, _): &(&NamespacedName, &Pod)| (*name.namespace).cmp(namespace);
                self.pods.for_each_in(
                    &selector.pods,
                    all,
                    labels,
                    in_namespace,
                    || pods_in(self.inventory, namespace),
                    |(name, pod)| found(name, pod),
                );
            }
            Namespaces::Matching(namespaces) if namespaces.is_everything() => {
                let known = |name: &NamespacedName| self.inventory.namespaces.contains_key(&name.namespace);
                self.pods.for_each(&selector.pods, all, labels, |(name, pod)| {
                    if known(name) {
                        found(name, pod);
                    }
                });
            }
            Namespaces::Matching(namespaces) => {
                let (all, labels) = (|| self.inventory.namespaces.keys(), |name: &&'a Arc<str>| self.namespace(name));
                self.namespaces.for_each(namespaces, all, labels, |namespace| {
                    let pods = pods_in(self.inventory, namespace);
                    pods.filter(|(_, pod)| selector.pods.matches(&pod.labels)).for_each(|(name, pod)| found(name, pod));
                });
            }
        }
    }

    /// The labels of a namespace that has an object.
    fn namespace(&self, name: &Arc<str>) -> &'a Labels {
        self.inventory.namespaces.get(name).expect("the key of a map is in the map")
    }

    /// Whether a selector selects every pod that is in conflict about an address.
    fn selected_by_all(&self, selector: &PodSelector, address: IpAddr) -> bool {
        self.every_rival(address, |name, pod| self.selects(selector, name, pod))
    }

    fn every_rival(&self, address: IpAddr, holds: impl Fn(&NamespacedName, &Pod) -> bool) -> bool {
        self.rivals(address).iter().all(|name| self.inventory.pods.get(name).is_some_and(|pod| holds(name, pod)))
    }
}

/// Whether a selector selects a pod.
pub(crate) fn selects(inventory: &Inventory, selector: &PodSelector, name: &NamespacedName, pod: &Pod) -> bool {
    selects_namespace(inventory, &selector.namespaces, &name.namespace) && selector.pods.matches(&pod.labels)
}

fn selects_namespace(inventory: &Inventory, namespaces: &Namespaces, namespace: &Arc<str>) -> bool {
    match namespaces {
        Namespaces::Named(name) => name == namespace,
        // A namespace without an object matches nothing, whatever the selector says (sem-30).
        Namespaces::Matching(selector) => {
            inventory.namespaces.get(namespace).is_some_and(|labels| selector.matches(labels))
        }
    }
}

/// The pods of a namespace.
pub(crate) fn pods_in<'a>(
    inventory: &'a Inventory,
    namespace: &Arc<str>,
) -> impl Iterator<Item = (&'a NamespacedName, &'a Pod)> + use<'a> {
    let first = NamespacedName::new(Arc::clone(namespace), "");
    let namespace = Arc::clone(namespace);
    let from = inventory.pods.range((Bound::Included(first), Bound::Unbounded));
    from.take_while(move |(name, _)| name.namespace == namespace)
}

/// Whether a pod declares a named port with this number.
pub(crate) fn declares(pod: &Pod, name: &str, protocol: Protocol, number: u16) -> bool {
    numbers(pod, name, protocol).any(|declared| declared == number)
}

/// The numbers that a pod declares for a named port.
pub(crate) fn numbers<'a>(pod: &'a Pod, name: &str, protocol: Protocol) -> impl Iterator<Item = u16> {
    let meant = move |port: &&'a crate::inventory::NamedPort| port.protocol == protocol && *port.name == *name;
    pod.ports.iter().filter(meant).map(|port| port.port)
}

/// The addresses that more than one pod claims.
pub(crate) fn shared(inventory: &Inventory) -> Shared {
    let mut claims: Vec<IpAddr> = inventory.pods.values().flat_map(|pod| &pod.addresses).copied().collect();
    claims.sort_unstable();
    let mut twice: Vec<IpAddr> =
        claims.windows(2).filter(|pair| pair.first() == pair.last()).flatten().copied().collect();
    drop(claims);
    twice.dedup();
    if twice.is_empty() {
        return Shared::new();
    }
    let mut claimants: BTreeMap<IpAddr, Vec<(&NamespacedName, &Pod)>> = BTreeMap::new();
    for (name, pod) in &inventory.pods {
        for address in pod.addresses.iter().filter(|address| twice.binary_search(address).is_ok()) {
            claimants.entry(*address).or_default().push((name, pod));
        }
    }
    claimants.into_iter().map(|(address, claims)| (address, live_owners(&claims))).collect()
}

/// A terminating pod yields an address to one that is not (decisions.md 18).
pub(crate) fn live_owners(claims: &[(&NamespacedName, &Pod)]) -> Vec<NamespacedName> {
    let any_live = claims.iter().any(|(_, pod)| !pod.terminating);
    claims.iter().filter(|(_, pod)| !(any_live && pod.terminating)).map(|(name, _)| (*name).clone()).collect()
}

#[cfg(test)]
mod tests;
