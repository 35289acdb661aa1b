//! From selectors to addresses: who owns which address, and which addresses a selector stands for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::port::Protocol;

use crate::inventory::{Inventory, Pod};

/// The inventory with what looking up takes: pods by namespace and owners by address.
#[derive(Debug)]
pub struct Resolver<'a> {
    inventory: &'a Inventory,
    /// The pods of each namespace, with their names.
    by_namespace: BTreeMap<&'a Arc<str>, Vec<(&'a NamespacedName, &'a Pod)>>,
    /// Every pod address and the pods that it belongs to, by name. More than one is a conflict (decisions.md 18).
    owners: BTreeMap<IpAddr, Vec<&'a NamespacedName>>,
}

impl<'a> Resolver<'a> {
    /// Indexes an inventory.
    pub fn new(inventory: &'a Inventory) -> Self {
        let mut by_namespace: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut claims: BTreeMap<IpAddr, Vec<(&NamespacedName, &Pod)>> = BTreeMap::new();
        for (name, pod) in &inventory.pods {
            by_namespace.entry(&name.namespace).or_default().push((name, pod));
            for address in &pod.addresses {
                claims.entry(*address).or_default().push((name, pod));
            }
        }
        let owners = claims.into_iter().map(|(address, claims)| (address, live_owners(claims))).collect();
        Self { inventory, by_namespace, owners }
    }

    /// The facts behind it.
    pub fn inventory(&self) -> &'a Inventory {
        self.inventory
    }

    /// The pods that an address belongs to: none, one, or several live pods in conflict.
    pub fn owners(&self, address: IpAddr) -> &[&'a NamespacedName] {
        self.owners.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Every address that belongs to more than one live pod.
    pub fn conflicts(&self) -> impl Iterator<Item = (IpAddr, &[&'a NamespacedName])> {
        self.owners.iter().filter(|(_, owners)| owners.len() > 1).map(|(address, owners)| (*address, owners.as_slice()))
    }

    /// Whether a selector selects a pod.
    pub fn selects(&self, selector: &PodSelector, name: &NamespacedName, pod: &Pod) -> bool {
        self.selects_namespace(&selector.namespaces, &name.namespace) && selector.pods.matches(&pod.labels)
    }

    /// The addresses that stand for a selector: those whose every live owner it selects.
    pub fn addresses(&self, selector: &PodSelector) -> Vec<IpAddr> {
        let mut addresses: Vec<_> = self
            .pods_in(&selector.namespaces)
            .filter(|(_, pod)| selector.pods.matches(&pod.labels))
            .flat_map(|(name, pod)| self.owned(name, pod))
            .filter(|address| self.every_owner(*address, |name, pod| self.selects(selector, name, pod)))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// The (address, port) pairs that stand for a named port, on every pod that declares it (sem-54 to sem-61).
    pub fn named_port(&self, name: &str, protocol: Protocol) -> Vec<(IpAddr, u16)> {
        let declares = |pod: &Pod, number: u16| {
            pod.ports.iter().any(|port| port.port == number && port.protocol == protocol && *port.name == *name)
        };
        let mut pairs: Vec<_> = self
            .inventory
            .pods
            .iter()
            .flat_map(|(owner, pod)| {
                let numbers = pod.ports.iter().filter(|port| port.protocol == protocol && *port.name == *name);
                numbers.flat_map(move |port| self.owned(owner, pod).map(move |address| (address, port.port)))
            })
            .filter(|(address, number)| self.every_owner(*address, |_, pod| declares(pod, *number)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    fn selects_namespace(&self, namespaces: &Namespaces, namespace: &Arc<str>) -> bool {
        match namespaces {
            Namespaces::Named(name) => name == namespace,
            // A namespace without an object matches nothing, whatever the selector says (sem-30).
            Namespaces::Matching(selector) => {
                self.inventory.namespaces.get(namespace).is_some_and(|labels| selector.matches(labels))
            }
        }
    }

    fn pods_in(&self, namespaces: &Namespaces) -> impl Iterator<Item = (&'a NamespacedName, &'a Pod)> {
        let selected: Vec<_> = match namespaces {
            Namespaces::Named(name) => self.by_namespace.get(name).into_iter().collect(),
            Namespaces::Matching(_) => self
                .by_namespace
                .iter()
                .filter(|(namespace, _)| self.selects_namespace(namespaces, namespace))
                .map(|(_, pods)| pods)
                .collect(),
        };
        selected.into_iter().flatten().copied().collect::<Vec<_>>().into_iter()
    }

    /// The addresses of a pod that it has not yielded to another.
    fn owned(&self, name: &'a NamespacedName, pod: &'a Pod) -> impl Iterator<Item = IpAddr> {
        pod.addresses.iter().copied().filter(move |address| self.owners(*address).contains(&name))
    }

    fn every_owner(&self, address: IpAddr, holds: impl Fn(&NamespacedName, &Pod) -> bool) -> bool {
        match self.owners(address) {
            [_] => true,
            owners => owners.iter().all(|name| self.inventory.pods.get(*name).is_some_and(|pod| holds(name, pod))),
        }
    }
}

/// A terminating pod yields an address to one that is not (decisions.md 18).
fn live_owners<'a>(claims: Vec<(&'a NamespacedName, &'a Pod)>) -> Vec<&'a NamespacedName> {
    let any_live = claims.iter().any(|(_, pod)| !pod.terminating);
    claims.into_iter().filter(|(_, pod)| !(any_live && pod.terminating)).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use policy_lang::selector::{Operator, Requirement, Selector};

    use super::*;

    fn inventory(pods: &[(&str, &str, &str, bool)]) -> Inventory {
        let mut inventory = Inventory::default();
        for (namespace, name, address, terminating) in pods {
            inventory.namespaces.entry((*namespace).into()).or_default();
            let pod = Pod {
                labels: [("pod".into(), (*name).into())].into(),
                addresses: vec![address.parse().unwrap()],
                terminating: *terminating,
                ..Pod::default()
            };
            inventory.pods.insert(NamespacedName::new(*namespace, *name), pod);
        }
        inventory
    }

    fn named(pod: &str) -> PodSelector {
        let operator = Operator::In([Arc::from(pod)].into());
        PodSelector {
            namespaces: Namespaces::Matching(Selector::everything()),
            pods: Selector::new([Requirement { key: "pod".into(), operator }]),
        }
    }

    fn check(inventory: &Inventory, pod: &str) -> Vec<String> {
        Resolver::new(inventory).addresses(&named(pod)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sem_76_an_address_of_two_live_pods_stands_for_a_selector_only_if_it_selects_both() {
        let inventory = inventory(&[("x", "a", "10.0.0.1", false), ("y", "b", "10.0.0.1", false)]);
        assert_eq!(check(&inventory, "a"), Vec::<String>::new());
        let everything = PodSelector { pods: Selector::everything(), ..named("a") };
        assert_eq!(Resolver::new(&inventory).addresses(&everything).len(), 1);
    }

    #[test]
    fn sem_74_a_terminating_pod_yields_its_address() {
        let inventory = inventory(&[("x", "a", "10.0.0.1", true), ("y", "b", "10.0.0.1", false)]);
        assert_eq!(check(&inventory, "a"), Vec::<String>::new());
        assert_eq!(check(&inventory, "b"), ["10.0.0.1"]);
    }

    #[test]
    fn sem_30_a_namespace_without_an_object_matches_nothing() {
        let mut inventory = inventory(&[("x", "a", "10.0.0.1", false)]);
        inventory.namespaces.clear();
        assert_eq!(check(&inventory, "a"), Vec::<String>::new());
    }
}
