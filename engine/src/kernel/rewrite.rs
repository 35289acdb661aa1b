//! Writes into the network header: the bytes that nft loads, changes and stores for each field.

use super::wire::{Base, Instruction, Register};
use crate::ruleset::{HeaderField, SetHeader};

/// Where IPv4's header has its checksum, in bytes.
const CHECKSUM_AT: u32 = 10;

/// The stretch of the header that is stored for a field.
struct Stretch {
    offset: u32,
    length: u32,
    /// How far the field is from the right end, in bits.
    shift: u32,
}

/// A checksum is of 16-bit words, so a write that it covers is of a whole one.
fn stretch(field: HeaderField) -> Stretch {
    let (offset, length, shift) = match field {
        HeaderField::IpDscp => (0, 2, 2),
        HeaderField::IpEcn => (0, 2, 0),
        HeaderField::IpTtl => (8, 2, 8),
        HeaderField::Ip6Dscp => (0, 2, 6),
        HeaderField::Ip6Ecn => (1, 1, 4),
        HeaderField::Ip6Hoplimit => (7, 1, 0),
    };
    Stretch { offset, length, shift }
}

/// The instructions that write a field.
pub(super) fn instructions(SetHeader { field, value }: SetHeader) -> Vec<Instruction> {
    let register = Register::FIRST;
    let Stretch { offset, length, shift } = stretch(field);
    let bytes = |bits: u16| match length {
        1 => bits.to_be_bytes().into_iter().skip(1).collect::<Vec<u8>>(),
        _ => bits.to_be_bytes().to_vec(),
    };
    let own = u16::from(field.largest()) << shift;
    let value = u16::from(value & field.largest()) << shift;
    let checksum_at = field.is_v4().then_some(CHECKSUM_AT);
    let store = Instruction::PayloadSet { base: Base::Network, offset, length, from: register, checksum_at };
    if bytes(own).iter().all(|byte| *byte == u8::MAX) {
        return vec![Instruction::Immediate { to: register, data: bytes(value) }, store];
    }
    vec![
        Instruction::Payload { base: Base::Network, offset, length, to: register },
        Instruction::Bitwise { register, mask: bytes(!own), xor: bytes(value) },
        store,
    ]
}

/// The write that these instructions begin with, and how many of them it is.
pub(super) fn read(rest: &[Instruction]) -> Option<(SetHeader, usize)> {
    let constant = match rest {
        [Instruction::Immediate { data, .. }, ..] => data,
        [_, Instruction::Bitwise { xor, .. }, ..] => xor,
        _ => return None,
    };
    HeaderField::ALL.iter().find_map(|field| {
        let shift = stretch(*field).shift;
        let bits = constant.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let write = SetHeader { field: *field, value: u8::try_from(bits >> shift).ok()? };
        let instructions = instructions(write);
        rest.starts_with(&instructions).then_some((write, instructions.len()))
    })
}
