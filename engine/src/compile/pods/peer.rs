//! Peers and ports of a policy rule as matches: one list of expressions for each nft rule that it takes.

use std::collections::BTreeMap;

use policy_lang::peer::{Peer, PodSelector};
use policy_lang::policy::{Direction, Peers, Rule};

use super::family::{AddressFamily, FAMILIES, own_field};
use super::icmp;
use super::port::{self, PortTest};
use super::service::ServiceSets;
use super::subject::Effective;
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::interval::Intervals;
use crate::resolve::Resolver;
use crate::ruleset::{
    Comment, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Match, Name, Operator, SetRef,
    SetSpec,
};

/// Looks peers up, each selector once.
pub(super) struct PeerSets<'a> {
    resolver: &'a Resolver<'a>,
    selectors: BTreeMap<(PodSelector, AddressFamily), Name>,
    named_ports: port::NamedPortSets,
    services: ServiceSets,
}

/// The peer's side of one nft rule.
enum AddressTest {
    /// Anything, of either family.
    Any,
    /// This expression, which is of this family.
    Family(AddressFamily, Expr),
}

impl AddressTest {
    /// Together with expressions of one family; nothing if this is of the other.
    fn with(&self, family: AddressFamily, exprs: &[Expr]) -> Option<Vec<Expr>> {
        match self {
            Self::Any => Some(exprs.to_vec()),
            Self::Family(own, address) => {
                (*own == family).then(|| std::iter::once(address.clone()).chain(exprs.iter().cloned()).collect())
            }
        }
    }
}

impl<'a> PeerSets<'a> {
    /// No sets yet.
    pub(super) fn new(resolver: &'a Resolver<'a>) -> Self {
        let (named_ports, services) = Default::default();
        Self { resolver, selectors: BTreeMap::new(), named_ports, services }
    }

    /// The facts behind it.
    pub(super) fn resolver(&self) -> &'a Resolver<'a> {
        self.resolver
    }

    /// The alternatives of a rule: a packet matches the rule if it matches one of them. The peer is the destination
    /// for egress, the source for ingress; ports are always the destination's.
    pub(super) fn matches(&mut self, rule: &Rule, effective: &Effective, builder: &mut TableBuilder) -> Vec<Vec<Expr>> {
        let addresses = self.addresses(&rule.peers, effective.direction, builder);
        let ports = port::tests(&rule.ports, effective.own_ports.as_deref());
        let icmp = icmp::tests(rule);
        let mut alternatives = Vec::new();
        for address in &addresses {
            for port in &ports {
                self.push_alternatives(address, port, &mut alternatives, builder);
            }
            alternatives.extend(icmp.iter().filter_map(|(family, icmp)| address.with(*family, icmp)));
        }
        alternatives
    }

    fn push_alternatives(
        &mut self,
        address: &AddressTest,
        port: &PortTest,
        alternatives: &mut Vec<Vec<Expr>>,
        builder: &mut TableBuilder,
    ) {
        match (address, port) {
            (AddressTest::Any, PortTest::Exprs(port)) => alternatives.push(port.clone()),
            (AddressTest::Family(_, address), PortTest::Exprs(port)) => {
                alternatives.push(std::iter::once(address.clone()).chain(port.iter().cloned()).collect());
            }
            // A named port is a pair of a pod's address and a number, so it is always of one family.
            (AddressTest::Any, PortTest::Named(name, protocol)) => {
                for family in FAMILIES {
                    alternatives.push(self.named_ports.test(family, name, *protocol, self.resolver, builder));
                }
            }
            (AddressTest::Family(family, address), PortTest::Named(name, protocol)) => {
                let port = self.named_ports.test(*family, name, *protocol, self.resolver, builder);
                alternatives.push(std::iter::once(address.clone()).chain(port).collect());
            }
        }
    }

    fn addresses(&mut self, peers: &Peers, direction: Direction, builder: &mut TableBuilder) -> Vec<AddressTest> {
        let peers = match peers {
            Peers::Any => return vec![AddressTest::Any],
            Peers::AnyOf(peers) => peers,
        };
        let mut tests = Vec::new();
        let mut blocks = FAMILIES.map(|family| (family, Intervals::empty(family.address_type())));
        for peer in peers {
            match peer {
                Peer::Pods(selector) => {
                    for family in FAMILIES {
                        let set = self.selector_set(selector, family, builder);
                        tests.push(AddressTest::Family(family, lookup(peer_field(direction, family), set)));
                    }
                }
                Peer::Addresses { cidr, except } => {
                    // The exceptions carve their hole in this block alone, not in its neighbours (sem-46).
                    let mut block = Intervals::empty(address_family(cidr.addr()).address_type());
                    block.insert(Interval::network(*cidr));
                    except.iter().for_each(|hole| block.remove(Interval::network(*hole)));
                    for (_, intervals) in &mut blocks {
                        intervals.extend(&block);
                    }
                }
                Peer::Nodes(selector) => {
                    let nodes = self.resolver.inventory().nodes.values();
                    let addresses =
                        nodes.filter(|node| selector.matches(&node.labels)).flat_map(|node| &node.addresses);
                    for address in addresses {
                        for (_, intervals) in &mut blocks {
                            intervals.insert(Interval::single(Datum::address(*address)));
                        }
                    }
                }
                Peer::Service { name, part } => {
                    for family in FAMILIES {
                        let field = (family, peer_field(direction, family));
                        let found = self.services.tests(name, *part, field, self.resolver.inventory(), builder);
                        tests.extend(found.into_iter().map(|expr| AddressTest::Family(family, expr)));
                    }
                }
            }
        }
        for (family, intervals) in blocks {
            tests.extend(
                block_test(peer_field(direction, family), &intervals, builder)
                    .map(|expr| AddressTest::Family(family, expr)),
            );
        }
        tests
    }

    /// The set of the addresses that a selector stands for. Named after the selector: its elements come and go.
    fn selector_set(&mut self, selector: &PodSelector, family: AddressFamily, builder: &mut TableBuilder) -> Name {
        let key = (selector.clone(), family);
        if let Some(name) = self.selectors.get(&key) {
            return name.clone();
        }
        let elements: Elements = self
            .resolver
            .addresses(selector)
            .into_iter()
            .filter(|address| address_family(*address) == family)
            .map(|address| (ElementKey::values([Datum::address(address)]), Element::PLAIN))
            .collect();
        let words = selector.to_string();
        let spec = SetSpec { comment: Some(Comment::new(&words)), ..SetSpec::hash([family.address_type()]) };
        let name = builder.changing_set(&format!("sel{}", family.digit()), "", &words, spec, elements);
        self.selectors.insert(key, name.clone());
        name
    }
}

/// One comparison where that is enough, otherwise a set of disjoint intervals.
fn block_test(field: Field, intervals: &Intervals, builder: &mut TableBuilder) -> Option<Expr> {
    if intervals.is_empty() {
        return None;
    }
    if let Some(value) = intervals.as_value() {
        return Some(Expr::Match(Match { field, mask: None, operator: Operator::Eq, value }));
    }
    let set = builder.constant_set("net", "", SetSpec::intervals([field.data_type()]), intervals.elements());
    Some(lookup(field, set))
}

pub(super) fn lookup(field: Field, set: Name) -> Expr {
    Expr::Lookup(Lookup { key: vec![field], operator: Operator::Eq, set: SetRef::Named(set) })
}

fn peer_field(direction: Direction, family: AddressFamily) -> Field {
    // The peer of an egress rule is where the subject of an ingress rule is.
    match direction {
        Direction::Egress => own_field(Direction::Ingress, family),
        Direction::Ingress => own_field(Direction::Egress, family),
    }
}
