//! Local addresses that no known pod owns (decisions.md 17).
//!
//! Between the moment at which a pod sends its first packet and that at which the API tells its address, the baseline
//! binds it all the same, without exemptions; and while a pod of this node that would be isolated has no address, so
//! are all packets from and to such addresses. What is local comes from the configuration, never from a guess.

use policy_lang::policy::Direction;

use super::bound::BoundPods;
use super::chain::PolicyChains;
use super::family::{AddressFamily, FAMILIES, own_field};
use super::local::LocalSets;
use super::matching::{interface, number, plain, within};
use super::subject::{Isolation, PolicySet};
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::compile::options::{PodOptions, Quarantine};
use crate::interval::Intervals;
use crate::inventory::Inventory;
use crate::resolve::Resolver;
use crate::ruleset::{Expr, Field, Interval, Operator, Rule, Verdict};

/// What is local on this node.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    ranges: [(AddressFamily, Intervals); 2],
    options: &'a PodOptions,
}

impl<'a> Guard<'a> {
    /// As configured.
    pub(super) fn new(options: &'a PodOptions, node: &str, inventory: &Inventory) -> Self {
        let local = &options.local;
        let of_node = inventory.nodes.get(node).filter(|_| local.node_pod_cidrs);
        let of_node = of_node.map_or(&[][..], |node| node.pod_cidrs.as_slice());
        let ranges = FAMILIES.map(|family| {
            let mut ranges = Intervals::empty(family.address_type());
            let cidrs = local.ranges.iter().chain(of_node).filter(|cidr| address_family(cidr.addr()) == family);
            cidrs.for_each(|cidr| ranges.insert(Interval::network(*cidr)));
            (family, ranges)
        });
        Self { ranges, options }
    }

    /// Whether anything is said to be local.
    pub(super) fn is_configured(&self) -> bool {
        self.prefix().is_some() || self.ranges.iter().any(|(_, ranges)| !ranges.is_empty())
    }

    /// The beginning of the names of pods' interfaces.
    pub(super) fn prefix(&self) -> Option<&'a str> {
        self.options.local.interface_prefix.as_deref()
    }

    /// The tests that a packet comes from a local pod, or goes to one, known or not.
    pub(super) fn local(&self, direction: Direction) -> Vec<Expr> {
        let by_interface = self.prefix().map(|prefix| interface(wire(direction), prefix, Operator::Eq));
        let by_address = self
            .ranges
            .iter()
            .filter_map(|(family, ranges)| within(own_field(direction, *family), ranges, Operator::Eq));
        by_interface.into_iter().chain(by_address).collect()
    }

    /// The rules that judge packets from such addresses, or to them, with the family that each is about.
    pub(super) fn rules(
        &self,
        direction: Direction,
        bound: &BoundPods,
        locals: &LocalSets,
        chains: &mut PolicyChains<'_>,
        builder: &mut TableBuilder,
    ) -> Vec<(AddressFamily, Rule)> {
        if !self.is_configured() {
            return Vec::new();
        }
        let awaited = awaits_address(direction, bound, chains.resolver());
        let isolation = match (awaited, self.options.quarantine) {
            (true, Quarantine::Drop) => Isolation::Quarantine,
            (true, Quarantine::Count) => Isolation::Counted,
            (false, Quarantine::Drop | Quarantine::Count) => Isolation::Open,
        };
        let set = PolicySet::new(bound.unknown(direction, chains.policies(), isolation));
        if set.is_empty() {
            return Vec::new();
        }
        let judge = Expr::Verdict(Verdict::Jump(chains.chain(&set, builder)));
        let tests = self.unknown(direction, locals);
        let rule = |(family, mut test): (AddressFamily, Vec<Expr>)| {
            test.push(judge.clone());
            (family, plain(test))
        };
        tests.into_iter().map(rule).collect()
    }

    /// The tests that the address is local and nobody's. No packet passes two of them.
    fn unknown(&self, direction: Direction, locals: &LocalSets) -> Vec<(AddressFamily, Vec<Expr>)> {
        let mut tests = Vec::new();
        for (family, ranges) in &self.ranges {
            let field = own_field(direction, *family);
            let nobodys = locals.lacking(*family, field);
            if let Some(in_range) = within(field, ranges, Operator::Eq) {
                let elsewhere = self.prefix().map(|prefix| interface(wire(direction), prefix, Operator::Ne));
                tests.push((*family, elsewhere.into_iter().chain([in_range]).chain(nobodys.clone()).collect()));
            }
            if let Some(prefix) = self.prefix() {
                let of_family = nobodys.unwrap_or_else(|| number(Field::NfProto, family.number()));
                tests.push((*family, vec![interface(wire(direction), prefix, Operator::Eq), of_family]));
            }
        }
        tests
    }
}

/// Whether a pod of the node that NetworkPolicies isolate in this direction has no address yet.
fn awaits_address(direction: Direction, bound: &BoundPods, resolver: &Resolver<'_>) -> bool {
    let awaited = bound.pods(resolver.inventory()).filter(|(_, pod)| pod.addresses.is_empty());
    awaited
        .filter_map(|(name, _)| bound.set(direction, name))
        .any(|set| matches!(set.isolation, Isolation::Policies(_)))
}

/// The interface of the pod that is judged.
fn wire(direction: Direction) -> Field {
    match direction {
        Direction::Egress => Field::Iifname,
        Direction::Ingress => Field::Oifname,
    }
}
