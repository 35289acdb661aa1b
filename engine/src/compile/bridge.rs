//! Bridges whose frames pass no hook of IP (decisions.md 19).
//!
//! What a bridge hands from one of its ports to another is routed by nobody. It meets the rules of the inet table only
//! where `br_netfilter` hands it over (`bridge-nf-call-iptables` and `-ip6tables`, of the host or of the bridge). Where
//! it does not, pods on one bridge reach each other whatever their policies say. [`unseen`] tells from the facts which
//! pods these are. [`table`] makes rules that a bridge itself asks, for kernels whose bridges have conntrack.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use policy_lang::name::NamespacedName;

use super::builder::TableBuilder;
use super::options::{Denial, Ipvs, LocalPods, PodOptions, SourceCheck};
use super::pods::{self, BoundPods, Layer};
use super::{ForwardMode, Input};
use crate::inventory::Inventory;
use crate::resolve::Resolver;

/// What a node's system says of its bridges.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// The bridges.
    pub bridges: Vec<Bridge>,
    /// The node's routes: destinations, and the interface that leads there.
    pub routes: Vec<(IpNet, Box<str>)>,
}

/// A bridge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bridge {
    /// The name of its interface.
    pub name: Box<str>,
    /// Whether its IPv4 frames pass the hooks of IP.
    pub calls_ipv4: bool,
    /// The same for IPv6.
    pub calls_ipv6: bool,
}

/// A bridge that hides packets between these pods from the hooks of IP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unseen {
    /// The name of its interface.
    pub bridge: Box<str>,
    /// Pods of the node on it, and those of their addresses that are concerned; two pods or more.
    pub pods: BTreeMap<NamespacedName, Vec<IpAddr>>,
}

/// The bridges of a node between whose pods no policy is enforced by the rules of the inet table. A pod is on a bridge
/// if the node's best route to it is by that bridge. A bridge with one pod hides nothing.
pub fn unseen(facts: &Facts, inventory: &Inventory, node: &str) -> Vec<Unseen> {
    let local = inventory.pods.iter().filter(|(_, pod)| pod.node.as_deref() == Some(node));
    let addresses: Vec<_> =
        local.flat_map(|(name, pod)| pod.addresses.iter().map(move |address| (name, *address))).collect();
    let on_bridge = |bridge: &Bridge| {
        let mut pods: BTreeMap<NamespacedName, Vec<IpAddr>> = BTreeMap::new();
        for is_ipv4 in [true, false] {
            let calls = if is_ipv4 { bridge.calls_ipv4 } else { bridge.calls_ipv6 };
            let of_family = addresses.iter().filter(|(_, address)| address.is_ipv4() == is_ipv4);
            let there: Vec<_> =
                of_family.filter(|(_, address)| facts.interface(*address) == Some(&*bridge.name)).collect();
            if calls || there.len() < 2 {
                continue;
            }
            for (name, address) in there {
                pods.entry((*name).clone()).or_default().push(*address);
            }
        }
        Unseen { bridge: bridge.name.clone(), pods }
    };
    facts.bridges.iter().map(on_bridge).filter(|unseen| !unseen.pods.is_empty()).collect()
}

impl Facts {
    /// The interface of the most specific route to an address.
    fn interface(&self, address: IpAddr) -> Option<&str> {
        let routes = self.routes.iter().filter(|(to, _)| to.contains(&address));
        routes.max_by_key(|(to, _)| to.prefix_len()).map(|(_, interface)| &**interface)
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.pods.keys().map(ToString::to_string).collect();
        write!(
            f,
            "bridge {} hands its frames to no IP hook (bridge-nf-call-iptables): policies are not enforced between {}",
            self.bridge,
            names.join(", ")
        )
    }
}

/// The table that judges on the bridge itself, where the options ask for it: copies of the dispatch and of what it
/// leads to, because rules and sets belong to one table. What is routed is none of its business, so that neither the
/// node's own packets nor forged sources appear in it. Interfaces are a bridge's ports here, of which the configuration
/// does not speak, so that local pods are known by ranges only.
pub(super) fn fill(input: &Input<'_>, bound: &BoundPods, builder: &mut TableBuilder) {
    let options = PodOptions {
        local: LocalPods { interface_prefix: None, ..input.pods.local.clone() },
        source_check: SourceCheck::Off,
        ipvs: Ipvs::Absent,
        // The kernel rejects nothing at this hook.
        denial: Denial::Drop,
        ..input.pods.clone()
    };
    let input = Input { host: None, forward_mode: ForwardMode::HostRules, pods: &options, ..*input };
    let resolver = Resolver::new(input.inventory);
    pods::lower(&input, Layer::Bridge, &resolver, bound, builder);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Pod;

    fn inventory(pods: &[(&str, &[&str])]) -> Inventory {
        let mut inventory = Inventory::default();
        for (name, addresses) in pods {
            let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            let pod = Pod { node: Some("n".into()), addresses, ..Pod::default() };
            inventory.pods.insert(NamespacedName::new("x", *name), pod);
        }
        inventory
    }

    fn facts(calls_ipv4: bool, calls_ipv6: bool, routes: &[(&str, &str)]) -> Facts {
        Facts {
            bridges: vec![Bridge { name: "cni0".into(), calls_ipv4, calls_ipv6 }],
            routes: routes.iter().map(|(to, interface)| (to.parse().unwrap(), (*interface).into())).collect(),
        }
    }

    const ROUTES: [(&str, &str); 4] =
        [("10.244.1.0/24", "cni0"), ("2001:db8:244:1::/64", "cni0"), ("0.0.0.0/0", "eth0"), ("10.244.1.9/32", "cali9")];

    fn check(facts: &Facts, node: &str) -> Vec<String> {
        let pods: &[(&str, &[&str])] = &[
            ("a", &["10.244.1.2", "2001:db8:244:1::2"]),
            ("b", &["10.244.1.3"]),
            ("routed", &["10.244.1.9", "2001:db8:244:1::9"]),
        ];
        let unseen = unseen(facts, &inventory(pods), node);
        let pods = unseen.iter().flat_map(|unseen| &unseen.pods);
        pods.flat_map(|(name, addresses)| addresses.iter().map(move |address| format!("{name} {address}"))).collect()
    }

    #[test]
    fn dec_19_pods_on_a_bridge_without_calls_are_named_by_family_and_best_route() {
        let v4 = ["x/a 10.244.1.2", "x/b 10.244.1.3"];
        let v6 = ["x/a 2001:db8:244:1::2", "x/routed 2001:db8:244:1::9"];
        assert_eq!(check(&facts(true, true, &ROUTES), "n"), [""; 0]);
        assert_eq!(check(&facts(false, true, &ROUTES), "n"), v4);
        assert_eq!(check(&facts(true, false, &ROUTES), "n"), v6);
        assert_eq!(check(&facts(false, false, &ROUTES), "n"), [v4[0], v6[0], v4[1], v6[1]]);
    }

    #[test]
    fn dec_19_nothing_is_hidden_between_pods_of_other_nodes_or_routed_ones() {
        assert_eq!(check(&facts(false, false, &ROUTES), "other"), [""; 0]);
        assert_eq!(check(&facts(false, false, &[("10.244.1.2/32", "cni0"), ("10.0.0.0/8", "eth0")]), "n"), [""; 0]);
    }
}
