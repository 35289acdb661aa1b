//! Packets that no socket of the system builds: SCTP where the kernel has no SCTP, and echo requests.

use crc::{CRC_32_ISCSI, Crc};

/// SCTP's checksum, RFC 9260 appendix A.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Length of SCTP's common header, in bytes.
const SCTP_HEADER: usize = 12;
/// Chunk types of RFC 9260 section 3.2.
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const ABORT: u8 = 6;
/// The state cookie parameter that an INIT ACK has to have, RFC 9260 section 3.3.3.1.
const STATE_COOKIE: [u8; 8] = [0, 7, 0, 8, b'p', b'l', b'p', b'l'];

/// The first chunk of an SCTP packet, and what answers are matched by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sctp {
    pub(super) source: u16,
    pub(super) destination: u16,
    /// The tag that the receiver chose; 0 in an INIT.
    pub(super) verification: u32,
    pub(super) chunk: SctpChunk,
}

/// What the first chunk is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SctpChunk {
    /// Asks for an association.
    Init {
        /// The tag that answers have to bear.
        tag: u32,
    },
    /// Agrees to it.
    InitAck {
        /// The tag that further packets have to bear.
        tag: u32,
    },
    /// Refuses it.
    Abort,
}

impl Sctp {
    /// The packet, from the common header on, with its checksum.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(64);
        packet.extend(self.source.to_be_bytes());
        packet.extend(self.destination.to_be_bytes());
        packet.extend(self.verification.to_be_bytes());
        packet.extend([0; 4]);
        let (kind, tag, parameters): (u8, Option<u32>, &[u8]) = match self.chunk {
            SctpChunk::Init { tag } => (INIT, Some(tag), &[]),
            SctpChunk::InitAck { tag } => (INIT_ACK, Some(tag), &STATE_COOKIE),
            SctpChunk::Abort => (ABORT, None, &[]),
        };
        let body = if tag.is_some() { 16 } else { 0 };
        let length = u16::try_from(4 + body + parameters.len()).unwrap_or(u16::MAX);
        packet.extend([kind, 0]);
        packet.extend(length.to_be_bytes());
        if let Some(tag) = tag {
            packet.extend(tag.to_be_bytes());
            packet.extend(65_536_u32.to_be_bytes()); // receiver window
            packet.extend(1_u16.to_be_bytes()); // streams out
            packet.extend(1_u16.to_be_bytes()); // streams in
            packet.extend(tag.to_be_bytes()); // first TSN
        }
        packet.extend(parameters);
        let checksum = CRC32C.checksum(&packet).to_le_bytes();
        packet.splice(8..SCTP_HEADER, checksum);
        packet
    }

    /// Reads a packet; `None` unless its checksum is right and its first chunk is one of those known here.
    pub(super) fn decode(packet: &[u8]) -> Option<Self> {
        let (header, chunks) = packet.split_at_checked(SCTP_HEADER)?;
        let (ports, rest) = header.split_at_checked(8)?;
        let mut digest = CRC32C.digest();
        digest.update(ports);
        digest.update(&[0; 4]);
        digest.update(chunks);
        if rest != digest.finalize().to_le_bytes() {
            return None;
        }
        let (source, destination) = ports_of(header)?;
        let tag = || chunks.get(4..8)?.try_into().ok().map(u32::from_be_bytes);
        let chunk = match *chunks.first()? {
            INIT => SctpChunk::Init { tag: tag()? },
            INIT_ACK => SctpChunk::InitAck { tag: tag()? },
            ABORT => SctpChunk::Abort,
            _ => return None,
        };
        let verification = u32::from_be_bytes(header.get(4..8)?.try_into().ok()?);
        Some(Self { source, destination, verification, chunk })
    }
}

/// Source and destination port: the first four bytes of every transport header that has ports.
pub(super) fn ports_of(packet: &[u8]) -> Option<(u16, u16)> {
    match packet {
        [a, b, c, d, ..] => Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
        _ => None,
    }
}

/// What follows an IPv4 header.
pub(super) fn after_ipv4(packet: &[u8]) -> Option<&[u8]> {
    packet.get(usize::from(packet.first()? & 0xf) * 4..)
}

/// An echo request without identifier and checksum, which an echo socket fills in.
pub(super) const ECHO_REQUEST4: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 1];
/// The same for ICMPv6.
pub(super) const ECHO_REQUEST6: [u8; 8] = [128, 0, 0, 0, 0, 0, 0, 1];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_survive_encoding() {
        for chunk in [SctpChunk::Init { tag: 7 }, SctpChunk::InitAck { tag: u32::MAX }, SctpChunk::Abort] {
            let packet = Sctp { source: 1, destination: 65_535, verification: 9, chunk };
            assert_eq!(Sctp::decode(&packet.encode()), Some(packet));
        }
    }

    #[test]
    fn a_wrong_checksum_is_no_packet() {
        let packet = Sctp { source: 1, destination: 2, verification: 0, chunk: SctpChunk::Init { tag: 3 } };
        let mut bytes = packet.encode();
        bytes[20] ^= 1;
        assert_eq!(Sctp::decode(&bytes), None);
        assert_eq!(Sctp::decode(&bytes[..11]), None);
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(CRC32C.checksum(b"123456789"), 0xe306_9283);
    }
}
