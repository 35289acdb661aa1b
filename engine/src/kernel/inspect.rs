//! Instructions from the bytes of a rule that the kernel sent: the inverse of [`super::express`].

use super::attribute::{Attributes, text};
use super::express::{
    self, BITWISE_BOOL, BITWISE_RSHIFT, BYTEORDER_HTON, CHECKSUM_INET, CHECKSUM_NONE, CONNLIMIT_OVER, EXTHDR_PRESENT,
    LIMIT_BYTES, LIMIT_OVER, LOOKUP_INVERTED, NUMGEN_INCREMENTAL, QUOTA_OVER, RANGE_EQ, RANGE_NEQ,
};
use super::wire::{Extension, Instruction, Load, Log, Register, Span};
use crate::ruleset::{Connections, Limit, LimitUnit, LogLevel, Name, PerElement, SetRef, Verdict};

/// `NFTA_LIST_ELEM`.
pub(super) const LIST_ELEMENT: u16 = 1;

/// `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`.
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;

/// `NFTA_DATA_VALUE` and `NFTA_DATA_VERDICT`.
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;

/// Finds what a lookup asks by the name of the set; nothing for an anonymous set that could not be read.
pub(super) type FindSet<'a> = &'a dyn Fn(&str) -> Option<SetRef>;

/// Reads the list of a rule's expressions.
///
/// # Errors
/// The name of the first expression that could not be read.
pub(super) fn inspect(list: Attributes<'_>, find_set: FindSet<'_>) -> Result<Vec<Instruction>, Box<str>> {
    let mut instructions = Vec::new();
    for (_, expr) in list.iter().filter(|(kind, _)| *kind == LIST_ELEMENT) {
        let expr = Attributes::new(expr);
        let name = expr.text(EXPR_NAME).unwrap_or("an expression without a name");
        let data = expr.nest(EXPR_DATA).unwrap_or(Attributes::new(&[]));
        if !is_idle(name, data) {
            instructions.push(instruction(name, data, find_set).ok_or(name)?);
        }
    }
    Ok(instructions)
}

/// A value or a verdict (`NFTA_DATA_*`).
pub(super) enum Data<'a> {
    Value(&'a [u8]),
    Verdict(Verdict),
}

/// Reads a nest of data.
pub(super) fn data(nest: Attributes<'_>) -> Option<Data<'_>> {
    if let Some(value) = nest.get(DATA_VALUE) {
        return Some(Data::Value(value));
    }
    let verdict = nest.nest(DATA_VERDICT)?;
    let chain = match verdict.text(2) {
        Some(chain) => Some(chain.parse::<Name>().ok()?),
        None => None,
    };
    express::verdict(verdict.u32(1)?, chain).map(Data::Verdict)
}

/// nft turns single bytes of concatenations round, which changes nothing.
fn is_idle(name: &str, data: Attributes<'_>) -> bool {
    name == "byteorder" && data.u32(4) == Some(1)
}

fn instruction(name: &str, data: Attributes<'_>, find_set: FindSet<'_>) -> Option<Instruction> {
    match name {
        "meta" => meta(data),
        "payload" => payload(data),
        "ct" => ct(data),
        "fib" => Some(Instruction::Fib { result: data.u32(2)?, flags: data.u32(3)?, to: register(data, 1)? }),
        "cmp" => Some(Instruction::Compare {
            from: register(data, 1)?,
            operator: express::comparison(data.u32(2)?)?,
            data: value(data, 3)?,
        }),
        "range" => Some(Instruction::Range {
            from: register(data, 1)?,
            negated: match data.u32(2)? {
                RANGE_EQ => false,
                RANGE_NEQ => true,
                _ => return None,
            },
            low: value(data, 3)?,
            high: value(data, 4)?,
        }),
        "bitwise" => bitwise(data),
        "byteorder" => {
            let register = same_register(data, 1, 2)?;
            (data.u32(3)? == BYTEORDER_HTON).then_some(())?;
            Some(Instruction::HostToNetwork { register, length: data.u32(4)?, size: data.u32(5)? })
        }
        "lookup" => lookup(data, find_set),
        "immediate" => immediate(data),
        "counter" => Some(Instruction::Counter),
        "objref" => {
            Some(Instruction::Object { kind: express::object_kind(data.u32(1)?)?, name: data.text(2)?.parse().ok()? })
        }
        "quota" => Some(Instruction::Quota { bytes: data.u64(1)?, over: data.u32(2)? & QUOTA_OVER != 0 }),
        "limit" => limit(data).map(Instruction::Limit),
        "log" => log(data).map(Instruction::Log),
        // Only answers by ICMP have a code.
        "reject" => Some(Instruction::Reject { kind: data.u32(1)?, code: data.u8(2).unwrap_or(0) }),
        "nat" => Some(Instruction::Nat {
            kind: data.u32(1)?,
            family: data.u32(2)?,
            addresses: span(data, 3, 4).ok()?,
            ports: span(data, 5, 6).ok()?,
            flags: nat_flags(data, 7),
        }),
        "masq" => Some(Instruction::Masquerade { ports: span(data, 2, 3).ok()?, flags: nat_flags(data, 1) }),
        "redir" => Some(Instruction::Redirect { ports: span(data, 1, 2).ok()?, flags: nat_flags(data, 3) }),
        "notrack" => Some(Instruction::Notrack),
        "rt" => Some(Instruction::Route { key: data.u32(2)?, to: register(data, 1)? }),
        "socket" => Some(Instruction::Socket { key: data.u32(1)?, to: register(data, 2)? }),
        "exthdr" => extension(data),
        "tproxy" => Some(Instruction::Tproxy {
            family: data.u32(1)?,
            address: optional_register(data, 2).ok()?,
            port: optional_register(data, 3).ok()?,
        }),
        "synproxy" => {
            Some(Instruction::Synproxy { segment_size: data.u16(1)?, window_scale: data.u8(2)?, flags: data.u32(3)? })
        }
        // The number of the queue can come from a register, which nothing here says.
        "queue" if data.get(4).is_none() => {
            Some(Instruction::Queue { first: data.u16(1)?, total: data.u16(2)?, flags: data.u16(3).unwrap_or(0) })
        }
        // Nothing else than the address is given: not by which interface.
        "dup" if data.get(2).is_none() => Some(Instruction::Duplicate { address: register(data, 1)? }),
        "numgen" => number(data),
        "dynset" => dynset(data),
        _ => None,
    }
}

fn meta(data: Attributes<'_>) -> Option<Instruction> {
    let key = data.u32(2)?;
    match data.get(3) {
        Some(_) => Some(Instruction::MetaSet { key, from: register(data, 3)? }),
        None => Some(Instruction::Meta { key, to: register(data, 1)? }),
    }
}

fn payload(data: Attributes<'_>) -> Option<Instruction> {
    let (base, offset, length) = (express::base(data.u32(2)?)?, data.u32(3)?, data.u32(4)?);
    if data.get(5).is_none() {
        return Some(Instruction::Payload { base, offset, length, to: register(data, 1)? });
    }
    // Flags are for the checksums of transport protocols, which what is written is no part of.
    (data.u32(8).unwrap_or(0) == 0).then_some(())?;
    let checksum_at = match data.u32(6).unwrap_or(CHECKSUM_NONE) {
        CHECKSUM_NONE => None,
        CHECKSUM_INET => Some(data.u32(7)?),
        _ => return None,
    };
    Some(Instruction::PayloadSet { base, offset, length, from: register(data, 5)?, checksum_at })
}

fn ct(data: Attributes<'_>) -> Option<Instruction> {
    let key = data.u32(2)?;
    match data.get(4) {
        Some(_) => Some(Instruction::CtSet { key, direction: data.u8(3), from: register(data, 4)? }),
        None => Some(Instruction::Ct { key, direction: data.u8(3), to: register(data, 1)? }),
    }
}

fn bitwise(data: Attributes<'_>) -> Option<Instruction> {
    let register = same_register(data, 1, 2)?;
    match data.u32(6).unwrap_or(BITWISE_BOOL) {
        BITWISE_BOOL => Some(Instruction::Bitwise { register, mask: value(data, 4)?, xor: value(data, 5)? }),
        BITWISE_RSHIFT => {
            let bits = u32::from_ne_bytes(value(data, 7)?.try_into().ok()?);
            Some(Instruction::ShiftRight { register, length: data.u32(3)?, bits })
        }
        _ => None,
    }
}

fn lookup(data: Attributes<'_>, find_set: FindSet<'_>) -> Option<Instruction> {
    let from = register(data, 2)?;
    let set = find_set(data.text(1)?)?;
    let flags = data.u32(5).unwrap_or(0);
    match data.u32(3) {
        Some(0) if flags == 0 => Some(Instruction::VerdictMap { from, map: set }),
        Some(_) => None,
        None if flags & !LOOKUP_INVERTED != 0 => None,
        None => Some(Instruction::Lookup { from, negated: flags == LOOKUP_INVERTED, set }),
    }
}

fn immediate(attributes: Attributes<'_>) -> Option<Instruction> {
    match data(attributes.nest(2)?)? {
        Data::Value(value) => Some(Instruction::Immediate { to: register(attributes, 1)?, data: value.to_vec() }),
        Data::Verdict(verdict) => Some(Instruction::Verdict(verdict)),
    }
}

/// Reads a limit; also of a set's elements.
fn limit(data: Attributes<'_>) -> Option<Limit> {
    let seconds = data.u64(2)?;
    let units = [LimitUnit::Second, LimitUnit::Minute, LimitUnit::Hour, LimitUnit::Day, LimitUnit::Week];
    Some(Limit {
        rate: data.u64(1)?,
        per: units.into_iter().find(|unit| unit.seconds() == seconds)?,
        burst: data.u32(3)?,
        bytes: data.u32(4)? == LIMIT_BYTES,
        over: data.u32(5).unwrap_or(0) & LIMIT_OVER != 0,
    })
}

fn log(data: Attributes<'_>) -> Option<Log> {
    let level = match data.u32(5) {
        Some(number) => Some(express::level(number)?),
        None => None,
    };
    let prefix = match data.get(2) {
        Some(prefix) => Some(text(prefix)?.into()),
        None => None,
    };
    Some(Log {
        prefix,
        group: data.u16(1),
        snaplen: data.u32(3),
        queue_threshold: data.u16(4),
        // The kernel's default, which it shows whether or not it was given.
        level: level.filter(|level| *level != LogLevel::Warn),
        flags: data.u32(6).unwrap_or(0),
    })
}

/// Only TCP's options are written and blanked.
fn extension(data: Attributes<'_>) -> Option<Instruction> {
    let (number, extension) = (data.u8(2)?, express::extension_kind(data.u32(6).unwrap_or(0))?);
    let flags = data.u32(5).unwrap_or(0);
    let place = || Some((data.u32(3)?, data.u32(4)?));
    match (data.get(1), data.get(7)) {
        (Some(_), None) => {
            let load = match (flags, place()?) {
                (0, (offset, length)) => Load::Part { offset, length },
                (EXTHDR_PRESENT, express::PRESENCE) => Load::Presence,
                _ => return None,
            };
            Some(Instruction::Extension { extension, number, load, to: register(data, 1)? })
        }
        (None, _) if extension != Extension::TcpOption || flags != 0 => None,
        (None, Some(_)) => {
            let (offset, length) = place()?;
            Some(Instruction::TcpOptionSet { kind: number, offset, length, from: register(data, 7)? })
        }
        (None, None) => Some(Instruction::TcpOptionStrip { kind: number }),
        (Some(_), Some(_)) => None,
    }
}

fn dynset(data: Attributes<'_>) -> Option<Instruction> {
    if data.get(5).is_some() || data.get(10).is_some() {
        return None;
    }
    let per_element = match data.nest(7) {
        Some(expr) => Some(per_element(expr.text(EXPR_NAME)?, expr.nest(EXPR_DATA)?)?),
        None => None,
    };
    Some(Instruction::Dynset {
        operation: express::operation(data.u32(3)?)?,
        from: register(data, 4)?,
        set: data.text(1)?.parse().ok()?,
        timeout_ms: data.u64(6).filter(|timeout| *timeout != 0),
        per_element,
    })
}

fn per_element(name: &str, data: Attributes<'_>) -> Option<PerElement> {
    match name {
        "limit" => limit(data).map(PerElement::Limit),
        "connlimit" => {
            let over = data.u32(2).unwrap_or(0) & CONNLIMIT_OVER != 0;
            Some(PerElement::Connections(Connections { count: data.u32(1)?, over }))
        }
        _ => None,
    }
}

/// Numbers that count from 0; others are not written.
fn number(data: Attributes<'_>) -> Option<Instruction> {
    let is_plain = data.u32(3)? == NUMGEN_INCREMENTAL && data.u32(4).unwrap_or(0) == 0;
    is_plain.then_some(())?;
    Some(Instruction::Number { modulus: data.u32(2)?, to: register(data, 1)? })
}

fn register(data: Attributes<'_>, attribute: u16) -> Option<Register> {
    Register::from_number(data.u32(attribute)?)
}

fn optional_register(data: Attributes<'_>, attribute: u16) -> Result<Option<Register>, Unreadable> {
    if data.get(attribute).is_none() {
        return Ok(None);
    }
    register(data, attribute).map(Some).ok_or(Unreadable)
}

fn same_register(data: Attributes<'_>, source: u16, target: u16) -> Option<Register> {
    register(data, source).filter(|register| data.u32(target).and_then(Register::from_number) == Some(*register))
}

fn value(attributes: Attributes<'_>, attribute: u16) -> Option<Vec<u8>> {
    match data(attributes.nest(attribute)?)? {
        Data::Value(value) => Some(value.to_vec()),
        Data::Verdict(_) => None,
    }
}

/// A register that is not one.
struct Unreadable;

/// The registers of a range, if there is one.
fn span(data: Attributes<'_>, low: u16, high: u16) -> Result<Option<Span>, Unreadable> {
    if data.get(low).is_none() {
        return Ok(None);
    }
    let low = register(data, low).ok_or(Unreadable)?;
    let high = if data.get(high).is_some() { register(data, high).ok_or(Unreadable)? } else { low };
    Ok(Some(Span { low, high }))
}

/// The kernel adds `NF_NAT_RANGE_MAP_IPS` by itself where there are addresses.
fn nat_flags(data: Attributes<'_>, attribute: u16) -> u32 {
    const MAP_IPS: u32 = 1;
    data.u32(attribute).unwrap_or(0) & !MAP_IPS
}
