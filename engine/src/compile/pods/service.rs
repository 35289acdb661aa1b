//! What a Service stands for as a peer: its endpoints, each with its port, or its own addresses.
//!
//! The sets are named after the Service, so endpoints come and go by elements; a Service that does not exist yet has
//! empty ones.

use std::collections::BTreeMap;

use policy_lang::name::NamespacedName;
use policy_lang::peer::ServicePart;

use super::family::AddressFamily;
use crate::compile::builder::TableBuilder;
use crate::inventory::{Inventory, Service};
use crate::ruleset::{
    Comment, DataType, Datum, Element, ElementKey, Elements, Expr, Field, Lookup, Name, Operator, SetRef, SetSpec,
};

/// Makes the sets of each Service once.
#[derive(Debug, Default)]
pub(super) struct ServiceSets {
    sets: BTreeMap<(NamespacedName, AddressFamily, Part), Name>,
}

/// What a set holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Part {
    /// Endpoints: address, protocol and port.
    Ports,
    /// Endpoints that are every port of a protocol: address and protocol.
    Protocols,
    /// The Service's own addresses.
    Addresses,
}

impl ServiceSets {
    /// The tests that the address in this field, with the packet's protocol and destination port, is what is meant:
    /// alternatives.
    pub(super) fn tests(
        &mut self,
        name: &NamespacedName,
        part: ServicePart,
        (family, field): (AddressFamily, Field),
        inventory: &Inventory,
        builder: &mut TableBuilder,
    ) -> Vec<Expr> {
        let parts: &[Part] = match part {
            ServicePart::Endpoints => &[Part::Ports, Part::Protocols],
            ServicePart::Addresses => &[Part::Addresses],
        };
        let mut test = |part: &Part| {
            let made = || set(name, *part, family, inventory.services.get(name), builder);
            let set = self.sets.entry((name.clone(), family, *part)).or_insert_with(made);
            let rest: &[Field] = match part {
                Part::Ports => &[Field::L4Proto, Field::ThDport],
                Part::Protocols => &[Field::L4Proto],
                Part::Addresses => &[],
            };
            let key = std::iter::once(field).chain(rest.iter().copied()).collect();
            Expr::Lookup(Lookup { key, operator: Operator::Eq, set: SetRef::Named(set.clone()) })
        };
        parts.iter().map(&mut test).collect()
    }
}

fn set(
    name: &NamespacedName,
    part: Part,
    family: AddressFamily,
    service: Option<&Service>,
    builder: &mut TableBuilder,
) -> Name {
    let endpoints = || service.into_iter().flat_map(|service| &service.endpoints);
    let keys: Vec<Vec<Datum>> = match part {
        Part::Ports => endpoints()
            .filter_map(|endpoint| {
                let protocol = Datum::protocol(endpoint.protocol.number());
                Some(vec![Datum::address(endpoint.address), protocol, Datum::port(endpoint.port?)])
            })
            .collect(),
        Part::Protocols => endpoints()
            .filter(|endpoint| endpoint.port.is_none())
            .map(|endpoint| vec![Datum::address(endpoint.address), Datum::protocol(endpoint.protocol.number())])
            .collect(),
        Part::Addresses => {
            let addresses = service.into_iter().flat_map(|service| &service.addresses);
            addresses.map(|address| vec![Datum::address(*address)]).collect()
        }
    };
    let is_of_family =
        |key: &Vec<Datum>| key.first().is_some_and(|address| address.data_type() == family.address_type());
    let element = |key: Vec<Datum>| (ElementKey::values(key), Element::PLAIN);
    let elements: Elements = keys.into_iter().filter(is_of_family).map(element).collect();
    let (types, words): (&[DataType], _) = match part {
        Part::Ports => (&[DataType::InetProto, DataType::InetService], format!("endpoints of service {name}")),
        Part::Protocols => (&[DataType::InetProto], format!("endpoints of service {name} at every port")),
        Part::Addresses => (&[], format!("addresses of service {name}")),
    };
    let types: Vec<_> = std::iter::once(family.address_type()).chain(types.iter().copied()).collect();
    let spec = SetSpec { comment: Some(Comment::new(&words)), ..SetSpec::hash(types) };
    builder.changing_set(&format!("svc{}", family.digit()), &name.name, &words, spec, elements)
}
