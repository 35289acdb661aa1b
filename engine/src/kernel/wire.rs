//! A rule as nf_tables has it: a sequence of small instructions over registers.
//!
//! Between [`super::lower`], which says what a rule of the ruleset means in instructions, and [`super::express`] and
//! [`super::inspect`], which write and read the instructions' bytes.

use crate::ruleset::{Limit, LogLevel, Name, PerElement, SetOperation, SetRef, Verdict};

/// A register by its first 4-byte slot. nf_tables has 16 slots; data longer than 4 bytes take several.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Register(u8);

/// The kernel's number of the first slot (`NFT_REG32_00`).
const REG32_00: u32 = 8;

/// Slots of 4 bytes.
const N_SLOTS: u8 = 16;

/// One instruction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Instruction {
    /// Loads what the kernel knows about the packet.
    Meta { key: u32, to: Register },
    /// Writes it.
    MetaSet { key: u32, from: Register },
    /// Loads bytes of the packet.
    Payload { base: Base, offset: u32, length: u32, to: Register },
    /// Writes bytes of the packet; where a checksum of 16-bit words covers them, it is mended.
    PayloadSet { base: Base, offset: u32, length: u32, from: Register, checksum_at: Option<u32> },
    /// Loads what conntrack knows; the direction only for keys that have one.
    Ct { key: u32, direction: Option<u8>, to: Register },
    /// Writes it; the direction only for keys that have one.
    CtSet { key: u32, direction: Option<u8>, from: Register },
    /// Asks the routing table.
    Fib { result: u32, flags: u32, to: Register },
    /// Goes on if the register compares.
    Compare { from: Register, operator: Comparison, data: Vec<u8> },
    /// Goes on if the register lies within (or, negated, outside) the range.
    Range { from: Register, negated: bool, low: Vec<u8>, high: Vec<u8> },
    /// `register = register & mask ^ xor`.
    Bitwise { register: Register, mask: Vec<u8>, xor: Vec<u8> },
    /// `register = register >> bits`, as a number in the machine's order.
    ShiftRight { register: Register, length: u32, bits: u32 },
    /// Turns numbers of `size` bytes from the machine's order to the network's.
    HostToNetwork { register: Register, length: u32, size: u32 },
    /// Goes on if the register is (or, negated, is not) in the set.
    Lookup { from: Register, negated: bool, set: SetRef },
    /// Takes the verdict that the register maps to.
    VerdictMap { from: Register, map: SetRef },
    /// Puts a constant into a register.
    Immediate { to: Register, data: Vec<u8> },
    /// A verdict.
    Verdict(Verdict),
    /// Counts.
    Counter,
    /// Uses a named object.
    Object { kind: ObjectKind, name: Name },
    /// Matches up to, or over, a number of bytes.
    Quota { bytes: u64, over: bool },
    /// Matches up to, or over, a rate.
    Limit(Limit),
    /// Logs.
    Log(Log),
    /// Answers.
    Reject { kind: u32, code: u8 },
    /// Translates addresses.
    Nat { kind: u32, family: u32, addresses: Option<Span>, ports: Option<Span>, flags: u32 },
    /// Translates the source to the outgoing interface's.
    Masquerade { ports: Option<Span>, flags: u32 },
    /// Translates the destination to the incoming interface's.
    Redirect { ports: Option<Span>, flags: u32 },
    /// Keeps the packet away from conntrack.
    Notrack,
    /// Loads what the packet's route says.
    Route { key: u32, to: Register },
    /// Loads what is known of the socket that the packet would go to.
    Socket { key: u32, to: Register },
    /// Looks into a part that not every packet has.
    Extension { extension: Extension, number: u8, load: Load, to: Register },
    /// Writes bytes of an option of TCP's, where the segment has it.
    TcpOptionSet { kind: u8, offset: u32, length: u32, from: Register },
    /// Blanks an option of TCP's, where the segment has it.
    TcpOptionStrip { kind: u8 },
    /// Hands the packet to a socket of this host.
    Tproxy { family: u32, address: Option<Register>, port: Option<Register> },
    /// Opens a connection in the server's place.
    Synproxy { segment_size: u16, window_scale: u8, flags: u32 },
    /// Has a program decide.
    Queue { first: u16, total: u16, flags: u16 },
    /// Sends a copy of the packet to a neighbour.
    Duplicate { address: Register },
    /// Counts up to a modulus and begins again at 0.
    Number { modulus: u32, to: Register },
    /// Adds the register to a set, or deletes it.
    Dynset {
        operation: SetOperation,
        from: Register,
        set: Name,
        timeout_ms: Option<u64>,
        per_element: Option<PerElement>,
    },
}

/// What a payload offset counts from (`NFT_PAYLOAD_*`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Base {
    /// The link layer.
    Link,
    /// The network header.
    Network,
    /// The transport header.
    Transport,
}

/// Parts of packets that some have and others have not (`NFT_EXTHDR_OP_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extension {
    /// Extension headers of IPv6.
    Ipv6,
    /// Options of TCP's.
    TcpOption,
    /// Chunks of SCTP's.
    SctpChunk,
}

/// What of such a part is loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Load {
    /// Some bytes; without the part the rule ends.
    Part { offset: u32, length: u32 },
    /// 1 if it is there, 0 if not.
    Presence,
}

/// How a register is compared (`NFT_CMP_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// At most.
    AtMost,
    /// At least.
    AtLeast,
}

/// Kinds of named objects (`NFT_OBJECT_*`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ObjectKind {
    /// A counter.
    Counter,
    /// A quota.
    Quota,
    /// A helper of connection tracking.
    Helper,
}

/// The registers of the lowest and the highest of a range; the same if it is a single value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) low: Register,
    pub(super) high: Register,
}

/// A log instruction as the kernel keeps it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Log {
    pub(super) prefix: Option<Box<str>>,
    pub(super) group: Option<u16>,
    pub(super) snaplen: Option<u32>,
    pub(super) queue_threshold: Option<u16>,
    pub(super) level: Option<LogLevel>,
    pub(super) flags: u32,
}

impl Register {
    /// The first one.
    pub(super) const FIRST: Self = Self(0);

    /// The one that follows `bytes` bytes further on, if there is one.
    pub(super) fn after(self, bytes: usize) -> Option<Self> {
        let slots = u8::try_from(bytes.div_ceil(4)).ok()?;
        self.0.checked_add(slots).filter(|slot| *slot < N_SLOTS).map(Self)
    }

    /// The n-th register of 16 bytes, of which there are four.
    pub(super) fn wide(index: u8) -> Option<Self> {
        (index < N_SLOTS / 4).then(|| Self(index * 4))
    }

    /// Whether `bytes` bytes fit from here on.
    pub(super) fn holds(self, bytes: usize) -> bool {
        usize::from(self.0) * 4 + bytes <= usize::from(N_SLOTS) * 4
    }

    /// The kernel's number: wide registers where one begins, as the kernel and nft say it.
    pub(super) fn number(self) -> u32 {
        if self.0.is_multiple_of(4) { u32::from(self.0 / 4) + 1 } else { REG32_00 + u32::from(self.0) }
    }

    /// The register of a number of the kernel's; 0 holds verdicts and is none.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        let slot = match number {
            1..=4 => (number - 1) * 4,
            _ => number.checked_sub(REG32_00)?,
        };
        u8::try_from(slot).ok().filter(|slot| *slot < N_SLOTS).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_the_kernels_numbers() {
        let second = Register::FIRST.after(4);
        assert_eq!(Register::FIRST.number(), 1);
        assert_eq!(second.map(Register::number), Some(9));
        assert_eq!(Register::FIRST.after(16).map(Register::number), Some(2));
        assert_eq!(Register::from_number(9), second);
        assert_eq!(Register::from_number(8), Some(Register::FIRST));
        assert_eq!(Register::from_number(0), None);
        assert_eq!(Register::from_number(24), None);
    }

    #[test]
    fn there_are_64_bytes_of_registers() {
        assert!(Register::FIRST.holds(64));
        assert!(!Register::FIRST.holds(65));
        assert_eq!(Register::FIRST.after(64), None);
    }
}
