//! Connections that the host takes over, and copies: the instructions of `tproxy`, `synproxy` and `dup`, and back.

#![expect(clippy::wildcard_enum_match_arm, reason = "each reader takes one of many instructions")]

use std::net::IpAddr;

use super::lower::{NFPROTO_IPV4, NFPROTO_IPV6, Refusal};
use super::wire::{Instruction, Register};
use crate::ruleset::{Family, Synproxy, Tproxy};

/// `NFPROTO_UNSPEC`: packets of either family.
const EITHER: u32 = 0;

/// `NF_SYNPROXY_OPT_*`.
const SEGMENT_SIZE: u32 = 1;
const WINDOW_SCALE: u32 = 2;
const SACK: u32 = 4;
const TIMESTAMP: u32 = 8;

/// Puts address and port into registers, and hands the packet over.
pub(super) fn tproxy(family: Family, tproxy: Tproxy) -> Result<Vec<Instruction>, Refusal> {
    let Tproxy { address, port } = tproxy;
    let number = match (address, family) {
        (Some(IpAddr::V4(_)), Family::Inet | Family::Ip) | (None, Family::Ip) => NFPROTO_IPV4,
        (Some(IpAddr::V6(_)), Family::Inet | Family::Ip6) | (None, Family::Ip6) => NFPROTO_IPV6,
        (None, Family::Inet) => EITHER,
        _ => return Err(Refusal("tproxy has an address of the table's family, in a table that routes")),
    };
    let bytes = match address {
        Some(IpAddr::V4(address)) => Some(address.octets().to_vec()),
        Some(IpAddr::V6(address)) => Some(address.octets().to_vec()),
        None => None,
    };
    let data: Vec<Vec<u8>> = bytes.into_iter().chain(port.map(|port| port.to_be_bytes().to_vec())).collect();
    if data.is_empty() {
        return Err(Refusal("tproxy wants an address or a port"));
    }
    let first = Some(Register::FIRST);
    let (address, port) = match (address, port) {
        (Some(_), Some(_)) => (first, Register::wide(1)),
        (Some(_), None) => (first, None),
        (None, _) => (None, first),
    };
    let registers = address.into_iter().chain(port);
    let mut instructions: Vec<Instruction> =
        registers.zip(data).map(|(to, data)| Instruction::Immediate { to, data }).collect();
    instructions.push(Instruction::Tproxy { family: number, address, port });
    Ok(instructions)
}

/// Reads one, and how many instructions it takes; what is none of ours shows when it is lowered again.
pub(super) fn read_tproxy(instructions: &[Instruction]) -> Option<(Tproxy, usize)> {
    let n_constants = instructions.iter().take_while(|one| matches!(one, Instruction::Immediate { .. })).count();
    let Instruction::Tproxy { family: _, address, port } = instructions.get(n_constants)? else { return None };
    let constant = |register: &Register| {
        instructions.iter().take(n_constants).find_map(|one| match one {
            Instruction::Immediate { to, data } if to == register => Some(data.as_slice()),
            _ => None,
        })
    };
    let address = match address {
        Some(register) => {
            let bytes = constant(register)?;
            let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
            Some(v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))?)
        }
        None => None,
    };
    let port = match port {
        Some(register) => Some(u16::from_be_bytes(constant(register)?.try_into().ok()?)),
        None => None,
    };
    Some((Tproxy { address, port }, n_constants + 1))
}

/// Puts the neighbour's address into a register, and sends it a copy.
pub(super) fn duplicate(family: Family, address: IpAddr) -> Result<[Instruction; 2], Refusal> {
    let data = match (address, family) {
        (IpAddr::V4(address), Family::Ip) => address.octets().to_vec(),
        (IpAddr::V6(address), Family::Ip6) => address.octets().to_vec(),
        _ => return Err(Refusal("a copy goes to an address of the table's family, in a table of one family")),
    };
    Ok([Instruction::Immediate { to: Register::FIRST, data }, Instruction::Duplicate { address: Register::FIRST }])
}

/// Reads one, and how many instructions it takes.
pub(super) fn read_duplicate(instructions: &[Instruction]) -> Option<(IpAddr, usize)> {
    let [Instruction::Immediate { to, data }, Instruction::Duplicate { address }, ..] = instructions else {
        return None;
    };
    (to == address).then_some(())?;
    let v4 = || <[u8; 4]>::try_from(data.as_slice()).ok().map(IpAddr::from);
    let address = v4().or_else(|| <[u8; 16]>::try_from(data.as_slice()).ok().map(IpAddr::from))?;
    Some((address, 2))
}

pub(super) fn synproxy(Synproxy { segment_size, window_scale, timestamp, sack }: Synproxy) -> Instruction {
    let flags = [
        (segment_size.is_some(), SEGMENT_SIZE),
        (window_scale.is_some(), WINDOW_SCALE),
        (sack, SACK),
        (timestamp, TIMESTAMP),
    ];
    Instruction::Synproxy {
        segment_size: segment_size.unwrap_or(0),
        window_scale: window_scale.unwrap_or(0),
        flags: flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).sum(),
    }
}

pub(super) fn read_synproxy(instruction: &Instruction) -> Option<Synproxy> {
    match instruction {
        Instruction::Synproxy { segment_size, window_scale, flags } => Some(Synproxy {
            segment_size: (flags & SEGMENT_SIZE != 0).then_some(*segment_size),
            window_scale: (flags & WINDOW_SCALE != 0).then_some(*window_scale),
            timestamp: flags & TIMESTAMP != 0,
            sack: flags & SACK != 0,
        }),
        _ => None,
    }
}
