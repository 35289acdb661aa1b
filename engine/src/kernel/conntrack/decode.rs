//! Entries in the kernel's bytes, which are taken for what they are: any bytes at all.

use std::net::{IpAddr, Ipv4Addr};

use super::{Bit, End, Entry, Family, Filter, Flow, Key, Tuple};
use crate::kernel::attribute::{Attributes, push};

/// `CTA_*`.
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const TIMEOUT: u16 = 7;
const MARK: u16 = 8;
const ID: u16 = 12;
const ZONE: u16 = 18;
const MARK_MASK: u16 = 21;
const FILTER: u16 = 25;

/// `CTA_STATS_GLOBAL_ENTRIES`.
const GLOBAL_ENTRIES: u16 = 1;

/// `CTA_TUPLE_*`.
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;

/// `CTA_IP_*`, for IPv4 and IPv6.
const SOURCE: [u16; 2] = [1, 3];
const DESTINATION: [u16; 2] = [2, 4];

/// `CTA_PROTO_*`.
const NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
/// Identifier, type and code.
const ICMP: [u16; 3] = [4, 5, 6];
const ICMPV6: [u16; 3] = [7, 8, 9];

/// `CTA_FILTER_ORIG_FLAGS`, `CTA_FILTER_REPLY_FLAGS`, and the flag that compares the source address.
const FILTER_ORIGINAL: u16 = 1;
const FILTER_REPLY: u16 = 2;
const COMPARE_SOURCE: u32 = 1;

/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// An entry, unless it lacks what makes it one.
pub(in crate::kernel) fn entry(family: u8, attributes: Attributes<'_>) -> Option<Entry> {
    let wire = attributes.get(TUPLE_ORIGINAL)?;
    let flow = Flow {
        id: attributes.u32(ID).unwrap_or(0),
        zone: attributes.u16(ZONE).unwrap_or(0),
        family,
        tuple: wire.into(),
    };
    Some(Entry {
        flow,
        original: tuple(Attributes::new(wire))?,
        reply: tuple(attributes.nest(TUPLE_REPLY)?)?,
        status: attributes.u32(STATUS).unwrap_or(0),
        // The kernel leaves a mark of 0 out.
        mark: attributes.u32(MARK).unwrap_or(0),
        timeout: attributes.u32(TIMEOUT).unwrap_or(0),
    })
}

fn tuple(attributes: Attributes<'_>) -> Option<Tuple> {
    let ip = attributes.nest(TUPLE_IP)?;
    let protocol = attributes.nest(TUPLE_PROTOCOL)?;
    let (source, destination) = (address(ip, SOURCE)?, address(ip, DESTINATION)?);
    let is_one_family = source.is_ipv4() == destination.is_ipv4();
    is_one_family.then_some(Tuple { source, destination, protocol: protocol.u8(NUMBER)?, key: key(protocol) })
}

fn address(ip: Attributes<'_>, [v4, v6]: [u16; 2]) -> Option<IpAddr> {
    if let Some(bytes) = ip.get(v4) {
        return <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    }
    <[u8; 16]>::try_from(ip.get(v6)?).ok().map(IpAddr::from)
}

fn key(protocol: Attributes<'_>) -> Key {
    if let (Some(source), Some(destination)) = (protocol.u16(SOURCE_PORT), protocol.u16(DESTINATION_PORT)) {
        return Key::Ports { source, destination };
    }
    for [id, icmp_type, code] in [ICMP, ICMPV6] {
        if let (Some(id), Some(icmp_type), Some(code)) = (protocol.u16(id), protocol.u8(icmp_type), protocol.u8(code)) {
            return Key::Icmp { id, icmp_type, code };
        }
    }
    Key::None
}

/// How many entries there are.
pub(super) fn count(attributes: Attributes<'_>) -> Option<u32> {
    attributes.u32(GLOBAL_ENTRIES)
}

/// The family and the attributes of a message that changes the bits of `mask` in a flow's mark.
pub(in crate::kernel) fn change(flow: &Flow, bit: Bit, mask: u32) -> (u8, Vec<u8>) {
    let Flow { id, zone, family, tuple } = flow;
    let mut attributes = Vec::with_capacity(tuple.len() + 64);
    push(&mut attributes, TUPLE_ORIGINAL | NESTED, tuple);
    push(&mut attributes, ID, &id.to_be_bytes());
    if *zone != 0 {
        push(&mut attributes, ZONE, &zone.to_be_bytes());
    }
    // The kernel makes `mark & ~mask ^ value` of these two.
    let value = match bit {
        Bit::Set => mask,
        Bit::Cleared => 0,
    };
    push(&mut attributes, MARK, &value.to_be_bytes());
    push(&mut attributes, MARK_MASK, &mask.to_be_bytes());
    (*family, attributes)
}

/// The family and the attributes of a question for entries.
pub(super) fn question(filter: &Filter) -> (u8, Vec<u8>) {
    let Filter { family, end, mark } = filter;
    let family = match family.or(end.map(|(_, address)| Family::of(address))) {
        Some(Family::V4) => libc::AF_INET,
        Some(Family::V6) => libc::AF_INET6,
        None => libc::AF_UNSPEC,
    };
    let mut attributes = Vec::new();
    if let Some((mask, bits)) = mark {
        push(&mut attributes, MARK, &bits.to_be_bytes());
        push(&mut attributes, MARK_MASK, &mask.to_be_bytes());
    }
    // Asked for an IPv6 address, kernels up to 6.18 at least hand over the flows of every other one.
    if let Some((end, IpAddr::V4(address))) = end {
        push_end(&mut attributes, *end, *address);
    }
    (u8::try_from(family).unwrap_or(0), attributes)
}

fn push_end(attributes: &mut Vec<u8>, end: End, address: Ipv4Addr) {
    let (mut ip, mut tuple, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    let [source, _] = SOURCE;
    push(&mut ip, source, &address.octets());
    push(&mut tuple, TUPLE_IP | NESTED, &ip);
    let (direction, original, reply) = match end {
        End::Client => (TUPLE_ORIGINAL, COMPARE_SOURCE, 0),
        End::Server => (TUPLE_REPLY, 0, COMPARE_SOURCE),
    };
    push(attributes, direction | NESTED, &tuple);
    push(&mut flags, FILTER_ORIGINAL, &original.to_ne_bytes());
    push(&mut flags, FILTER_REPLY, &reply.to_ne_bytes());
    push(attributes, FILTER | NESTED, &flags);
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::message::{Content, Messages, Subsystem};

    /// An entry in the bytes that a kernel sent: a UDP flow to a virtual address that is translated, with a mark.
    pub(in crate::kernel::conntrack) fn sample(mark: u32) -> Vec<u8> {
        let tuple = |from: [u8; 4], to: [u8; 4], ports: [u16; 2]| {
            let (mut ip, mut protocol, mut tuple) = (Vec::new(), Vec::new(), Vec::new());
            push(&mut ip, 1, &from);
            push(&mut ip, 2, &to);
            push(&mut protocol, 1, &[17]);
            push(&mut protocol, 2, &ports[0].to_be_bytes());
            push(&mut protocol, 3, &ports[1].to_be_bytes());
            push(&mut tuple, 1 | NESTED, &ip);
            push(&mut tuple, 2 | NESTED, &protocol);
            tuple
        };
        let mut bytes = Vec::new();
        push(&mut bytes, 1 | NESTED, &tuple([10, 0, 0, 1], [198, 18, 0, 1], [4000, 53]));
        push(&mut bytes, 2 | NESTED, &tuple([10, 0, 0, 2], [10, 0, 0, 1], [5353, 4000]));
        push(&mut bytes, 3, &0x28a_u32.to_be_bytes());
        push(&mut bytes, 8, &mark.to_be_bytes());
        push(&mut bytes, 12, &77_u32.to_be_bytes());
        bytes
    }

    #[test]
    fn an_entry_is_read_and_its_change_names_the_same_bytes() {
        let bytes = sample(0x41);
        let entry = entry(2, Attributes::new(&bytes)).unwrap();
        assert_eq!(entry.ends(), ["10.0.0.1".parse::<IpAddr>().unwrap(), "10.0.0.2".parse().unwrap()]);
        assert_eq!(entry.original.key, Key::Ports { source: 4000, destination: 53 });
        assert_eq!(entry.reply.key, Key::Ports { source: 5353, destination: 4000 });
        assert_eq!((entry.flow.id, entry.mark, entry.status & 32), (77, 0x41, 0));
        let (family, change) = change(&entry.flow, Bit::Set, 0x40);
        let change = Attributes::new(&change);
        assert_eq!(family, 2);
        assert_eq!(change.get(1), Attributes::new(&bytes).get(1));
        assert_eq!((change.u32(8), change.u32(21), change.u16(18)), (Some(0x40), Some(0x40), None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            drop(entry(2, Attributes::new(&bytes)));
            for received in Messages::of(Subsystem::Conntrack, &bytes) {
                if let Content::Object { family, attributes, .. } = received.content {
                    drop(entry(family, attributes));
                }
            }
        }

        #[test]
        fn a_damaged_entry_is_read_or_left_out(at in 0_usize..200, byte: u8, cut in 0_usize..220) {
            let mut bytes = sample(1);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut);
            if let Some(entry) = entry(2, Attributes::new(&bytes)) {
                prop_assert_eq!(entry.original.source.is_ipv4(), entry.original.destination.is_ipv4());
                drop(change(&entry.flow, Bit::Cleared, 1));
            }
        }
    }
}
