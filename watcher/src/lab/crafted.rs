//! Packets as no socket sends them: from any source address, in the middle of a connection, of any protocol, in
//! fragments.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::LabError;
use super::build::Lab;
use super::probe::patiently;

/// `IPPROTO_RAW`: the sender writes the network header too.
const IPPROTO_RAW: i32 = 255;
/// Length of an IPv4 header without options, in bytes.
const IPV4_HEADER: u16 = 20;
/// Length of IPv6's fragment header, in bytes.
const FRAGMENT_HEADER: u16 = 8;
/// IPv6's number for a fragment header.
const IPPROTO_FRAGMENT: u8 = 44;

/// TCP's flags.
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 1;
    /// Asks for a connection.
    pub const SYN: u8 = 2;
    /// There is no such connection.
    pub const RST: u8 = 4;
    /// Acknowledges.
    pub const ACK: u8 = 16;
}

/// One packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Crafted {
    /// What it says that it comes from.
    pub source: IpAddr,
    /// Where it goes; of the same family.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// Type of service, or traffic class.
    pub traffic_class: u8,
    /// What follows the network header.
    pub body: Body,
}

/// What follows a network header. The data is what a [`super::Capture`] recognises it by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// UDP, from port to port.
    Udp(u16, u16, Vec<u8>),
    /// TCP, from port to port, with these flags.
    Tcp(u16, u16, u8, Vec<u8>),
    /// TCP at some place of a connection.
    Segment(Segment),
    /// ICMP or ICMPv6: type, code, and everything after the checksum.
    Icmp(u8, u8, Vec<u8>),
    /// Any other protocol, by its number.
    Other(u8, Vec<u8>),
}

/// A TCP segment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Segment {
    /// Source and destination port.
    pub ports: (u16, u16),
    /// Of [`flags`].
    pub flags: u8,
    /// The number of the first byte.
    pub sequence: u32,
    /// The number of the byte that is expected.
    pub acknowledgement: u32,
    /// Options, filled up to a multiple of 4 bytes by the caller.
    pub options: Vec<u8>,
    /// What it carries.
    pub data: Vec<u8>,
}

impl Segment {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.ports.0.to_be_bytes());
        bytes.extend(self.ports.1.to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.acknowledgement.to_be_bytes());
        let words = 5 + u8::try_from(self.options.len() / 4).unwrap_or_default();
        bytes.extend([words << 4, self.flags]);
        bytes.extend(8192_u16.to_be_bytes()); // window
        bytes.extend([0; 4]); // checksum, urgent pointer
        bytes.extend(&self.options);
        bytes.extend(&self.data);
    }
}

impl Crafted {
    /// A packet with the usual hop limit.
    pub fn new(source: IpAddr, destination: IpAddr, body: Body) -> Self {
        Self { source, destination, hop_limit: 64, traffic_class: 0, body }
    }

    /// The packet from its network header on, with every checksum.
    pub fn encode(&self) -> Vec<u8> {
        let transport = self.transport();
        self.with_header(self.protocol(), None, &transport)
    }

    /// The same in two fragments, the first with this many bytes after the network header: a multiple of 8.
    pub fn encode_in_fragments(&self, first: u16, identification: u16) -> [Vec<u8>; 2] {
        let transport = self.transport();
        let (head, tail) = transport.split_at_checked(usize::from(first)).unwrap_or((&transport, &[]));
        let fragment = |offset, more| Some(Fragment { identification, offset, more });
        let protocol = self.protocol();
        [self.with_header(protocol, fragment(0, true), head), self.with_header(protocol, fragment(first, false), tail)]
    }

    fn protocol(&self) -> u8 {
        match self.body {
            Body::Udp(..) => 17,
            Body::Tcp(..) | Body::Segment(_) => 6,
            Body::Icmp(..) if self.source.is_ipv4() => 1,
            Body::Icmp(..) => 58,
            Body::Other(protocol, _) => protocol,
        }
    }

    fn transport(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let checksum_at = match &self.body {
            Body::Udp(source, destination, data) => {
                bytes.extend(source.to_be_bytes());
                bytes.extend(destination.to_be_bytes());
                bytes.extend(length(8 + data.len()).to_be_bytes());
                bytes.extend([0; 2]);
                bytes.extend(data);
                6
            }
            Body::Tcp(source, destination, flags, data) => {
                let segment = Segment {
                    ports: (*source, *destination),
                    flags: *flags,
                    sequence: 1000,
                    acknowledgement: 2000,
                    options: Vec::new(),
                    data: data.clone(),
                };
                segment.encode(&mut bytes);
                16
            }
            Body::Segment(segment) => {
                segment.encode(&mut bytes);
                16
            }
            Body::Icmp(kind, code, rest) => {
                bytes.extend([*kind, *code, 0, 0]);
                bytes.extend(rest);
                2
            }
            Body::Other(_, rest) => return rest.clone(),
        };
        let sum = match (&self.body, self.source, self.destination) {
            (Body::Icmp(..), IpAddr::V4(_), _) => checksum(&[&bytes]),
            (_, source, destination) => {
                let pseudo = [0, self.protocol()];
                let size = length(bytes.len()).to_be_bytes();
                checksum(&[&octets(source), &octets(destination), &pseudo, &size, &bytes])
            }
        };
        bytes.splice(checksum_at..checksum_at + 2, sum.to_be_bytes());
        bytes
    }

    fn with_header(&self, protocol: u8, fragment: Option<Fragment>, transport: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(60 + transport.len());
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let Fragment { identification, offset, more } = fragment.unwrap_or(Fragment::WHOLE);
                packet.extend([0x45, self.traffic_class]);
                packet.extend((IPV4_HEADER + length(transport.len())).to_be_bytes());
                packet.extend(identification.to_be_bytes());
                packet.extend(((u16::from(more) << 13) | (offset / 8)).to_be_bytes());
                packet.extend([self.hop_limit, protocol, 0, 0]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
                let sum = checksum(&[&packet]);
                packet.splice(10..12, sum.to_be_bytes());
            }
            (source, destination) => {
                let extra = if fragment.is_some() { FRAGMENT_HEADER } else { 0 };
                packet.extend([6 << 4 | self.traffic_class >> 4, self.traffic_class << 4, 0, 0]);
                packet.extend((extra + length(transport.len())).to_be_bytes());
                packet.extend([if fragment.is_some() { IPPROTO_FRAGMENT } else { protocol }, self.hop_limit]);
                packet.extend(octets(source));
                packet.extend(octets(destination));
                if let Some(Fragment { identification, offset, more }) = fragment {
                    packet.extend([protocol, 0]);
                    packet.extend((offset | u16::from(more)).to_be_bytes());
                    packet.extend(u32::from(identification).to_be_bytes());
                }
            }
        }
        packet.extend(transport);
        packet
    }
}

/// Where a fragment lies in its packet, in bytes.
#[derive(Clone, Copy, Debug)]
struct Fragment {
    identification: u16,
    offset: u16,
    more: bool,
}

impl Fragment {
    const WHOLE: Self = Self { identification: 0, offset: 0, more: false };
}

impl Lab {
    /// Sends packets as they are from the namespace of somebody, by the interface that the routes or `device` say.
    ///
    /// # Errors
    /// [`LabError::Unknown`]; [`LabError::Io`] if one cannot be sent.
    pub fn send(&self, from: &str, device: Option<&str>, packets: &[Vec<u8>]) -> Result<(), LabError> {
        self.namespace(from)?
            .run(|| packets.iter().try_for_each(|packet| send(packet, device)))?
            .map_err(|source| LabError::io(format!("sending crafted packets from {from}"), source))
    }
}

fn send(packet: &[u8], device: Option<&str>) -> io::Result<()> {
    let Some((domain, destination)) = destination(packet) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a packet without a network header"));
    };
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(IPPROTO_RAW)))?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    match patiently(|| socket.send_to(packet, &SocketAddr::new(destination, 0).into())) {
        // What the sender's own output hook drops was sent as far as its sender is concerned.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

fn destination(packet: &[u8]) -> Option<(Domain, IpAddr)> {
    if packet.first()? >> 4 == 4 {
        let octets: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
        return Some((Domain::IPV4, Ipv4Addr::from(octets).into()));
    }
    let octets: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    Some((Domain::IPV6, Ipv6Addr::from(octets).into()))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

fn length(bytes: usize) -> u16 {
    // The laboratory's packets are short; one that is not is refused by the kernel for its wrong length.
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// The Internet checksum of RFC 1071 over parts of even length, of which the last may be odd.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let low = pair.get(1).copied().unwrap_or_default();
        sum += u32::from(u16::from_be_bytes([pair.first().copied().unwrap_or_default(), low]));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    // Never more than 16 bits after the folding.
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(source: &str, destination: &str) -> Crafted {
        let body = Body::Udp(1, 2, b"some data, some more".to_vec());
        Crafted::new(source.parse().unwrap(), destination.parse().unwrap(), body)
    }

    #[test]
    fn a_packet_with_its_checksum_sums_up_to_nothing() {
        let packet = udp("192.0.2.1", "192.0.2.2").encode();
        assert_eq!(checksum(&[&packet[..20]]), 0);
        assert_eq!(checksum(&[&packet[12..20], &[0, 17], &packet[24..26], &packet[20..]]), 0);
        let packet = udp("2001:db8::1", "2001:db8::2").encode();
        assert_eq!(checksum(&[&packet[8..40], &[0, 17], &packet[44..46], &packet[40..]]), 0);
    }

    #[test]
    fn fragments_hold_all_of_a_packet() {
        for (source, destination, header) in [("192.0.2.1", "192.0.2.2", 20), ("2001:db8::1", "2001:db8::2", 48)] {
            let packet = udp(source, destination);
            let [first, second] = packet.encode_in_fragments(16, 7);
            let whole = packet.transport();
            assert_eq!([&first[header..], &second[header..]].concat(), whole);
            assert_eq!(first[header..].len(), 16);
        }
    }
}
