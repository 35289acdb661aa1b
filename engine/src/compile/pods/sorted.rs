//! Permissions of a list of policies by what they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy_lang::peer::{Peer, PodSelector};
use policy_lang::policy::{Direction, Peers, Rule as PolicyRule};
use policy_lang::port::Protocol;

use super::family::{AddressFamily, FAMILIES};
use super::peer::block;
use super::port::{self, PortTest};
use super::subject::Effective;
use crate::interval::Intervals;
use crate::limits::{EXPANDED_PORTS_MAX, RULES_UNFOLDED_MAX};
use crate::view::{Content, PodPort, View};

/// Permissions by what they are about, each once.
#[derive(Default)]
pub(super) struct Sorted<'a> {
    pub(super) any: BTreeSet<PortTest>,
    pub(super) pods: BTreeMap<PortTest, BTreeSet<&'a PodSelector>>,
    pub(super) blocks: BTreeMap<(AddressFamily, PortTest), Intervals>,
    /// Peers that NetworkPolicies do not have.
    pub(super) others: Vec<&'a PolicyRule>,
    n_pods: usize,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(rules: &[&'a PolicyRule], effective: &Effective) -> Self {
        let mut sorted = Self::default();
        for rule in rules {
            let tests = port::tests(&rule.ports, effective.own_ports.as_deref());
            match &rule.peers {
                Peers::Any => sorted.any.extend(tests),
                Peers::AnyOf(peers) => sorted.push(rule, peers, &tests),
            }
        }
        sorted
    }

    fn push(&mut self, rule: &'a PolicyRule, peers: &'a [Peer], tests: &[PortTest]) {
        for peer in peers {
            match peer {
                Peer::Pods(selector) => {
                    for test in tests {
                        self.n_pods += 1;
                        self.pods.entry(test.clone()).or_default().insert(selector);
                    }
                }
                Peer::Addresses { cidr, except } => {
                    let family = crate::compile::address_family(cidr.addr());
                    let block = block(*cidr, except);
                    for test in tests {
                        let empty = || Intervals::empty(family.address_type());
                        self.blocks.entry((family, test.clone())).or_insert_with(empty).extend(&block);
                    }
                }
                Peer::Nodes(_) | Peer::Service { .. } => self.others.push(rule),
            }
        }
    }

    /// Whether nothing is left that is not permitted.
    pub(super) fn is_everything(&self) -> bool {
        self.any.contains(&PortTest::Any)
    }

    /// Whether each packet is asked for few of them.
    pub(super) fn is_short(&self) -> bool {
        let blocks = |family| self.blocks.keys().filter(|(of, _)| *of == family).count();
        FAMILIES.iter().all(|family| self.any.len() + self.n_pods + blocks(*family) <= RULES_UNFOLDED_MAX)
    }

    /// What each selector's pods are permitted, as far as they are exact ports.
    pub(super) fn exact(&self, family: AddressFamily, direction: Direction) -> View {
        let mut exact: BTreeMap<PodSelector, BTreeSet<PodPort>> = BTreeMap::new();
        for (test, selectors) in &self.pods {
            let Some(ports) = exact_ports(test, direction) else { continue };
            for selector in selectors {
                exact.entry((*selector).clone()).or_default().extend(ports.iter().cloned());
            }
        }
        let parts = exact.into_iter().map(|(selector, ports)| (selector, ports.into_iter().collect()));
        View { address_type: family.address_type(), content: Content::PodPorts(parts.collect()) }
    }

    /// Ports of anybody: the numbers of each protocol together.
    pub(super) fn any_ports(&self) -> Vec<PortTest> {
        let mut numbers: BTreeMap<Protocol, Vec<(u16, u16)>> = BTreeMap::new();
        let mut tests = Vec::new();
        for test in &self.any {
            match test {
                PortTest::Numbers(protocol, _) if self.any.contains(&PortTest::Whole(*protocol)) => {}
                PortTest::Numbers(protocol, ranges) => {
                    numbers.entry(*protocol).or_default().extend_from_slice(ranges);
                }
                PortTest::Any | PortTest::Whole(_) | PortTest::Named(..) => tests.push(test.clone()),
            }
        }
        tests.extend(numbers.into_iter().map(|(protocol, ranges)| PortTest::Numbers(protocol, port::merged(ranges))));
        tests
    }
}

/// The ports of a test if they can be looked up one by one together with the pod's address. At an ingress the ports are
/// the subject's, so a named one says nothing about the peer.
pub(super) fn exact_ports(test: &PortTest, direction: Direction) -> Option<Vec<PodPort>> {
    match (test, direction) {
        (PortTest::Numbers(protocol, ranges), _) => {
            let n_ports: u32 = ranges.iter().map(|(first, last)| u32::from(last - first) + 1).sum();
            let singles = ranges.iter().all(|(first, last)| first == last);
            let few = n_ports <= EXPANDED_PORTS_MAX || singles;
            let numbers = || ranges.iter().flat_map(|(first, last)| *first..=*last);
            few.then(|| numbers().map(|number| PodPort::Number(*protocol, number)).collect())
        }
        (PortTest::Named(name, protocol), Direction::Egress) => Some(vec![PodPort::Named(Arc::clone(name), *protocol)]),
        (PortTest::Named(..), Direction::Ingress) | (PortTest::Any | PortTest::Whole(_), _) => None,
    }
}
