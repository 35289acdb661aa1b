//! What became of a probe, in a form in which two routers can be compared.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The bytes by which everything that a probe causes is recognised, with its number after them.
pub(super) const MAGIC: [u8; 4] = *b"tw1n";
/// Sequence numbers of probes begin here; each has [`SEQUENCES`] of its own.
pub(super) const FIRST_SEQUENCE: u32 = 0x4000_0000;
pub(super) const SEQUENCES: u32 = 256;

/// Where a packet was seen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Hook {
    /// Delivered to the router.
    Delivered,
    /// On its way out.
    Sent,
    /// Either, after its mark became that of its connection.
    Connection,
    /// Either, after its mark became its class for queueing disciplines.
    Class,
}

/// A packet that passed every rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Event {
    /// The number of the probe that it belongs to.
    pub(super) probe: u32,
    pub(super) hook: Hook,
    pub(super) input: u32,
    pub(super) output: u32,
    pub(super) mark: u32,
    /// From its network header on, without what is drawn anew for every packet.
    pub(super) bytes: Vec<u8>,
}

impl Event {
    /// Reads a packet; `None` if no probe caused it.
    pub(super) fn new(hook: Hook, packet: &[u8]) -> Option<Self> {
        let mut bytes = packet.to_vec();
        let probe = probe_of(&bytes)?;
        normalize(&mut bytes);
        Some(Self { probe, hook, input: 0, output: 0, mark: 0, bytes })
    }

    /// Source and destination.
    pub(super) fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        addresses(&self.bytes)
    }

    /// The transport protocol, and what follows the network header.
    pub(super) fn transport(&self) -> Option<(u8, &[u8])> {
        transport(&self.bytes)
    }

    /// The same without its source port, if the kernel drew that instead of this one: as `get_unique_tuple` does, from
    /// the same third of the ports, when a translated packet would otherwise be taken for one of another connection.
    pub(super) fn without_drawn_port(&self, asked: u16) -> Self {
        let third = |port: u16| [511, 1023].iter().filter(|last| port > **last).count();
        let mut event = self.clone();
        if let Some((6 | 17, rest)) = self.transport()
            && let [a, b, ..] = rest
            && let port = u16::from_be_bytes([*a, *b])
            && port != asked
            && third(port) == third(asked)
        {
            let at = self.bytes.len() - rest.len();
            event.bytes[at..at + 2].fill(0);
        }
        event
    }

    /// Whether it tells of an error with another packet.
    pub(super) fn is_error(&self) -> bool {
        self.transport().is_some_and(|(protocol, rest)| is_error(protocol, rest))
    }
}

fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    if packet.first()? >> 4 == 4 {
        let at =
            |from: usize| packet.get(from..from + 4)?.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets));
        return Some((at(12)?.into(), at(16)?.into()));
    }
    let at = |from: usize| packet.get(from..from + 16)?.try_into().ok().map(|octets: [u8; 16]| Ipv6Addr::from(octets));
    Some((at(8)?.into(), at(24)?.into()))
}

fn transport(packet: &[u8]) -> Option<(u8, &[u8])> {
    if packet.first()? >> 4 == 4 {
        return Some((*packet.get(9)?, packet.get(usize::from(packet.first()? & 15) * 4..)?));
    }
    Some((*packet.get(6)?, packet.get(40..)?))
}

fn is_error(protocol: u8, rest: &[u8]) -> bool {
    match (protocol, rest.first()) {
        (1, Some(kind)) => [3, 4, 5, 11, 12].contains(kind),
        (58, Some(kind)) => *kind < 128,
        _ => false,
    }
}

/// The probe that a packet belongs to: by its data, or by the numbers of a TCP segment without any.
fn probe_of(packet: &[u8]) -> Option<u32> {
    if let Some(at) = packet.windows(4).position(|window| window == MAGIC) {
        let number = packet.get(at + 4..at + 8)?;
        return Some(u32::from_be_bytes(number.try_into().ok()?));
    }
    let (protocol, rest) = transport(packet)?;
    if is_error(protocol, rest) {
        return probe_of(rest.get(8..)?);
    }
    if protocol != 6 {
        return None;
    }
    [rest.get(4..8)?, rest.get(8..12)?]
        .into_iter()
        .filter_map(|bytes| u32::from_be_bytes(bytes.try_into().ok()?).checked_sub(FIRST_SEQUENCE))
        .map(|offset| offset / SEQUENCES)
        .find(|probe| *probe < 1 << 20)
}

/// Clears identifications, flow labels and checksums, of what an error quotes too. Of IPv4's header checksum it stays
/// whether it is right.
fn normalize(packet: &mut [u8]) {
    let Some(first) = packet.first().copied() else { return };
    let Some((protocol, rest)) = transport(packet) else { return };
    let start = packet.len() - rest.len();
    let is_error = is_error(protocol, rest);
    let is_sound = header_sum(packet) == u16::MAX;
    let mut clear = |from: usize, to: usize| {
        if let Some(bytes) = packet.get_mut(from..to) {
            bytes.fill(0);
        }
    };
    if first >> 4 == 4 {
        clear(4, 6);
        clear(10, 12);
        if !is_sound && let Some(byte) = packet.get_mut(11) {
            *byte = 1;
        }
    } else {
        clear(2, 4);
        if let Some(byte) = packet.get_mut(1) {
            *byte &= 0xf0;
        }
    }
    let checksum = match protocol {
        6 => Some(16),
        17 => Some(6),
        1 | 58 => Some(2),
        _ => None,
    };
    if let Some(bytes) = checksum.and_then(|at| packet.get_mut(start + at..start + at + 2)) {
        bytes.fill(0);
    }
    if is_error && let Some(quoted) = packet.get_mut(start + 8..) {
        normalize(quoted);
    }
}

/// The sum of an IPv4 header's words, in one's complement: every bit is set if its checksum is right.
fn header_sum(packet: &[u8]) -> u16 {
    let length = packet.first().map_or(0, |first| usize::from(first & 15) * 4);
    let words = packet.get(..length).unwrap_or(&[]).chunks_exact(2);
    let sum = words.fold(0_u32, |sum, word| sum + u32::from(u16::from_be_bytes([word[0], word[1]])));
    let folded = (sum & 0xffff) + (sum >> 16);
    u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0)
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probe: _, hook, input, output, mark, bytes } = self;
        write!(f, "{hook:?} {input}->{output}")?;
        if *mark != 0 {
            write!(f, " mark {mark:#x}")?;
        }
        packet(f, bytes)
    }
}

fn packet(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let (Some((source, destination)), Some((protocol, rest))) = (addresses(bytes), transport(bytes)) else {
        return write!(f, " {bytes:02x?}");
    };
    write!(f, " {source} > {destination} protocol {protocol}")?;
    match (protocol, rest) {
        (6 | 17 | 33 | 132 | 136, [from_high, from_low, to_high, to_low, ..]) => {
            write!(
                f,
                " ports {} > {}",
                u16::from_be_bytes([*from_high, *from_low]),
                u16::from_be_bytes([*to_high, *to_low])
            )?;
            if protocol == 6
                && let Some(flags) = rest.get(13)
            {
                write!(f, " flags {flags:#04x}")?;
            }
        }
        (1 | 58, [kind, code, ..]) => write!(f, " icmp {kind}/{code}")?,
        _ => {}
    }
    let (length, class, hops) = match bytes {
        [v4, class, _, _, _, _, _, _, hops, ..] if v4 >> 4 == 4 => (bytes.len(), *class, *hops),
        [high, low, _, _, _, _, _, hops, ..] => (bytes.len(), high << 4 | low >> 4, *hops),
        _ => return Ok(()),
    };
    write!(f, " length {length} class {class:#x} hops {hops}")?;
    if let [v4, ..] = bytes
        && v4 >> 4 == 4
        && bytes.get(11) == Some(&1)
    {
        f.write_str(" with a wrong checksum")?;
    }
    if is_error(protocol, rest) {
        f.write_str(" about")?;
        return packet(f, &rest[8..]);
    }
    Ok(())
}
