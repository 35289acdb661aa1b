//! Raw bytes of a packet, as far as its fields say them.

use std::net::IpAddr;

use super::packet::{Packet, Transport};
use crate::ruleset::{Bytes, BytesBase, Operator};

/// The bits of a fragment's offset.
const OFFSET: u16 = 0x1fff;

/// A header as it begins: what stands in each byte, and which bits of it are known.
type Known = Vec<(u8, u8)>;

/// Whether a comparison with raw bytes holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// It does, or does not.
    Is(bool),
    /// There are no such bytes, which ends the rule.
    Absent,
    /// The packet's fields do not say what stands there.
    Unknown,
}

/// Compares bytes of a packet.
pub(super) fn compare(bytes: &Bytes, packet: &Packet) -> Answer {
    let network = network(packet);
    let total = usize::try_from(packet.length).unwrap_or(usize::MAX);
    // Where the transport header begins behind extension headers is not known.
    let has_plain_header = packet.extensions.is_empty();
    let (known, length) = match bytes.base {
        BytesBase::Transport if packet.fragment & OFFSET != 0 => return Answer::Absent,
        BytesBase::Transport if !has_plain_header => return Answer::Unknown,
        BytesBase::Transport => (transport(packet), total.saturating_sub(network.len())),
        BytesBase::Network if has_plain_header && packet.fragment & OFFSET == 0 => {
            ([network, transport(packet)].concat(), total)
        }
        BytesBase::Network => (network, total),
    };
    let (start, count) = (usize::from(bytes.offset), usize::from(bytes.length));
    if start + count > length {
        return Answer::Absent;
    }
    let parts = (start..start + count).map(|at| known.get(at).copied().unwrap_or((0, 0)));
    let (value, bits) = parts.fold((0_u128, 0_u128), |(value, bits), (byte, known)| {
        (value << 8 | u128::from(byte), bits << 8 | u128::from(known))
    });
    if bytes.mask & !bits != 0 {
        return Answer::Unknown;
    }
    let is_in = (bytes.low..=bytes.high).contains(&(value & bytes.mask));
    Answer::Is(is_in == (bytes.operator == Operator::Eq))
}

fn told(bytes: &[u8]) -> Known {
    bytes.iter().map(|byte| (*byte, u8::MAX)).collect()
}

fn untold(count: usize) -> Known {
    vec![(0, 0); count]
}

fn network(packet: &Packet) -> Known {
    let class = packet.dscp << 2 | packet.ecn;
    let length = u16::try_from(packet.length).unwrap_or(u16::MAX);
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => [
            told(&[0x45, class]),
            told(&length.to_be_bytes()),
            // The identification; further on the checksum.
            untold(2),
            told(&packet.fragment.to_be_bytes()),
            told(&[packet.ttl, packet.protocol()]),
            untold(2),
            told(&source.octets()),
            told(&destination.octets()),
        ]
        .concat(),
        (source, destination) => {
            let octets = |address: IpAddr| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            let next = if packet.extensions.is_empty() { told(&[packet.protocol()]) } else { untold(1) };
            [
                // The flow label is not known.
                vec![(0x60 | class >> 4, 0xff), (class << 4, 0xf0)],
                untold(2),
                told(&length.saturating_sub(40).to_be_bytes()),
                next,
                told(&[packet.ttl]),
                told(&octets(source)),
                told(&octets(destination)),
            ]
            .concat()
        }
    }
}

/// The beginning of the transport header.
fn transport(packet: &Packet) -> Known {
    let ports = packet.transport.ports();
    let ports = ports.map(|ports| told(&[ports.source.to_be_bytes(), ports.destination.to_be_bytes()].concat()));
    let rest = match packet.transport {
        Transport::Tcp { flags, .. } => [untold(9), told(&[flags])].concat(),
        Transport::Icmp { icmp_type, code } => told(&[icmp_type, code]),
        Transport::Udp(_) | Transport::Sctp(_) | Transport::Other(_) => Known::new(),
    };
    [ports.unwrap_or_default(), rest].concat()
}
