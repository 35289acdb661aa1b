//! What the elements of a changing set stand for, so that they can be told from the facts, all at once or by address.

use std::net::IpAddr;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::PodSelector;
use policy_lang::port::Protocol;
use policy_lang::selector::Selector;

use crate::inventory::{Endpoint, Inventory, Pod};
use crate::resolve::{self, Resolver};
use crate::ruleset::{DataType, Datum, Element, ElementKey, Elements, SetSpec};

/// A set that follows the facts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct View {
    /// The type of its addresses.
    pub(crate) address_type: DataType,
    /// What it holds.
    pub(crate) content: Content,
}

/// What a view holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// The addresses of pods that one of these selects.
    Pods(Vec<PodSelector>),
    /// Addresses, protocols and ports: what each selector's pods are permitted. Sorted by selector, each there once.
    PodPorts(Vec<(PodSelector, Vec<PodPort>)>),
    /// The addresses of pods with their own numbers of a named port; only of the pods of a node if there is one.
    NamedPort {
        /// Its name.
        name: Arc<str>,
        /// Its protocol.
        protocol: Protocol,
        /// The node.
        node: Option<Arc<str>>,
    },
    /// The addresses of nodes.
    Nodes(Selector),
    /// What stands for a Service.
    Service(NamespacedName, Part),
}

/// What of a Service a view holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// Endpoints: address, protocol and port.
    Ports,
    /// Endpoints that are every port of a protocol: address and protocol.
    Protocols,
    /// The Service's own addresses.
    Addresses,
    /// The addresses of endpoints, whatever their ports.
    Endpoints,
}

/// A port of a pod.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum PodPort {
    /// By number.
    Number(Protocol, u16),
    /// By name, on the pod itself.
    Named(Arc<str>, Protocol),
}

impl View {
    /// The kind of set that it takes.
    pub(crate) fn spec(&self) -> SetSpec {
        let of = |types: &[DataType]| [&[self.address_type], types].concat();
        let with_port = [DataType::InetProto, DataType::InetService];
        match &self.content {
            Content::Pods(_) | Content::Nodes(_) | Content::Service(_, Part::Addresses | Part::Endpoints) => {
                SetSpec::hash(of(&[]))
            }
            Content::NamedPort { .. } => SetSpec::hash(of(&[DataType::InetService])),
            Content::PodPorts(_) | Content::Service(_, Part::Ports) => SetSpec::hash(of(&with_port)),
            Content::Service(_, Part::Protocols) => SetSpec::hash(of(&[DataType::InetProto])),
        }
    }

    /// Everything in it.
    pub(crate) fn elements(&self, resolver: &Resolver<'_>) -> Elements {
        let mut keys = Vec::new();
        if self.follows_pods() && !resolver.has_addresses(self.address_type) {
            return Elements::default();
        }
        match &self.content {
            Content::Pods(selectors) => {
                keys.extend(self.of_type(resolver.addresses_of_any(selectors)).map(address_key));
            }
            Content::PodPorts(parts) => {
                for (selector, ports) in parts {
                    let selected = resolver.selected(selector).into_iter();
                    for (address, pod) in selected.filter(|(address, _)| self.holds(*address)) {
                        let owners = || resolver.owners_beside(address, pod);
                        keys.extend(ports.iter().flat_map(|port| port_keys(address, port, owners)));
                    }
                }
            }
            Content::NamedPort { name, protocol, node } => {
                let meant = |pod: &Pod| node.is_none() || pod.node == *node;
                let pairs = resolver.named_port(name, *protocol, meant);
                let pairs = pairs.into_iter().filter(|(address, _)| self.holds(*address));
                keys.extend(pairs.map(|(address, number)| pair_key(address, number)));
            }
            Content::Nodes(_) | Content::Service(..) => return self.beside_pods(resolver.inventory()),
        }
        keys.into_iter().map(|key| (key, Element::PLAIN)).collect()
    }

    /// How many elements it has at most: those that two selectors have in common count twice. Where that is more than
    /// `enough`, no more are counted.
    pub(crate) fn size(&self, resolver: &Resolver<'_>, enough: usize) -> usize {
        match &self.content {
            // In a cluster of the other family alone nothing would ever be enough.
            Content::PodPorts(_) if !resolver.has_addresses(self.address_type) => 0,
            Content::PodPorts(parts) => {
                let mut n = 0_usize;
                for (selector, ports) in parts {
                    let addresses = resolver.addresses(selector).into_iter().filter(|address| self.holds(*address));
                    n = n.saturating_add(addresses.count().saturating_mul(ports.len()));
                    if n > enough {
                        break;
                    }
                }
                n
            }
            Content::Pods(_) | Content::NamedPort { .. } | Content::Nodes(_) | Content::Service(..) => {
                self.elements(resolver).len()
            }
        }
    }

    /// Everything in a view that is not about pods.
    pub(crate) fn beside_pods(&self, inventory: &Inventory) -> Elements {
        let mut keys = Vec::new();
        match &self.content {
            Content::Pods(_) | Content::PodPorts(_) | Content::NamedPort { .. } => {}
            Content::Nodes(selector) => {
                let nodes = inventory.nodes.values().filter(|node| selector.matches(&node.labels));
                let addresses = nodes.flat_map(|node| node.addresses.iter().copied());
                keys.extend(self.of_type(addresses).map(address_key));
            }
            Content::Service(name, part) => {
                let service = inventory.services.get(name);
                let endpoints = || service.into_iter().flat_map(|service| &service.endpoints);
                let endpoints = || endpoints().filter(|endpoint| self.holds(endpoint.address));
                let protocol = |endpoint: &Endpoint| Datum::protocol(endpoint.protocol.number());
                match part {
                    Part::Addresses => {
                        let addresses = service.into_iter().flat_map(|service| service.addresses.iter().copied());
                        keys.extend(self.of_type(addresses).map(address_key));
                    }
                    Part::Endpoints => keys.extend(endpoints().map(|endpoint| address_key(endpoint.address))),
                    Part::Ports => keys.extend(endpoints().filter_map(|endpoint| {
                        let port = Datum::port(endpoint.port?);
                        Some(ElementKey::values([Datum::address(endpoint.address), protocol(endpoint), port]))
                    })),
                    Part::Protocols => {
                        let whole = endpoints().filter(|endpoint| endpoint.port.is_none());
                        let key = |endpoint: &Endpoint| {
                            ElementKey::values([Datum::address(endpoint.address), protocol(endpoint)])
                        };
                        keys.extend(whole.map(key));
                    }
                }
            }
        }
        keys.into_iter().map(|key| (key, Element::PLAIN)).collect()
    }

    /// What it holds of one address that these pods own; `selects` says for a selector whether it selects them all.
    pub(crate) fn of_address(
        &self,
        address: IpAddr,
        owners: &[(&NamespacedName, &Pod)],
        selects: &mut dyn FnMut(&PodSelector) -> bool,
    ) -> Vec<ElementKey> {
        if owners.is_empty() || !self.holds(address) {
            return Vec::new();
        }
        match &self.content {
            Content::Pods(selectors) => {
                if selectors.iter().any(selects) {
                    vec![address_key(address)]
                } else {
                    Vec::new()
                }
            }
            Content::PodPorts(parts) => {
                let selected = parts.iter().filter(|(selector, _)| selects(selector));
                let pods = || owners.iter().map(|(_, pod)| *pod).collect();
                let keys = selected.flat_map(|(_, ports)| ports.iter().flat_map(|port| port_keys(address, port, pods)));
                keys.collect()
            }
            Content::NamedPort { name, protocol, node } => {
                let meant = |pod: &Pod| node.is_none() || pod.node == *node;
                let mut numbers: Vec<u16> = owners
                    .iter()
                    .filter(|(_, pod)| meant(pod))
                    .flat_map(|(_, pod)| resolve::numbers(pod, name, *protocol))
                    .collect();
                numbers.retain(|number| owners.iter().all(|(_, pod)| resolve::declares(pod, name, *protocol, *number)));
                numbers.into_iter().map(|number| pair_key(address, number)).collect()
            }
            Content::Nodes(_) | Content::Service(..) => Vec::new(),
        }
    }

    /// Whether pods decide what is in it. Nodes and Services can have addresses that pods have too.
    pub(crate) fn follows_pods(&self) -> bool {
        match &self.content {
            Content::Pods(_) | Content::PodPorts(_) | Content::NamedPort { .. } => true,
            Content::Nodes(_) | Content::Service(..) => false,
        }
    }

    /// Whether addresses of this family stand in it.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        Datum::address(address).data_type() == self.address_type
    }

    fn of_type<'a>(&'a self, addresses: impl IntoIterator<Item = IpAddr> + 'a) -> impl Iterator<Item = IpAddr> + 'a {
        addresses.into_iter().filter(|address| self.holds(*address))
    }
}

fn address_key(address: IpAddr) -> ElementKey {
    ElementKey::values([Datum::address(address)])
}

fn pair_key(address: IpAddr, number: u16) -> ElementKey {
    ElementKey::values([Datum::address(address), Datum::port(number)])
}

/// The keys of a port of an address whose pods are `owners`.
fn port_keys<'a>(address: IpAddr, port: &PodPort, owners: impl FnOnce() -> Vec<&'a Pod>) -> Vec<ElementKey> {
    let key = |protocol: Protocol, number| {
        ElementKey::values([Datum::address(address), Datum::protocol(protocol.number()), Datum::port(number)])
    };
    match port {
        PodPort::Number(protocol, number) => vec![key(*protocol, *number)],
        PodPort::Named(name, protocol) => {
            let owners = owners();
            let Some((first, others)) = owners.split_first() else { return Vec::new() };
            let declared = resolve::numbers(first, name, *protocol);
            let by_all =
                declared.filter(|number| others.iter().all(|pod| resolve::declares(pod, name, *protocol, *number)));
            by_all.map(|number| key(*protocol, number)).collect()
        }
    }
}
