//! A pod cannot block itself: a connection through a Service that comes back is accepted once the admins' tiers have
//! been asked (decisions.md 13).

use std::net::IpAddr;

use super::family::{AddressFamily, FAMILIES};
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::ruleset::{
    Comment, Datum, Element, ElementKey, Elements, Expr, Lookup, Name, Operator, Rule, Set, SetRef, SetSpec, Verdict,
};

/// nft cannot compare two fields, so every local pod's address stands in a set with itself.
pub(super) struct Hairpin {
    addresses: Vec<IpAddr>,
    rules: Option<Vec<Rule>>,
    was_asked: bool,
}

impl Hairpin {
    /// Of these addresses.
    pub(super) fn new(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, rules: None, was_asked: false }
    }

    /// The rules that permit it.
    pub(super) fn rules(&mut self, builder: &mut TableBuilder) -> Vec<Rule> {
        let Self { addresses, rules, was_asked } = self;
        *was_asked = true;
        let made = || FAMILIES.into_iter().filter_map(|family| rule(family, addresses, builder)).collect();
        rules.get_or_insert_with(made).clone()
    }

    /// The rules, if anybody has asked for them since this was called.
    pub(super) fn asked(&mut self) -> Option<Vec<Rule>> {
        let was_asked = std::mem::take(&mut self.was_asked);
        self.rules.clone().filter(|_| was_asked)
    }
}

fn rule(family: AddressFamily, addresses: &[IpAddr], builder: &mut TableBuilder) -> Option<Rule> {
    let elements: Elements = addresses
        .iter()
        .filter(|address| address_family(**address) == family)
        .map(|address| {
            let address = Datum::address(*address);
            (ElementKey::values([address, address]), Element::PLAIN)
        })
        .collect();
    if elements.is_empty() {
        return None;
    }
    let name = Name::ours(&format!("self{}", family.digit()));
    let spec = SetSpec::hash([family.address_type(), family.address_type()]);
    builder.named_set(name.clone(), Set { spec, elements });
    let lookup = Lookup { key: vec![family.saddr(), family.daddr()], operator: Operator::Eq, set: SetRef::Named(name) };
    Some(Rule {
        exprs: vec![Expr::Lookup(lookup), Expr::Verdict(Verdict::Return)],
        comment: Some(Comment::new("a pod through a Service to itself")),
    })
}
