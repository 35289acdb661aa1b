//! Peers and ports of a policy rule as matches: one list of expressions for each nft rule that it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Peer, PodSelector, ServicePart};
use policy_lang::policy::{Direction, Peers, Rule};
use policy_lang::port::Protocol;

use super::family::{AddressFamily, FAMILIES, own_field};
use super::icmp;
use super::port::{self, PortTest};
use super::subject::Effective;
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::compile::followed;
use crate::interval::Intervals;
use crate::resolve::Resolver;
use crate::ruleset::{Expr, Field, Interval, Lookup, Match, Name, Operator, SetRef, SetSpec};
use crate::view::{Content, Part};

/// Looks peers up, each selector once.
pub(super) struct PeerSets<'a> {
    resolver: &'a Resolver<'a>,
    node: Arc<str>,
    selectors: BTreeMap<(PodSelector, AddressFamily), Name>,
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
    /// No sets yet. The destination of ingress is a pod of the node, or nobody knows what ports it declares.
    pub(super) fn new(resolver: &'a Resolver<'a>, node: &str) -> Self {
        Self { resolver, node: node.into(), selectors: BTreeMap::new() }
    }

    /// The facts behind it.
    pub(super) fn resolver(&self) -> &'a Resolver<'a> {
        self.resolver
    }

    /// The alternatives of a rule: a packet matches the rule if it matches one of them. The peer is the destination
    /// for egress, the source for ingress; ports are always the destination's.
    pub(super) fn matches(&mut self, rule: &Rule, effective: &Effective, builder: &mut TableBuilder) -> Vec<Vec<Expr>> {
        let direction = effective.direction;
        let addresses = self.addresses(&rule.peers, direction, builder);
        let ports = port::tests(&rule.ports, effective.own_ports.as_deref());
        let icmp = icmp::tests(rule);
        let mut alternatives = Vec::new();
        for address in &addresses {
            for test in &ports {
                match address {
                    AddressTest::Any => alternatives.extend(self.port_alternatives(test, direction, builder)),
                    AddressTest::Family(family, address) => {
                        let port = self.port_exprs(*family, test, direction, builder);
                        alternatives.push(std::iter::once(address.clone()).chain(port).collect());
                    }
                }
            }
            alternatives.extend(icmp.iter().filter_map(|(family, icmp)| address.with(*family, icmp)));
        }
        alternatives
    }

    /// A port of anybody.
    pub(super) fn port_alternatives(
        &self,
        test: &PortTest,
        direction: Direction,
        builder: &mut TableBuilder,
    ) -> Vec<Vec<Expr>> {
        match test {
            PortTest::Any | PortTest::Whole(_) | PortTest::Numbers(..) => {
                vec![port::numeric(test, builder).into_iter().collect()]
            }
            // A named port is a pair of a pod's address and a number, so it is always of one family.
            PortTest::Named(name, protocol) => {
                FAMILIES.map(|family| self.named_port(family, name, *protocol, direction, builder)).into()
            }
        }
    }

    /// A port, where the address is of one family.
    pub(super) fn port_exprs(
        &self,
        family: AddressFamily,
        test: &PortTest,
        direction: Direction,
        builder: &mut TableBuilder,
    ) -> Vec<Expr> {
        match test {
            PortTest::Any | PortTest::Whole(_) | PortTest::Numbers(..) => {
                port::numeric(test, builder).into_iter().collect()
            }
            PortTest::Named(name, protocol) => self.named_port(family, name, *protocol, direction, builder),
        }
    }

    fn named_port(
        &self,
        family: AddressFamily,
        name: &Arc<str>,
        protocol: Protocol,
        direction: Direction,
        builder: &mut TableBuilder,
    ) -> Vec<Expr> {
        let (kind, node) = match direction {
            Direction::Ingress => ("own_port", Some(Arc::clone(&self.node))),
            Direction::Egress => ("port", None),
        };
        let words = port::named_words(name, protocol, node.is_some());
        let content = Content::NamedPort { name: Arc::clone(name), protocol, node };
        let set = self.view((kind, name), family, &words, &words, content, builder);
        port::named(family, protocol, set)
    }

    fn addresses(&mut self, peers: &Peers, direction: Direction, builder: &mut TableBuilder) -> Vec<AddressTest> {
        let peers = match peers {
            Peers::Any => return vec![AddressTest::Any],
            Peers::AnyOf(peers) => peers,
        };
        let mut tests = Vec::new();
        let mut blocks = FAMILIES.map(|family| (family, Intervals::empty(family.address_type())));
        for peer in peers {
            if let Peer::Addresses { cidr, except } = peer {
                let block = block(*cidr, except);
                for (_, intervals) in &mut blocks {
                    intervals.extend(&block);
                }
            } else {
                for family in FAMILIES {
                    let exprs = self.looked_up(peer, family, direction, builder);
                    tests.extend(exprs.into_iter().map(|expr| AddressTest::Family(family, expr)));
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

    /// A peer whose addresses follow the facts.
    fn looked_up(
        &mut self,
        peer: &Peer,
        family: AddressFamily,
        direction: Direction,
        builder: &mut TableBuilder,
    ) -> Vec<Expr> {
        let field = peer_field(direction, family);
        match peer {
            Peer::Pods(selector) => vec![lookup(field, &self.selector_set(selector, family, builder))],
            Peer::Service { name, part: ServicePart::Endpoints } => {
                let whole: [(&[Field], _); 2] =
                    [(&[Field::L4Proto, Field::ThDport], Part::Ports), (&[Field::L4Proto], Part::Protocols)];
                whole.map(|(rest, part)| self.endpoints(name, part, family, (field, rest), builder)).into()
            }
            Peer::Nodes(_) | Peer::Service { part: ServicePart::Addresses, .. } | Peer::Addresses { .. } => {
                let set = followed::addresses(peer, family, self.resolver, builder);
                set.map(|set| lookup(field, &set)).into_iter().collect()
            }
        }
    }

    /// The set is named after the Service: endpoints come and go by elements, and a Service that does not exist yet has
    /// an empty one.
    fn endpoints(
        &self,
        name: &NamespacedName,
        part: Part,
        family: AddressFamily,
        (field, rest): (Field, &[Field]),
        builder: &mut TableBuilder,
    ) -> Expr {
        let at = if part == Part::Protocols { " at every port" } else { "" };
        let words = format!("endpoints of service {name}{at}");
        let content = Content::Service(name.clone(), part);
        let set = self.view(("svc", &name.name), family, &words, &words, content, builder);
        let key = std::iter::once(field).chain(rest.iter().copied()).collect();
        Expr::Lookup(Lookup { key, operator: Operator::Eq, set: SetRef::Named(set) })
    }

    /// The set of the addresses that a selector stands for. Named after the selector: its elements come and go.
    pub(super) fn selector_set(
        &mut self,
        selector: &PodSelector,
        family: AddressFamily,
        builder: &mut TableBuilder,
    ) -> Name {
        let key = (selector.clone(), family);
        if let Some(name) = self.selectors.get(&key) {
            builder.note(name);
            return name.clone();
        }
        let name = followed::pods(selector, family, self.resolver, builder);
        self.selectors.insert(key, name.clone());
        name
    }

    /// A set that follows the facts.
    pub(super) fn view(
        &self,
        kind: (&str, &str),
        family: AddressFamily,
        identity: &str,
        comment: &str,
        content: Content,
        builder: &mut TableBuilder,
    ) -> Name {
        followed::view(kind, family, (identity, comment), content, self.resolver, builder)
    }
}

/// A block without its exceptions, which carve their hole in this block alone, not in its neighbours (sem-46).
pub(super) fn block(cidr: ipnet::IpNet, except: &[ipnet::IpNet]) -> Intervals {
    let mut block = Intervals::empty(address_family(cidr.addr()).address_type());
    block.insert(Interval::network(cidr));
    for hole in except {
        block.remove(Interval::network(*hole));
    }
    block
}

/// One comparison where that is enough, otherwise a set of disjoint intervals.
pub(super) fn block_test(field: Field, intervals: &Intervals, builder: &mut TableBuilder) -> Option<Expr> {
    if intervals.is_empty() {
        return None;
    }
    if let Some(value) = intervals.as_value() {
        return Some(Expr::Match(Match { field, mask: None, operator: Operator::Eq, value }));
    }
    let set = builder.constant_set("net", "", SetSpec::intervals([field.data_type()]), intervals.elements());
    Some(lookup(field, &set))
}

pub(super) fn lookup(field: Field, set: &Name) -> Expr {
    Lookup::in_set(field, set, Operator::Eq)
}

pub(super) fn peer_field(direction: Direction, family: AddressFamily) -> Field {
    // The peer of an egress rule is where the subject of an ingress rule is.
    match direction {
        Direction::Egress => own_field(Direction::Ingress, family),
        Direction::Ingress => own_field(Direction::Egress, family),
    }
}
