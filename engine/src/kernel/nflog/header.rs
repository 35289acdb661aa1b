//! What the first bytes of an IP packet say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol numbers (IANA).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;
/// IPv6's extension headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;

/// The bits of the fragment offset in IPv4 and, shifted by three, in IPv6.
const OFFSET: u16 = 0x1fff;

/// An IP packet, as far as it was copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Headers {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The protocol by its number, behind IPv6's extension headers.
    pub protocol: u8,
    /// What that protocol says.
    pub transport: Transport,
    /// The length that the packet says it has, its IP header included, in bytes; 0 for a jumbogram.
    pub length: u32,
}

/// What the transport protocol says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP, UDP, SCTP, DCCP, UDP-Lite.
    Ports {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP in an IPv4 packet, ICMPv6 in an IPv6 packet.
    Icmp {
        /// The type.
        icmp_type: u8,
        /// The code.
        code: u8,
    },
    /// A fragment that is not the first: it has no transport header.
    Fragment,
    /// A protocol without ports, or a header that was not copied.
    Unknown,
}

/// Reads a packet from its IP header on.
pub(in crate::kernel) fn read(packet: &[u8]) -> Option<Headers> {
    match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }
}

fn v4(packet: &[u8]) -> Option<Headers> {
    let header: &[u8; 20] = packet.first_chunk()?;
    let [first, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let rest = packet.get(usize::from(first & 0xf) * 4..).unwrap_or(&[]);
    let is_first = u16::from_be_bytes([f0, f1]) & OFFSET == 0;
    Some(Headers {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        protocol,
        transport: if is_first { transport(protocol, ICMP, rest) } else { Transport::Fragment },
        length: u16::from_be_bytes([l0, l1]).into(),
    })
}

fn v6(packet: &[u8]) -> Option<Headers> {
    const HEADER: u32 = 40;
    let (header, rest) = packet.split_at_checked(40)?;
    let payload: u16 = u16::from_be_bytes(header.get(4..6)?.try_into().ok()?);
    let address = |at: usize| -> Option<Ipv6Addr> {
        let bytes: [u8; 16] = header.get(at..at + 16)?.try_into().ok()?;
        Some(bytes.into())
    };
    let (protocol, transport) = behind_extensions(*header.get(6)?, rest);
    Some(Headers {
        source: address(8)?.into(),
        destination: address(24)?.into(),
        protocol,
        transport,
        length: if payload == 0 { 0 } else { HEADER + u32::from(payload) },
    })
}

/// Passes over IPv6's extension headers. Each is at least eight bytes long, so the walk ends with the bytes.
fn behind_extensions(mut protocol: u8, mut rest: &[u8]) -> (u8, Transport) {
    loop {
        let length = match (protocol, rest) {
            (HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY, [_, length, ..]) => (usize::from(*length) + 1) * 8,
            (AUTHENTICATION, [_, length, ..]) => (usize::from(*length) + 2) * 4,
            (FRAGMENT, [next, _, o0, o1, ..]) => {
                if u16::from_be_bytes([*o0, *o1]) >> 3 != 0 {
                    return (*next, Transport::Fragment);
                }
                8
            }
            _ => return (protocol, transport(protocol, ICMPV6, rest)),
        };
        let Some((next, behind)) = rest.first().copied().zip(rest.get(length..)) else {
            return (protocol, Transport::Unknown);
        };
        (protocol, rest) = (next, behind);
    }
}

fn transport(protocol: u8, icmp: u8, bytes: &[u8]) -> Transport {
    match (protocol, bytes) {
        (TCP | UDP | DCCP | SCTP | UDP_LITE, [s0, s1, d0, d1, ..]) => {
            Transport::Ports { source: u16::from_be_bytes([*s0, *s1]), destination: u16::from_be_bytes([*d0, *d1]) }
        }
        (protocol, [icmp_type, code, ..]) if protocol == icmp => Transport::Icmp { icmp_type: *icmp_type, code: *code },
        _ => Transport::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An IPv4 packet with four bytes of options.
    fn packet4(protocol: u8, fragment: u16, transport: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x46, 0, 0, 60, 0, 0];
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1]);
        packet.extend(transport);
        packet
    }

    fn packet6(next: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 20, next, 64];
        packet.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend("2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(rest);
        packet
    }

    const PORTS: [u8; 4] = [0x9c, 0x40, 0x1f, 0x90];
    const FOUND: Transport = Transport::Ports { source: 40_000, destination: 8080 };

    #[test]
    fn addresses_ports_and_length_are_read_in_both_families() {
        for protocol in [TCP, UDP, SCTP] {
            let found = read(&packet4(protocol, 0x4000, &PORTS)).unwrap();
            assert_eq!((found.source, found.destination), ([10, 0, 0, 1].into(), [10, 0, 0, 2].into()));
            assert_eq!((found.protocol, found.transport, found.length), (protocol, FOUND, 60));
            let found = read(&packet6(protocol, &PORTS)).unwrap();
            assert_eq!((found.source.to_string(), found.destination.to_string().len()), ("2001:db8::1".into(), 11));
            assert_eq!((found.protocol, found.transport, found.length), (protocol, FOUND, 60));
        }
        assert_eq!(read(&packet4(ICMP, 0, &[8, 0])).unwrap().transport, Transport::Icmp { icmp_type: 8, code: 0 });
        assert_eq!(read(&packet6(ICMPV6, &[128, 0])).unwrap().transport, Transport::Icmp { icmp_type: 128, code: 0 });
        // Each in the other family is a protocol like any other.
        assert_eq!(read(&packet6(ICMP, &[8, 0])).unwrap().transport, Transport::Unknown);
    }

    #[test]
    fn extension_headers_are_passed_over_and_later_fragments_have_no_ports() {
        let mut rest = vec![ROUTING, 0, 0, 0, 0, 0, 0, 0, DESTINATION, 1];
        rest.extend([0; 14]);
        rest.extend([AUTHENTICATION, 0, 0, 0, 0, 0, 0, 0]);
        rest.extend([FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        rest.extend([TCP, 0, 0, 1, 0, 0, 0, 0]);
        rest.extend(PORTS);
        let found = read(&packet6(HOP_BY_HOP, &rest)).unwrap();
        assert_eq!((found.protocol, found.transport), (TCP, FOUND));
        for cut in 0..rest.len() {
            let found = read(&packet6(HOP_BY_HOP, &rest[..cut])).unwrap();
            assert_eq!(found.transport, Transport::Unknown, "{cut}");
        }
        let later = [UDP, 0, 0, 8, 0, 0, 0, 0, 1, 2, 3, 4];
        let found = read(&packet6(FRAGMENT, &later)).unwrap();
        assert_eq!((found.protocol, found.transport), (UDP, Transport::Fragment));
        assert_eq!(read(&packet4(UDP, 0x2001, &PORTS)).unwrap().transport, Transport::Fragment);
        assert_eq!(read(&packet4(UDP, 0x2000, &PORTS)).unwrap().transport, FOUND);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), version in 4_u8..7) {
            read(&bytes);
            let mut packet = bytes;
            if let Some(first) = packet.first_mut() {
                *first = version << 4 | *first & 0xf;
            }
            let long_enough = match version { 4 => packet.len() >= 20, 6 => packet.len() >= 40, _ => false };
            prop_assert_eq!(read(&packet).is_some(), long_enough);
        }
    }
}
