//! Blocks of addresses with ports as one look-up.
//!
//! Rules one after the other cost each packet what all of them cost. Permissions have no order, so those that are
//! blocks with numbered ports become one set of disjoint boxes, and one look-up says the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::builder::TableBuilder;
use crate::interval::Intervals;
use crate::limits::CUTS_MAX;
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Operator, SetRef, SetSpec,
};

/// Addresses of the peer, and ports of one protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Permission {
    pub(super) protocol: u8,
    pub(super) addresses: Interval,
    pub(super) ports: Interval,
}

/// The same permissions as boxes of which no two overlap; nothing if that takes too many.
///
/// The ports of each protocol are cut wherever a range begins or ends. What lies between two cuts has one set of
/// addresses, and neighbours with the same addresses are joined again.
pub(super) fn disjoint(all: &[Permission]) -> Option<Vec<Permission>> {
    let mut by_protocol: BTreeMap<u8, Vec<&Permission>> = BTreeMap::new();
    for permission in all {
        by_protocol.entry(permission.protocol).or_default().push(permission);
    }
    let mut n_steps = 0;
    let mut boxes = Vec::new();
    for (protocol, permissions) in by_protocol {
        let data_type = permissions.first()?.addresses.data_type();
        let ends = |permission: &&Permission| [number(permission.ports.low()), number(permission.ports.high()) + 1];
        let cuts: BTreeSet<u32> = permissions.iter().flat_map(ends).collect();
        let cuts: Vec<u32> = cuts.into_iter().collect();
        let mut areas = vec![Intervals::empty(data_type); cuts.len()];
        for permission in permissions {
            let first = cuts.partition_point(|cut| *cut < number(permission.ports.low()));
            let after = cuts.partition_point(|cut| *cut <= number(permission.ports.high()));
            n_steps += after - first;
            if n_steps > CUTS_MAX {
                return None;
            }
            for area in areas.get_mut(first..after)? {
                area.insert(permission.addresses);
            }
        }
        for (first, last, area) in joined(&cuts, &areas) {
            let port = |number| Datum::number(DataType::InetService, number);
            let ports = Interval::new(port(first), port(last))?;
            boxes.extend(area.iter().map(|addresses| Permission { protocol, addresses, ports }));
        }
    }
    Some(boxes)
}

/// Runs of ports with the same addresses, those without any left out.
fn joined<'a>(cuts: &[u32], areas: &'a [Intervals]) -> Vec<(u32, u32, &'a Intervals)> {
    let mut runs: Vec<(u32, u32, &Intervals)> = Vec::new();
    for (between, area) in cuts.windows(2).zip(areas) {
        let [first, next] = between else { continue };
        match runs.last_mut() {
            _ if area.is_empty() => {}
            Some((_, last, same)) if *last + 1 == *first && *same == area => *last = next - 1,
            _ => runs.push((*first, next - 1, area)),
        }
    }
    runs
}

/// The boxes as one look-up.
pub(super) fn look_up(field: Field, boxes: &[Permission], tail: &str, builder: &mut TableBuilder) -> Expr {
    let key = vec![field, Field::L4Proto, Field::ThDport];
    let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
    let parts = |found: &Permission| [found.addresses, Interval::single(Datum::protocol(found.protocol)), found.ports];
    let single = boxes.iter().flat_map(parts).all(|part| part.is_single());
    let elements: Elements = boxes.iter().map(|found| (ElementKey::intervals(parts(found)), Element::PLAIN)).collect();
    let spec = if single { SetSpec::hash(types) } else { SetSpec::intervals(types) };
    let set = SetRef::Named(builder.constant_set("blocks", tail, spec, elements));
    Expr::Lookup(Lookup { key, operator: Operator::Eq, set })
}

fn number(port: Datum) -> u32 {
    u32::try_from(port.to_u128()).unwrap_or(u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;

    fn permission() -> impl Strategy<Value = Permission> {
        // Few values, so that much overlaps.
        (0_u8..2, 0_u8..8, 29_u8..=32, 0_u16..12, 0_u16..5).prop_map(|(protocol, host, length, port, width)| {
            let network: IpNet = format!("10.0.0.{host}/{length}").parse().unwrap();
            let ports = Interval::new(Datum::port(port), Datum::port(port + width)).unwrap();
            Permission { protocol: 6 + protocol * 11, addresses: Interval::network(network.trunc()), ports }
        })
    }

    fn holds(permissions: &[Permission], protocol: u8, address: Datum, port: Datum) -> usize {
        let is_in = |found: &&Permission| {
            found.protocol == protocol && found.addresses.contains(&address) && found.ports.contains(&port)
        };
        permissions.iter().filter(is_in).count()
    }

    proptest! {
        #[test]
        fn boxes_hold_what_the_permissions_hold_and_hold_it_once(all in prop::collection::vec(permission(), 0..20)) {
            let boxes = disjoint(&all).unwrap();
            for protocol in [6, 17] {
                for address in 0..9 {
                    for port in 0..18 {
                        let address = Datum::number(DataType::Ipv4Addr, 0x0a00_0000 + address);
                        let expected = holds(&all, protocol, address, Datum::port(port)).min(1);
                        prop_assert_eq!(holds(&boxes, protocol, address, Datum::port(port)), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn permissions_that_would_take_too_many_boxes_stay_rules() {
        let permission = |n: u16| Permission {
            protocol: 6,
            addresses: Interval::single(Datum::number(DataType::Ipv4Addr, n.into())),
            ports: Interval::new(Datum::port(1 + n), Datum::port(60_000 + n)).unwrap(),
        };
        let all: Vec<_> = (0..1_000).map(permission).collect();
        assert_eq!(disjoint(&all), None);
    }

    #[test]
    fn the_highest_port_has_an_end() {
        let all = [Permission {
            protocol: 6,
            addresses: Interval::network("10.0.0.0/8".parse().unwrap()),
            ports: Interval::new(Datum::port(1), Datum::port(u16::MAX)).unwrap(),
        }];
        assert_eq!(disjoint(&all).unwrap(), all);
    }
}
