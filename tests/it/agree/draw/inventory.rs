//! Namespaces, nodes, pods and Services, with what there is of gaps and conflicts in them.

use std::net::IpAddr;

use engine::inventory::{Endpoint, Inventory, NamedPort, Node, Pod, Service};
use policy_lang::name::{NAMESPACE_NAME_LABEL, NamespacedName};

use super::super::plan::{self, NODES};
use super::{Draw, NAMESPACES, PORTS};

/// Names of Services that policies may mean; not all exist.
pub(super) const SERVICES: [(&str, &str); 2] = [("x", "web"), ("y", "dns")];

/// Which families a cluster has.
#[derive(Clone, Copy)]
enum Families {
    Both,
    V4,
    V6,
}

impl Families {
    fn of(self, [v4, v6]: [IpAddr; 2]) -> Vec<IpAddr> {
        match self {
            Self::Both => vec![v4, v6],
            Self::V4 => vec![v4],
            Self::V6 => vec![v6],
        }
    }
}

impl Draw<'_> {
    pub(super) fn inventory(&mut self) -> Inventory {
        let mut inventory = Inventory::default();
        let families = self.pick(&[Families::Both, Families::Both, Families::V4, Families::V6]);
        for namespace in NAMESPACES {
            // Now and then a namespace has no object yet.
            if !self.once_in(8) {
                let mut labels = self.labels();
                labels.insert(NAMESPACE_NAME_LABEL.into(), namespace.into());
                inventory.namespaces.insert(namespace.into(), labels);
            }
        }
        for node in NODES.iter().filter(|_| !self.once_in(12)).collect::<Vec<_>>() {
            let pod_cidrs = node.ranges.map(plan::block).to_vec();
            let addresses = families.of(node.host.addresses());
            inventory.nodes.insert(node.host.name.into(), Node { addresses, pod_cidrs, labels: self.labels() });
        }
        for (number, (node, spot)) in (1..).zip(plan::pods()) {
            // Now and then somebody is there whom the API does not know.
            if self.once_in(8) {
                continue;
            }
            let addresses = families.of(self.addresses(spot));
            let pod = self.pod(node, addresses);
            inventory.pods.insert(NamespacedName::new(self.pick(&NAMESPACES), format!("pod-{number}")), pod);
        }
        for number in 0..self.below(3) {
            let node = self.pick(&["node-a", "node-b"]);
            let pod = self.pod(node, Vec::new());
            inventory.pods.insert(NamespacedName::new(self.pick(&NAMESPACES), format!("waiting-{number}")), pod);
        }
        self.services(families, &mut inventory);
        inventory
    }

    /// Those of the spot; now and then those of another pod.
    fn addresses(&mut self, spot: plan::Spot) -> [IpAddr; 2] {
        let claimed = if self.once_in(10) { self.pick(&NODES).pods[0] } else { spot };
        claimed.addresses()
    }

    fn pod(&mut self, node: &str, addresses: Vec<IpAddr>) -> Pod {
        let one_family = self.once_in(6);
        let addresses = if one_family { addresses.into_iter().take(1).collect() } else { addresses };
        let node = match self.below(12) {
            // Not scheduled, and scheduled elsewhere: what a lagging watch shows.
            10 => None,
            11 => Some("node-b".into()),
            _ => Some(node.into()),
        };
        Pod { labels: self.labels(), node, addresses, ports: self.named_ports(), terminating: self.once_in(6) }
    }

    fn named_ports(&mut self) -> Vec<NamedPort> {
        let mut ports: Vec<_> = (0..self.below(4))
            .map(|_| NamedPort {
                name: self.pick(&["http", "dns"]).into(),
                protocol: self.protocol(),
                port: self.pick(&PORTS),
            })
            .collect();
        ports.sort();
        ports.dedup();
        ports
    }

    fn services(&mut self, families: Families, inventory: &mut Inventory) {
        let everywhere = plan::pods().map(|(_, spot)| spot).chain(plan::OUTSIDE).chain(NODES.map(|node| node.host));
        let everywhere: Vec<_> = everywhere.collect();
        for (number, (namespace, name)) in SERVICES.into_iter().enumerate() {
            if self.below(3) == 0 {
                continue;
            }
            let addresses = families.of(plan::OUTSIDE[number].addresses());
            let mut endpoints = Vec::new();
            for _ in 0..self.below(4) {
                let spot = self.pick(&everywhere);
                let protocol = self.protocol();
                let port = if self.once_in(4) { None } else { Some(self.pick(&PORTS)) };
                let at = |address| Endpoint { address, protocol, port };
                endpoints.extend(families.of(spot.addresses()).into_iter().map(at));
            }
            endpoints.sort();
            endpoints.dedup();
            inventory.services.insert(NamespacedName::new(namespace, name), Service { addresses, endpoints });
        }
    }
}
