//! Policies with their selectors looked up: whom each binds, and what each of its rules is about.

use std::rc::Rc;

use fixedbitset::FixedBitSet;
use policy_lang::peer::{Peer, ServicePart};
use policy_lang::policy::{Action, Direction, Effect, Peers, Policy, PortMatches, Rule, Tier};
use policy_lang::port::{IcmpVersion, Ports, Protocol};

use super::Scene;
use super::allowed::{Allowed, AllowedId, Table};
use super::classes::Classes;
use super::matching::Matching;
use super::ranges::{self, Family, Range};
use crate::workloads::Target;

/// What every policy means for the classes.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    /// In the order of the scene.
    pub(super) policies: Vec<PreparedPolicy<'a>>,
    /// For each direction and class the policies that bind it, in order.
    pub(super) binding: [Vec<Vec<usize>>; 2],
}

/// One policy.
#[derive(Debug)]
pub(super) struct PreparedPolicy<'a> {
    pub(super) policy: &'a Policy,
    /// The parts of its rules for each direction.
    pub(super) parts: [Vec<Part<'a>>; 2],
}

/// A rule, or as much of it as is about one kind of peer.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) rule: &'a Rule,
    /// The classes that are meant by what they are.
    pub(super) pods: Rc<FixedBitSet>,
    /// The addresses that are meant.
    pub(super) ranges: [Vec<Range>; 2],
    /// Whose addresses these are.
    pub(super) whose: Whose,
    pub(super) ports: PartPorts<'a>,
}

/// Whose addresses a part is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Whose {
    /// Anybody's who is there.
    Anybody,
    /// Those of nodes and of what stands behind a Service: nobody whose address is not known has one of them.
    Known,
}

/// The connections that a part is about.
#[derive(Clone, Debug)]
pub(super) struct PartPorts<'a> {
    /// Those that hang on nobody, for each family.
    pub(super) numeric: [AllowedId; 2],
    /// Names, which mean a number of the destination's own.
    pub(super) named: Vec<(&'a str, Protocol)>,
    /// Of all these only what goes to the backends of a Service.
    pub(super) limit: Limit<'a>,
}

/// What narrows the ports of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit<'a> {
    None,
    To(AllowedId),
    Named(&'a str, Protocol),
}

/// The place of a direction in pairs of things for both.
pub(super) fn index(direction: Direction) -> usize {
    match direction {
        Direction::Ingress => 0,
        Direction::Egress => 1,
    }
}

pub(super) fn prepare<'a>(scene: &Scene<'a>, classes: &Classes<'a>, table: &mut Table) -> Prepared<'a> {
    let mut matching = Matching::new(scene, classes);
    let mut binding = [vec![Vec::new(); classes.len()], vec![Vec::new(); classes.len()]];
    let mut policies = Vec::with_capacity(scene.policies.len());
    for (number, policy) in scene.policies.iter().enumerate() {
        let subjects = matching.subjects(&policy.subject);
        let mut parts = [Vec::new(), Vec::new()];
        for direction in [Direction::Ingress, Direction::Egress] {
            let Some(rules) = policy.rules(direction) else { continue };
            subjects.ones().for_each(|class| binding[index(direction)][class].push(number));
            // Nobody will ask what the rules of a policy are that binds nobody.
            if subjects.is_clear() {
                continue;
            }
            let decide = rules.iter().filter(|rule| {
                let grants = policy.tier != Tier::NetworkPolicy || rule.action == Action::Accept;
                rule.effect == Effect::Enforced && grants
            });
            for rule in decide {
                Preparing { scene, classes, matching: &mut matching, table }.rule(rule, &mut parts[index(direction)]);
            }
        }
        policies.push(PreparedPolicy { policy, parts });
    }
    Prepared { policies, binding }
}

struct Preparing<'p, 'a> {
    scene: &'p Scene<'a>,
    classes: &'p Classes<'a>,
    matching: &'p mut Matching<'a>,
    table: &'p mut Table,
}

impl<'a> Preparing<'_, 'a> {
    fn rule(&mut self, rule: &'a Rule, parts: &mut Vec<Part<'a>>) {
        let ports = self.ports(rule);
        let peers = match &rule.peers {
            Peers::Any => {
                let ranges = Family::ALL.map(|family| vec![family.whole()]);
                let pods = Rc::new(self.classes.all());
                parts.push(Part { rule, pods, ranges, whose: Whose::Anybody, ports });
                return;
            }
            Peers::AnyOf(peers) => peers,
        };
        let none = || FixedBitSet::with_capacity(self.classes.len());
        let mut pods = none();
        let mut blocks = [Vec::new(), Vec::new()];
        let mut points = [Vec::new(), Vec::new()];
        let mut behind = Vec::new();
        for peer in peers {
            match peer {
                Peer::Pods(selector) => pods.union_with(&self.matching.select(selector)),
                Peer::Addresses { cidr, except } => {
                    let holes = ranges::merged(except.iter().map(Range::of).collect());
                    let of_family = &mut blocks[Family::of(cidr.addr()).index()];
                    of_family.extend(ranges::without(&[Range::of(cidr)], &holes));
                }
                Peer::Nodes(labels) => {
                    let nodes = self.scene.inventory.nodes.values().filter(|node| labels.matches(&node.labels));
                    for address in nodes.flat_map(|node| &node.addresses) {
                        points[Family::of(*address).index()].push(Range::single(*address));
                    }
                }
                Peer::Service { name, part: ServicePart::Addresses } => {
                    let service = self.scene.inventory.services.get(name);
                    for address in service.into_iter().flat_map(|service| &service.addresses) {
                        points[Family::of(*address).index()].push(Range::single(*address));
                    }
                }
                Peer::Service { name, part: ServicePart::Endpoints } => behind.push(name),
            }
        }
        let part = |pods, ranges: [Vec<Range>; 2], whose| Part {
            rule,
            pods: Rc::new(pods),
            ranges: ranges.map(ranges::merged),
            whose,
            ports: ports.clone(),
        };
        if points.iter().any(|points| !points.is_empty()) {
            parts.push(part(none(), points, Whose::Known));
        }
        parts.push(part(pods, blocks, Whose::Anybody));
        for name in behind {
            self.behind(name, &part(none(), Default::default(), Whose::Known), parts);
        }
    }

    /// What stands behind a Service: as its EndpointSlices say, or, where there are none, as its selector selects.
    fn behind(&mut self, name: &'a policy_lang::name::NamespacedName, part: &Part<'a>, parts: &mut Vec<Part<'a>>) {
        let known = self.scene.inventory.services.get(name).filter(|service| !service.endpoints.is_empty());
        if let Some(service) = known {
            for endpoint in &service.endpoints {
                let mut ranges = [Vec::new(), Vec::new()];
                ranges[Family::of(endpoint.address).index()].push(Range::single(endpoint.address));
                let mut only = Allowed::default();
                match endpoint.port {
                    Some(port) => only.insert(endpoint.protocol, port, port),
                    None => only.insert_all(endpoint.protocol),
                }
                let ports = PartPorts { limit: Limit::To(self.table.number(only)), ..part.ports.clone() };
                parts.push(Part { ranges, ports, ..part.clone() });
            }
            return;
        }
        let Some(chosen) = self.scene.workloads.services.get(name) else { return };
        let pods = Rc::new(self.matching.with_labels(&name.namespace, &chosen.selector));
        for (protocol, target) in &chosen.targets {
            let limit = match target {
                Target::Number(port) => {
                    let mut only = Allowed::default();
                    only.insert(*protocol, port.get(), port.get());
                    Limit::To(self.table.number(only))
                }
                Target::Named(name) => Limit::Named(name, *protocol),
            };
            let ports = PartPorts { limit, ..part.ports.clone() };
            parts.push(Part { pods: Rc::clone(&pods), ports, ..part.clone() });
        }
    }

    fn ports(&mut self, rule: &'a Rule) -> PartPorts<'a> {
        let matches = match &rule.ports {
            PortMatches::Any => {
                return PartPorts { numeric: [Table::EVERYTHING; 2], named: Vec::new(), limit: Limit::None };
            }
            PortMatches::AnyOf(matches) => matches,
        };
        let mut numeric = Allowed::default();
        let mut named = Vec::new();
        for wanted in matches {
            match &wanted.ports {
                Ports::All => numeric.insert_all(wanted.protocol),
                Ports::Range(range) => numeric.insert(wanted.protocol, range.first(), range.last()),
                Ports::Named(name) => named.push((&**name, wanted.protocol)),
            }
        }
        let numeric = [(IcmpVersion::V4, ECHO_REQUEST), (IcmpVersion::V6, ECHO_REQUEST_V6)].map(|(version, echo)| {
            let wants = |icmp: &policy_lang::port::IcmpMatch| {
                icmp.version == version
                    && icmp.icmp_type.is_none_or(|wanted| wanted == echo)
                    && icmp.code.is_none_or(|code| code == 0)
            };
            self.table.number(Allowed { echo: rule.icmp.iter().any(wants), ..numeric.clone() })
        });
        PartPorts { numeric, named, limit: Limit::None }
    }
}

/// The type of an echo request of ICMP.
const ECHO_REQUEST: u8 = 8;
/// The same of ICMPv6.
const ECHO_REQUEST_V6: u8 = 128;
