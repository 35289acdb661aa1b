//! The pods of this node: their addresses, as facts and as sets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use policy_lang::name::NamespacedName;

use super::bound::BoundPods;
use super::family::{AddressFamily, FAMILIES};
use crate::compile::address_family;
use crate::compile::builder::TableBuilder;
use crate::inventory::Pod;
use crate::resolve::Resolver;
use crate::ruleset::{Datum, Element, ElementKey, Elements, Expr, Field, Lookup, Name, Operator, Set, SetSpec};

/// The addresses of the node's pods, each with the pods that it belongs to.
pub(super) type LocalAddresses<'a> = BTreeMap<IpAddr, Vec<(&'a NamespacedName, &'a Pod)>>;

/// The addresses that the node's pods own. A pod that has yielded an address is not among its pods.
pub(super) fn addresses<'a>(resolver: &Resolver<'a>, bound: &BoundPods) -> LocalAddresses<'a> {
    let mut local = LocalAddresses::new();
    for (name, pod) in bound.pods(resolver.inventory()) {
        for address in pod.addresses.iter().filter(|address| resolver.owns(name, **address)) {
            local.entry(*address).or_default().push((name, pod));
        }
    }
    local
}

/// The sets of all local pod addresses, for the families that have some.
#[derive(Debug)]
pub(super) struct LocalSets(Vec<(AddressFamily, Name)>);

impl LocalSets {
    /// Makes the sets.
    pub(super) fn new(local: &LocalAddresses<'_>, builder: &mut TableBuilder) -> Self {
        let made = FAMILIES.into_iter().filter_map(|family| {
            let elements: Elements = local
                .keys()
                .filter(|address| address_family(**address) == family)
                .map(|address| (ElementKey::values([Datum::address(*address)]), Element::PLAIN))
                .collect();
            (!elements.is_empty()).then(|| {
                let name = Name::ours(&format!("local{}", family.digit()));
                builder.named_set(name.clone(), Set { spec: SetSpec::hash([family.address_type()]), elements });
                (family, name)
            })
        });
        Self(made.collect())
    }

    /// The tests that an address field, which depends on the family, holds a local pod's address.
    pub(super) fn holding(&self, field: fn(AddressFamily) -> Field) -> impl Iterator<Item = Expr> {
        self.0.iter().map(move |(family, set)| Lookup::in_set(field(*family), set, Operator::Eq))
    }

    /// The test that a field of this family holds one; nothing if there are none.
    pub(super) fn holding_one(&self, family: AddressFamily, field: Field) -> Option<Expr> {
        let (_, set) = self.0.iter().find(|(known, _)| *known == family)?;
        Some(Lookup::in_set(field, set, Operator::Eq))
    }

    /// The test that it holds none of them; nothing if there are none in this family.
    pub(super) fn lacking(&self, family: AddressFamily, field: Field) -> Option<Expr> {
        let (_, set) = self.0.iter().find(|(known, _)| *known == family)?;
        Some(Lookup::in_set(field, set, Operator::Ne))
    }
}
