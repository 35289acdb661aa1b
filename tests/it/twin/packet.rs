//! The packets of a probe: the question, the answer, the continuation, and an error about it.

use std::net::IpAddr;

use watcher::lab::{Body, Crafted, Segment, flags};

use super::event::{Event, FIRST_SEQUENCE, MAGIC, SEQUENCES};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const DCCP: u8 = 33;
pub(super) const ESP: u8 = 50;
pub(super) const AH: u8 = 51;
pub(super) const ICMP6: u8 = 58;
pub(super) const SCTP: u8 = 132;
pub(super) const MH: u8 = 135;
pub(super) const UDPLITE: u8 = 136;

/// What a segment with SYN announces unless it matters.
const SEGMENT_SIZE: u16 = 1460;

/// Everything that decides the bytes of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Packet {
    /// The probe that it belongs to.
    pub(super) number: u32,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) ports: (u16, u16),
    /// Type and code.
    pub(super) icmp: (u8, u8),
    pub(super) flags: u8,
    /// Which packet of its direction it is.
    pub(super) turn: u32,
    pub(super) class: u8,
    pub(super) hops: u8,
    /// Of the whole packet, if it matters.
    pub(super) length: Option<u16>,
    pub(super) segment_size: Option<u16>,
    /// Of AH and ESP.
    pub(super) association: u16,
    /// The parts that not every packet has.
    pub(super) parts: Parts,
}

/// What of a packet most have not, or have as it is usual.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Parts {
    /// Extension headers of IPv6 in their order, each with what follows its first byte; their length fits.
    pub(super) extensions: Vec<(u8, Vec<u8>)>,
    /// The kind of one more option of TCP's.
    pub(super) option: Option<u8>,
    /// Whether a segment with SYN announces no size.
    pub(super) is_sizeless: bool,
    /// The types of SCTP's chunks; an INIT where there are none.
    pub(super) chunks: Vec<u8>,
    /// The type of a packet of DCCP's.
    pub(super) dccp: u8,
    /// The length that an AH says it has, and what is reserved in it.
    pub(super) authentication: (u8, u16),
    /// The type of a message about mobility.
    pub(super) mobility: u8,
}

impl Packet {
    pub(super) fn encode(&self) -> Vec<u8> {
        let short = self.crafted(0).encode();
        match self.length.and_then(|length| usize::from(length).checked_sub(short.len())) {
            Some(missing) if missing > 0 => self.crafted(missing).encode(),
            _ => short,
        }
    }

    fn crafted(&self, padding: usize) -> Crafted {
        let mut data = [MAGIC, self.number.to_be_bytes()].concat();
        data.resize(data.len() + padding, 0);
        let (from, to) = self.ports;
        let body = match self.protocol {
            TCP => self.segment(padding),
            UDP => Body::Udp(from, to, data),
            ICMP | ICMP6 => {
                let identifier = from.to_be_bytes();
                let rest = [identifier[0], identifier[1], 0, 1];
                Body::Icmp(self.icmp.0, self.icmp.1, [&rest[..], &data].concat())
            }
            SCTP => {
                // A verification tag and a checksum that nobody here asks for, then an INIT's length.
                let init = || vec![1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1];
                let chunk = |kind: &u8| if *kind == 1 { init() } else { vec![*kind, 3, 0, 4] };
                let chunks: Vec<u8> = self.parts.chunks.iter().flat_map(chunk).collect();
                let chunks = if chunks.is_empty() { init() } else { chunks };
                // What it is recognised by is a chunk of a type that nobody knows.
                let own = [&[0x3f, 0][..], &u16::try_from(4 + data.len()).unwrap().to_be_bytes(), &data].concat();
                Body::Other(SCTP, [&ports(from, to)[..], &[0; 8], &chunks, &own].concat())
            }
            DCCP => {
                // A request with long sequence numbers and a service code.
                let header = [7, 0, 0, 0, self.parts.dccp << 1 | 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 42];
                Body::Other(DCCP, [&ports(from, to)[..], &header, &data].concat())
            }
            UDPLITE => Body::Other(UDPLITE, [&ports(from, to)[..], &[0, 8, 0, 0], &data].concat()),
            AH | ESP => {
                let [high, low] = self.association.to_be_bytes();
                let number = [0, 0, high, low];
                let (length, reserved) = self.parts.authentication;
                let [reserved_high, reserved_low] = reserved.to_be_bytes();
                let first = [59, length, reserved_high, reserved_low];
                let rest = if self.protocol == AH { [first, number] } else { [number, [0; 4]] };
                // A header that is as long as it says: iptables drops a packet that ends within it.
                let value = vec![0; 4 * usize::from(length)];
                Body::Other(self.protocol, [&rest.concat()[..], &value, &data].concat())
            }
            // Its own length in words of 8 bytes, its type, and what it is about.
            MH => Body::Other(MH, [&[59, 1, self.parts.mobility, 0, 0, 0][..], &data, &[0; 2]].concat()),
            other => Body::Other(other, [&[0; 8][..], &data].concat()),
        };
        let body = self.behind_extensions(body);
        let (hop_limit, traffic_class) = (self.hops, self.class);
        Crafted { hop_limit, traffic_class, ..Crafted::new(self.source, self.destination, body) }
    }

    /// The same behind the extension headers; the checksum of what follows is left out, since no router asks for it.
    fn behind_extensions(&self, body: Body) -> Body {
        let [first, ..] = self.parts.extensions.as_slice() else { return body };
        let crafted = Crafted::new(self.source, self.destination, body);
        let encoded = crafted.encode();
        let (next, transport) = (encoded[6], &encoded[40..]);
        let kinds = self.parts.extensions.iter().skip(1).map(|(kind, _)| *kind).chain([next]);
        let headers = self.parts.extensions.iter().zip(kinds);
        let mut bytes: Vec<u8> = headers.flat_map(|((_, rest), next)| [&[next][..], rest].concat()).collect();
        bytes.extend(transport);
        Body::Other(first.0, bytes)
    }

    fn segment(&self, padding: usize) -> Body {
        // As every system announces it where it opens a connection.
        let announced = (self.flags & flags::SYN != 0).then_some(SEGMENT_SIZE);
        let announced = self.segment_size.or(announced.filter(|_| !self.parts.is_sizeless));
        let mut options = announced.map(|size| [&[2, 4][..], &size.to_be_bytes()].concat()).unwrap_or_default();
        if let Some(kind) = self.parts.option {
            options.extend([1, 1, kind, 2]);
        }
        let first = FIRST_SEQUENCE + self.number * SEQUENCES;
        Body::Segment(Segment {
            ports: self.ports,
            flags: self.flags,
            sequence: first + self.turn,
            acknowledgement: if self.flags & flags::ACK != 0 { first + 1 } else { 0 },
            options,
            data: vec![0; padding],
        })
    }

    /// The protocol that the network header says.
    fn first_protocol(&self) -> u8 {
        self.parts.extensions.first().map_or(self.protocol, |(kind, _)| *kind)
    }

    /// Whether an event is this packet itself, however translated, and nothing that it caused.
    pub(super) fn is_itself(&self, event: &Event) -> bool {
        event.transport().is_some_and(|(protocol, rest)| match protocol {
            _ if protocol != self.first_protocol() || event.is_error() => false,
            TCP if self.parts.extensions.is_empty() => rest.get(13) == Some(&self.flags),
            _ => true,
        })
    }

    /// What whoever received the packet answers.
    pub(super) fn answer(&self, received: &Event) -> Option<Self> {
        let (source, destination) = received.addresses()?;
        let (_, rest) = received.transport()?;
        // What has extension headers is not answered.
        self.parts.extensions.is_empty().then_some(())?;
        let [a, b, c, d, ..] = rest else { return None };
        let (from, to) = (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
        let (ports, icmp) = match self.protocol {
            ICMP | ICMP6 => {
                let identifier = u16::from_be_bytes([*rest.get(4)?, *rest.get(5)?]);
                ((identifier, 0), (if self.protocol == ICMP { 0 } else { 129 }, 0))
            }
            _ => ((to, from), (0, 0)),
        };
        let flags = if self.flags == flags::SYN { flags::SYN | flags::ACK } else { flags::ACK };
        Some(Self {
            source: destination,
            destination: source,
            ports,
            icmp,
            flags,
            turn: 0,
            hops: 64,
            segment_size: None,
            ..self.clone()
        })
    }

    /// The next packet of its direction.
    pub(super) fn next(&self) -> Self {
        let flags = if self.flags == flags::SYN { flags::ACK } else { self.flags };
        Self { flags, turn: 1, segment_size: None, ..self.clone() }
    }
}

/// What a router behind whoever received a packet says of it: that nobody listens.
pub(super) fn error_about(received: &Event) -> Option<Vec<u8>> {
    let (source, destination) = received.addresses()?;
    let (kind, code) = if source.is_ipv4() { (3, 3) } else { (1, 4) };
    let body = Body::Icmp(kind, code, [&[0; 4][..], &received.bytes].concat());
    Some(Crafted::new(destination, source, body).encode())
}

fn ports(from: u16, to: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
    [a, b, c, d]
}
