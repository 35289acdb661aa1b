//! Questions about parts that not every packet has, and about bytes without a name, as instructions.

use super::express::{BYTES_BASES, bytes_base};
use super::field::{Context, Dependency, Network};
use super::lower::Refusal;
use super::wire::{Comparison, Extension, Instruction, Load, Register};
use crate::ruleset::{Bytes, Exists, ExtensionHeader, Operator, Part, SctpChunk};

const FROM: Register = Register::FIRST;

/// What has to be matched before a part is looked for; the kernel itself looks whether it is TCP or SCTP.
pub(super) fn missing_for(context: Context, exists: Exists) -> Vec<Dependency> {
    match exists.part {
        Part::ExtensionHeader(_) => context.missing_for_network(Network::Ip6),
        Part::TcpOption(_) | Part::SctpChunk(_) => Vec::new(),
    }
}

/// Looks whether it is there.
pub(super) fn presence(Exists { part, operator }: Exists) -> [Instruction; 2] {
    let (extension, number) = match part {
        Part::ExtensionHeader(header) => (Extension::Ipv6, header.number()),
        Part::TcpOption(kind) => (Extension::TcpOption, kind),
        Part::SctpChunk(chunk) => (Extension::SctpChunk, chunk.number()),
    };
    let is_there = match operator {
        Operator::Eq => 1,
        Operator::Ne => 0,
    };
    [
        Instruction::Extension { extension, number, load: Load::Presence, to: FROM },
        Instruction::Compare { from: FROM, operator: Comparison::Eq, data: vec![is_there] },
    ]
}

/// Reads it back, and how many instructions it is.
pub(super) fn read_presence(instructions: &[Instruction]) -> Option<(Exists, usize)> {
    let [
        Instruction::Extension { extension, number, load: Load::Presence, to: FROM },
        Instruction::Compare { from: FROM, operator: Comparison::Eq, data },
        ..,
    ] = instructions
    else {
        return None;
    };
    let part = match extension {
        Extension::Ipv6 => {
            Part::ExtensionHeader(*ExtensionHeader::ALL.iter().find(|header| header.number() == *number)?)
        }
        Extension::TcpOption => Part::TcpOption(*number),
        Extension::SctpChunk => Part::SctpChunk(*SctpChunk::ALL.iter().find(|chunk| chunk.number() == *number)?),
    };
    let operator = match data.as_slice() {
        [1] => Operator::Eq,
        [0] => Operator::Ne,
        _ => return None,
    };
    Some((Exists { part, operator }, 2))
}

/// Loads bytes and compares them.
pub(super) fn bytes(bytes: Bytes) -> Result<Vec<Instruction>, Refusal> {
    if !bytes.is_sound() {
        return Err(Refusal("bytes are 1 to 16, and their mask and range no longer"));
    }
    let Bytes { base, offset, length, mask, operator, low, high } = bytes;
    let data = |number: u128| number.to_be_bytes().iter().skip(16 - usize::from(length)).copied().collect::<Vec<u8>>();
    let compare = |operator, number| Instruction::Compare { from: FROM, operator, data: data(number) };
    let mut instructions =
        vec![Instruction::Payload { base: bytes_base(base), offset: offset.into(), length: length.into(), to: FROM }];
    if mask != Bytes::largest(length) {
        instructions.push(Instruction::Bitwise { register: FROM, mask: data(mask), xor: data(0) });
    }
    match operator {
        Operator::Eq if low == high => instructions.push(compare(Comparison::Eq, low)),
        Operator::Ne if low == high => instructions.push(compare(Comparison::Ne, low)),
        Operator::Eq => instructions.extend([compare(Comparison::AtLeast, low), compare(Comparison::AtMost, high)]),
        Operator::Ne => {
            instructions.push(Instruction::Range { from: FROM, negated: true, low: data(low), high: data(high) });
        }
    }
    Ok(instructions)
}

/// Reads them back, and how many instructions they are.
pub(super) fn read_bytes(instructions: &[Instruction]) -> Option<(Bytes, usize)> {
    let (Instruction::Payload { base, offset, length, to: FROM }, mut rest) = instructions.split_first()? else {
        return None;
    };
    let base = BYTES_BASES.into_iter().find(|known| bytes_base(*known) == *base)?;
    let (offset, length) = (u8::try_from(*offset).ok()?, u8::try_from(*length).ok()?);
    let number = |data: &[u8]| data.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    let mut mask = Bytes::largest(length);
    if let Some((Instruction::Bitwise { mask: bits, .. }, after)) = rest.split_first() {
        mask = number(bits);
        rest = after;
    }
    let (operator, low, high, n_compared) = match rest {
        [
            Instruction::Compare { operator: Comparison::AtLeast, data: low, .. },
            Instruction::Compare { operator: Comparison::AtMost, data: high, .. },
            ..,
        ] => (Operator::Eq, low, high, 2),
        [Instruction::Compare { operator: Comparison::Eq, data, .. }, ..] => (Operator::Eq, data, data, 1),
        [Instruction::Compare { operator: Comparison::Ne, data, .. }, ..] => (Operator::Ne, data, data, 1),
        [Instruction::Range { negated: true, low, high, .. }, ..] => (Operator::Ne, low, high, 1),
        _ => return None,
    };
    let bytes = Bytes { base, offset, length, mask, operator, low: number(low), high: number(high) };
    Some((bytes, instructions.len() - rest.len() + n_compared))
}
