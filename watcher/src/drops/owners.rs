//! Whose an address is.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use engine::inventory::Inventory;
use policy_lang::name::NamespacedName;

/// Names for addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owners(BTreeMap<IpAddr, Vec<Owner>>);

/// Somebody who has an address.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Owner {
    /// A pod with a network of its own.
    Pod(NamespacedName),
    /// A node, its host-network pods included.
    Node(Arc<str>),
    /// A Service: only packets that were not translated still bear its address.
    Service(NamespacedName),
}

impl Owners {
    /// Everybody whom an inventory knows.
    pub fn of(inventory: &Inventory) -> Self {
        Self::of_wanted(inventory, |_| true)
    }

    /// The same for these addresses only: a cluster is large, and a packet has two.
    pub fn of_addresses(inventory: &Inventory, addresses: &[IpAddr]) -> Self {
        Self::of_wanted(inventory, |address| addresses.contains(address))
    }

    fn of_wanted(inventory: &Inventory, is_wanted: impl Fn(&IpAddr) -> bool) -> Self {
        let mut owners: BTreeMap<IpAddr, Vec<(bool, Owner)>> = BTreeMap::new();
        for (name, pod) in &inventory.pods {
            for address in pod.addresses.iter().filter(|address| is_wanted(address)) {
                owners.entry(*address).or_default().push((pod.terminating, Owner::Pod(name.clone())));
            }
        }
        for (name, node) in &inventory.nodes {
            for address in node.addresses.iter().filter(|address| is_wanted(address)) {
                owners.entry(*address).or_default().push((false, Owner::Node(Arc::clone(name))));
            }
        }
        for (name, service) in &inventory.services {
            for address in service.addresses.iter().filter(|address| is_wanted(address)) {
                owners.entry(*address).or_default().push((false, Owner::Service(name.clone())));
            }
        }
        // A terminating pod yields its address to whoever else has it (sem-74).
        let staying = |owners: Vec<(bool, Owner)>| {
            let leaves = owners.iter().all(|(terminating, _)| *terminating);
            owners.into_iter().filter(|(terminating, _)| leaves || !terminating).map(|(_, owner)| owner).collect()
        };
        Self(owners.into_iter().map(|(address, owners)| (address, staying(owners))).collect())
    }

    /// Who has an address; more than one where two pods claim it.
    pub fn of_address(&self, address: IpAddr) -> &[Owner] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }
}

impl Owner {
    /// `pod`, `node` or `service`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pod(_) => "pod",
            Self::Node(_) => "node",
            Self::Service(_) => "service",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(name) | Self::Service(name) => name.fmt(f),
            Self::Node(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::inventory::{Node, Pod, Service};

    use super::*;

    #[test]
    fn an_address_belongs_to_pods_nodes_and_services_and_a_terminating_pod_yields() {
        let address: IpAddr = [10, 0, 0, 1].into();
        let pod = |terminating| Pod { addresses: vec![address], terminating, ..Pod::default() };
        let mut inventory = Inventory::default();
        inventory.pods.insert(NamespacedName::new("x", "old"), pod(true));
        assert_eq!(Owners::of(&inventory).of_address(address)[0].to_string(), "x/old");
        inventory.pods.insert(NamespacedName::new("x", "new"), pod(false));
        let node = Node { addresses: vec![[10, 0, 0, 2].into()], ..Node::default() };
        inventory.nodes.insert("n".into(), node);
        let service = Service { addresses: vec![[10, 0, 0, 3].into()], ..Service::default() };
        inventory.services.insert(NamespacedName::new("x", "s"), service);
        let owners = Owners::of(&inventory);
        let found = |last: u8| {
            let found = owners.of_address([10, 0, 0, last].into()).iter();
            found.map(|owner| format!("{} {owner}", owner.kind())).collect::<Vec<_>>().join(", ")
        };
        assert_eq!([found(1), found(2), found(3), found(4)], ["pod x/new", "node n", "service x/s", ""]);
    }
}
