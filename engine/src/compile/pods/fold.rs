//! Blocks of addresses with ports as one look-up.
//!
//! Rules one after the other cost each packet what all of them cost. Permissions have no order, so those that are
//! blocks with numbered ports become one set of disjoint boxes, and one look-up says the same.

use std::collections::BTreeMap;

use policy_lang::port::Protocol;

use super::cut;
use super::port;
use crate::compile::builder::TableBuilder;
use crate::interval::Intervals;
use crate::limits::{CUTS_MAX, EXPANDED_PORTS_MAX, POD_PORTS_MAX};
use crate::ruleset::{
    DataType, Datum, Element, ElementKey, Elements, Expr, Field, Interval, Lookup, Operator, SetRef, SetSpec,
};

/// Addresses of the peer, and ports of one protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Permission {
    protocol: Protocol,
    addresses: Interval,
    ports: Interval,
}

/// Blocks with ranges of ports of one protocol.
pub(super) type Blocks<'s> = (Protocol, &'s [(u16, u16)], &'s Intervals);

/// Single addresses with narrow ranges of ports, port by port, so that a hash holds them all; nothing if anything is
/// wider, or they are too many.
pub(super) fn exact(all: &[Blocks<'_>]) -> Option<Vec<Permission>> {
    let mut exact = Vec::new();
    for (protocol, ranges, blocks) in all {
        for addresses in blocks.iter() {
            for (first, last) in *ranges {
                let is_wide = u32::from(last - first) >= EXPANDED_PORTS_MAX || !addresses.is_single();
                if is_wide || exact.len() >= POD_PORTS_MAX {
                    return None;
                }
                let ports = (*first..=*last).filter_map(|port| port::interval((port, port)));
                exact.extend(ports.map(|ports| Permission { protocol: *protocol, addresses, ports }));
            }
        }
    }
    Some(exact)
}

/// Blocks of one type of address, each with ports, as boxes of which no two overlap; nothing if that takes too many.
pub(super) fn disjoint(data_type: DataType, all: &[Blocks<'_>]) -> Option<Vec<Permission>> {
    let mut by_protocol: BTreeMap<Protocol, Vec<cut::Range<&Intervals>>> = BTreeMap::new();
    for (protocol, ranges, blocks) in all {
        let ranges = ranges.iter().map(|(first, last)| (*first, *last, *blocks));
        by_protocol.entry(*protocol).or_default().extend(ranges);
    }
    let nobody = Intervals::empty(data_type);
    let add = |all: &mut Intervals, blocks: &&Intervals| {
        all.extend(blocks);
        blocks.len()
    };
    let mut n_steps_left = CUTS_MAX;
    let mut boxes = Vec::new();
    for (protocol, ranges) in by_protocol {
        for (first, last, blocks) in cut::disjoint(&ranges, &nobody, add, &mut n_steps_left)? {
            let ports = port::interval((first, last))?;
            boxes.extend(blocks.iter().map(|addresses| Permission { protocol, addresses, ports }));
        }
    }
    Some(boxes)
}

/// The boxes as one look-up.
pub(super) fn look_up(field: Field, boxes: &[Permission], tail: &str, builder: &mut TableBuilder) -> Expr {
    let key = vec![field, Field::L4Proto, Field::ThDport];
    let types: Vec<DataType> = key.iter().map(|field| field.data_type()).collect();
    let parts =
        |found: &Permission| [found.addresses, Interval::single(Datum::protocol(found.protocol.number())), found.ports];
    let single = boxes.iter().flat_map(parts).all(|part| part.is_single());
    let elements: Elements = boxes.iter().map(|found| (ElementKey::intervals(parts(found)), Element::PLAIN)).collect();
    let spec = if single { SetSpec::hash(types).sized_for(&elements) } else { SetSpec::intervals(types) };
    let set = SetRef::Named(builder.constant_set("blocks", tail, spec, elements));
    Expr::Lookup(Lookup { key, operator: Operator::Eq, set })
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;

    type Numbered = (Protocol, [(u16, u16); 1], Intervals);

    fn blocks(network: &str) -> Intervals {
        let mut blocks = Intervals::empty(DataType::Ipv4Addr);
        blocks.insert(Interval::network(network.parse::<IpNet>().unwrap().trunc()));
        blocks
    }

    fn numbered_blocks(all: &[Numbered]) -> Vec<Blocks<'_>> {
        all.iter().map(|(protocol, ports, blocks)| (*protocol, &ports[..], blocks)).collect()
    }

    fn disjoint(all: &[Numbered]) -> Option<Vec<Permission>> {
        super::disjoint(DataType::Ipv4Addr, &numbered_blocks(all))
    }

    fn numbered() -> impl Strategy<Value = Numbered> {
        // Few values, so that much overlaps.
        (any::<bool>(), 0_u8..8, 29_u8..=32, 0_u16..12, 0_u16..5).prop_map(|(is_tcp, host, length, port, width)| {
            let protocol = if is_tcp { Protocol::Tcp } else { Protocol::Udp };
            (protocol, [(port, port + width)], blocks(&format!("10.0.0.{host}/{length}")))
        })
    }

    proptest! {
        #[test]
        fn boxes_hold_what_the_blocks_hold_and_hold_it_once(all in prop::collection::vec(numbered(), 0..20)) {
            let boxes = disjoint(&all).unwrap();
            for wanted in [Protocol::Tcp, Protocol::Udp] {
                for address in 0..9 {
                    for port in 0..18 {
                        let address = Datum::number(DataType::Ipv4Addr, 0x0a00_0000 + address);
                        let permits = |(protocol, [(first, last)], blocks): &Numbered| {
                            let has_address = blocks.iter().any(|block| block.contains(&address));
                            *protocol == wanted && (*first..=*last).contains(&port) && has_address
                        };
                        let holds = |found: &&Permission| {
                            let has_port = found.ports.contains(&Datum::port(port));
                            found.protocol == wanted && has_port && found.addresses.contains(&address)
                        };
                        prop_assert_eq!(boxes.iter().filter(holds).count(), usize::from(all.iter().any(permits)));
                    }
                }
            }
        }
    }

    #[test]
    fn single_addresses_with_narrow_ranges_are_exact_even_where_their_ports_touch() {
        let numbered = |first, last, network| (Protocol::Tcp, [(first, last)], blocks(network));
        let mut all = vec![numbered(80, 80, "10.0.0.1/32"), numbered(81, 83, "10.0.0.1/32")];
        let exact = exact(&numbered_blocks(&all)).unwrap();
        assert_eq!(exact.len(), 4);
        assert!(exact.iter().all(|found| found.ports.is_single() && found.addresses.is_single()));
        for wider in [numbered(90, 90, "10.0.0.0/31"), numbered(90, 120, "10.0.0.1/32")] {
            all.push(wider);
            assert_eq!(super::exact(&numbered_blocks(&all)), None);
            all.pop();
        }
    }

    #[test]
    fn blocks_that_would_take_too_many_boxes_are_none() {
        let numbered =
            |n: u16| (Protocol::Tcp, [(1 + n, 60_000 + n)], blocks(&format!("10.0.{}.{}/32", n / 256, n % 256)));
        let all: Vec<_> = (0..1_000).map(numbered).collect();
        assert_eq!(disjoint(&all), None);
    }
}
