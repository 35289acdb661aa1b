//! The moment of a packet: what nft loads, turns round and compares for each part of it.

use super::field::meta;
use super::lower::{Refusal, host_to_network};
use super::wire::{Comparison, Instruction, Register};
use crate::ruleset::{Clock, ClockPart, Operator};

/// Nanoseconds of a second, by which the kernel counts.
const SECOND: u64 = 1_000_000_000;

const PARTS: [ClockPart; 3] = [ClockPart::Time, ClockPart::Day, ClockPart::Hour];

fn key(part: ClockPart) -> u32 {
    match part {
        ClockPart::Time => meta::TIME,
        ClockPart::Day => meta::DAY,
        ClockPart::Hour => meta::HOUR,
    }
}

/// The bytes of a value that the register has, and the kernel's units in one of ours.
fn form(part: ClockPart) -> (usize, u64) {
    match part {
        ClockPart::Time => (8, SECOND),
        ClockPart::Day => (1, 1),
        ClockPart::Hour => (4, 1),
    }
}

/// The instructions that compare a moment.
///
/// # Errors
/// [`Refusal`] for what no clock shows.
pub(super) fn instructions(Clock { part, operator, low, high }: Clock) -> Result<Vec<Instruction>, Refusal> {
    if low > high || high > part.largest() {
        return Err(Refusal("a range of moments ends where it begins or later, within what a clock shows"));
    }
    let from = Register::FIRST;
    let (width, unit) = form(part);
    let network = |value: u64| (value * unit).to_be_bytes().into_iter().skip(8 - width).collect::<Vec<u8>>();
    let mut instructions = vec![Instruction::Meta { key: key(part), to: from }];
    if low == high {
        let mut data = network(low);
        if cfg!(target_endian = "little") {
            data.reverse();
        }
        let operator = match operator {
            Operator::Eq => Comparison::Eq,
            Operator::Ne => Comparison::Ne,
        };
        instructions.push(Instruction::Compare { from, operator, data });
        return Ok(instructions);
    }
    if width > 1 {
        instructions.push(host_to_network(from, width));
    }
    let (low, high) = (network(low), network(high));
    match operator {
        Operator::Eq => {
            instructions.push(Instruction::Compare { from, operator: Comparison::AtLeast, data: low });
            instructions.push(Instruction::Compare { from, operator: Comparison::AtMost, data: high });
        }
        Operator::Ne => instructions.push(Instruction::Range { from, negated: true, low, high }),
    }
    Ok(instructions)
}

/// The comparison that these instructions begin with, and how many of them it is.
pub(super) fn read(rest: &[Instruction]) -> Option<(Clock, usize)> {
    let [Instruction::Meta { key: loaded, to: Register::FIRST }, after @ ..] = rest else { return None };
    let part = PARTS.into_iter().find(|part| key(*part) == *loaded)?;
    let (_, unit) = form(part);
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) / unit;
    let turned = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if cfg!(target_endian = "little") {
            bytes.reverse();
        }
        number(&bytes)
    };
    let compared = match after {
        [Instruction::HostToNetwork { .. }, compared @ ..] | compared => compared,
    };
    let (operator, low, high) = match compared {
        [
            Instruction::Compare { operator: Comparison::AtLeast, data: low, .. },
            Instruction::Compare { operator: Comparison::AtMost, data: high, .. },
            ..,
        ] => (Operator::Eq, number(low), number(high)),
        [Instruction::Range { negated: true, low, high, .. }, ..] => (Operator::Ne, number(low), number(high)),
        [Instruction::Compare { operator: Comparison::Eq, data, .. }, ..] => (Operator::Eq, turned(data), turned(data)),
        [Instruction::Compare { operator: Comparison::Ne, data, .. }, ..] => (Operator::Ne, turned(data), turned(data)),
        _ => return None,
    };
    let moment = Clock { part, operator, low, high };
    let instructions = instructions(moment).ok()?;
    rest.starts_with(&instructions).then_some((moment, instructions.len()))
}
