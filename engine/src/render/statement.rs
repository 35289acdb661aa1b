//! Statements: quota, limit, log, reject, address translation, marks, dynamic sets.

use std::fmt::{self, Write as _};

use super::{datum, expr, quote, set, symbol};
use crate::ruleset::{
    Assign, AssignTarget, Connections, DataType, DynamicSet, Family, HeaderField, Interval, Limit, LimitUnit, Log,
    LogLevel, Nat, NatKind, PerElement, Quota, RejectWith, Sample, SegmentSize, SetCt, SetHeader, SetMeta,
    SetOperation, ZoneDirection,
};

/// nft's own burst of a limit that counts packets; it leaves it out.
const DEFAULT_BURST: u32 = 5;

/// Every flag of `log` that nft has a word for.
const LOG_FLAGS_ALL: u32 = 0x2f;

/// `over 10 mbytes`.
pub(super) fn write_quota_size(out: &mut String, quota: Quota) -> fmt::Result {
    let Quota { bytes, over } = quota;
    let (number, unit) = byte_unit(bytes);
    write!(out, "{}{number} {unit}", if over { "over " } else { "" })
}

/// `limit rate 10/minute burst 6 packets`.
pub(super) fn write_limit(out: &mut String, limit: Limit) -> fmt::Result {
    let Limit { rate, per, burst, bytes, over } = limit;
    out.write_str(if over { "limit rate over " } else { "limit rate " })?;
    let per = unit_name(per);
    if bytes {
        let (number, unit) = byte_unit(rate);
        write!(out, "{number} {unit}/{per}")?;
        let (number, unit) = byte_unit(u64::from(burst));
        return if burst == 0 { Ok(()) } else { write!(out, " burst {number} {unit}") };
    }
    write!(out, "{rate}/{per}")?;
    // The kernel takes 0 for its default, which is nft's.
    if burst == 0 || burst == DEFAULT_BURST { Ok(()) } else { write!(out, " burst {burst} packets") }
}

/// `log prefix "…" group 1 snaplen 64 queue-threshold 8`, `log level info flags all`.
pub(super) fn write_log(out: &mut String, log: &Log) -> fmt::Result {
    let Log { prefix, group, snaplen, queue_threshold, level, flags } = log;
    out.write_str("log")?;
    if let Some(prefix) = prefix {
        write!(out, " prefix {}", quote::LogPrefix(prefix))?;
    }
    if let Some(group) = group {
        write!(out, " group {group}")?;
    }
    if let Some(snaplen) = snaplen {
        write!(out, " snaplen {snaplen}")?;
    }
    if let Some(threshold) = queue_threshold {
        write!(out, " queue-threshold {threshold}")?;
    }
    if let Some(level) = level {
        write!(out, " level {}", level_name(*level))?;
    }
    write_log_flags(out, *flags)
}

/// `reject with icmp host-unreachable`.
pub(super) fn write_reject(out: &mut String, family: Family, with: RejectWith) -> fmt::Result {
    out.write_str("reject")?;
    // nft leaves out what it would choose itself: port-unreachable, in the words of the table's family.
    let (keyword, code, name) = match (with, family) {
        (RejectWith::TcpReset, _) => return out.write_str(" with tcp reset"),
        (RejectWith::Icmp(3), Family::Ip) | (RejectWith::Icmpv6(4), Family::Ip6) => return Ok(()),
        (RejectWith::Icmpx(1), Family::Inet | Family::Bridge) => return Ok(()),
        (RejectWith::Icmp(code), _) => ("icmp", code, symbol::icmp_code(code)),
        (RejectWith::Icmpv6(code), _) => ("icmpv6", code, symbol::icmpv6_code(code)),
        (RejectWith::Icmpx(code), _) => ("icmpx", code, symbol::icmpx_code(code)),
    };
    match name {
        Some(name) => write!(out, " with {keyword} {name}"),
        None => write!(out, " with {keyword} {code}"),
    }
}

/// `dnat ip to 10.0.0.1-10.0.0.9:80-90 random,persistent`.
pub(super) fn write_nat(out: &mut String, family: Family, nat: &Nat) -> fmt::Result {
    let Nat { kind, addresses, ports, flags } = nat;
    out.write_str(match kind {
        NatKind::Source => "snat",
        NatKind::Destination => "dnat",
        NatKind::Masquerade => "masquerade",
        NatKind::Redirect => "redirect",
    })?;
    if let Some(addresses) = addresses {
        let keyword = if addresses.data_type() == DataType::Ipv6Addr { " ip6" } else { " ip" };
        let is_implied = matches!(family, Family::Ip | Family::Ip6);
        let prefix = if flags & Nat::PREFIX != 0 { " prefix" } else { "" };
        write!(out, "{}{prefix} to ", if is_implied { "" } else { keyword })?;
        write_nat_addresses(out, addresses, ports.is_some())?;
    }
    if let Some(ports) = ports {
        out.write_str(if addresses.is_some() { ":" } else { " to :" })?;
        write_one_or_range(out, ports)?;
    }
    let words = [(4, "random"), (16, "fully-random"), (8, "persistent")];
    let words: Vec<&str> = words.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, word)| *word).collect();
    if words.is_empty() { Ok(()) } else { write!(out, " {}", words.join(",")) }
}

/// `meta mark set meta mark & 0x0000ff00 ^ 0x00000001`.
pub(super) fn write_assign(out: &mut String, assign: Assign) -> fmt::Result {
    let Assign { target, source, mask, xor } = assign;
    write!(out, "{} set ", target_name(target))?;
    if mask == 0 {
        return write!(out, "{xor:#010x}");
    }
    // Bits that are flipped after they were cleared are set: nft says `|` for those and keeps them in the mask.
    let set = xor & !mask;
    let flipped = xor & mask;
    let kept = mask | set;
    out.write_str(target_name(source))?;
    if kept != u32::MAX {
        write!(out, " & {kept:#010x}")?;
    }
    if flipped != 0 {
        write!(out, " ^ {flipped:#010x}")?;
    }
    if set != 0 {
        write!(out, " | {set:#010x}")?;
    }
    Ok(())
}

/// `tcp option maxseg size set 1400`.
pub(super) fn write_segment_size(out: &mut String, size: SegmentSize) -> fmt::Result {
    out.write_str("tcp option maxseg size set ")?;
    match size {
        SegmentSize::Bytes(size) => write!(out, "{size}"),
        SegmentSize::RouteMtu => out.write_str("rt mtu"),
    }
}

/// `ip dscp set ef`, `ip6 hoplimit set 64`.
pub(super) fn write_header(out: &mut String, SetHeader { field, value }: SetHeader) -> fmt::Result {
    let name = match field {
        HeaderField::IpDscp => "ip dscp",
        HeaderField::IpEcn => "ip ecn",
        HeaderField::IpTtl => "ip ttl",
        HeaderField::Ip6Dscp => "ip6 dscp",
        HeaderField::Ip6Ecn => "ip6 ecn",
        HeaderField::Ip6Hoplimit => "ip6 hoplimit",
    };
    write!(out, "{name} set ")?;
    match field {
        HeaderField::IpEcn | HeaderField::Ip6Ecn => out.write_str(ecn_name(value)),
        HeaderField::IpDscp | HeaderField::IpTtl | HeaderField::Ip6Dscp | HeaderField::Ip6Hoplimit => {
            datum::write(out, &field.datum(value & field.largest()))
        }
    }
}

/// `ct original zone set 5`, `ct helper set "pl_…"`.
pub(super) fn write_ct(out: &mut String, set: &SetCt) -> fmt::Result {
    match set {
        SetCt::Zone { direction: None, zone } => write!(out, "ct zone set {zone}"),
        SetCt::Zone { direction: Some(ZoneDirection::Original), zone } => write!(out, "ct original zone set {zone}"),
        SetCt::Zone { direction: Some(ZoneDirection::Reply), zone } => write!(out, "ct reply zone set {zone}"),
        SetCt::Helper(name) => write!(out, "ct helper set {}", quote::Quoted(name)),
    }
}

/// `meta priority set 1:2`.
pub(super) fn write_meta(out: &mut String, set: SetMeta) -> fmt::Result {
    match set {
        SetMeta::Priority(0) => out.write_str("meta priority set none"),
        SetMeta::Priority(u32::MAX) => out.write_str("meta priority set root"),
        SetMeta::Priority(class) => write!(out, "meta priority set {:x}:{:x}", class >> 16, class & 0xffff),
        SetMeta::Trace => out.write_str("meta nftrace set 1"),
    }
}

/// `update @set { ip saddr timeout 1m limit rate over 10/second }`.
pub(super) fn write_dynamic_set(out: &mut String, dynamic: &DynamicSet) -> fmt::Result {
    let DynamicSet { operation, set, key, masks, timeout, per_element } = dynamic;
    let operation = match operation {
        SetOperation::Add => "add",
        SetOperation::Update => "update",
        SetOperation::Delete => "delete",
    };
    write!(out, "{operation} @{} {{ ", quote::Identifier(set))?;
    for (index, field) in key.iter().enumerate() {
        write!(out, "{}{}", if index == 0 { "" } else { " . " }, expr::field_name(*field))?;
        if let Some(mask) = masks.get(field) {
            out.write_str(" & ")?;
            datum::write(out, mask)?;
        }
    }
    if let Some(timeout) = timeout {
        out.write_str(" timeout ")?;
        set::write_duration(out, *timeout)?;
    }
    match per_element {
        Some(PerElement::Limit(limit)) => {
            out.write_char(' ')?;
            write_limit(out, *limit)?;
        }
        Some(PerElement::Connections(Connections { count, over })) => {
            write!(out, " ct count {}{count}", if *over { "over " } else { "" })?;
        }
        None => {}
    }
    out.write_str(" }")
}

/// `meta random <= 99`, `numgen inc mod 3 0`.
pub(super) fn write_sample(out: &mut String, sample: Sample) -> fmt::Result {
    match sample {
        Sample::Random { most } => write!(out, "meta random <= {most}"),
        Sample::Nth { every, packet } => write!(out, "numgen inc mod {every} {packet}"),
    }
}

fn write_log_flags(out: &mut String, flags: u32) -> fmt::Result {
    if flags & LOG_FLAGS_ALL == LOG_FLAGS_ALL {
        return out.write_str(" flags all");
    }
    match flags & 3 {
        1 => out.write_str(" flags tcp sequence")?,
        2 => out.write_str(" flags tcp options")?,
        3 => out.write_str(" flags tcp sequence,options")?,
        _ => {}
    }
    let words = [(4, "ip options"), (8, "skuid"), (32, "ether")];
    words.iter().filter(|(bit, _)| flags & bit != 0).try_for_each(|(_, word)| write!(out, " flags {word}"))
}

fn write_nat_addresses(out: &mut String, addresses: &Interval, has_ports: bool) -> fmt::Result {
    let is_v6 = addresses.data_type() == DataType::Ipv6Addr;
    if !has_ports {
        return datum::write_part(out, addresses);
    }
    // Between an IPv6 address and a port stand brackets; before a port nft reads no network.
    let (open, close) = if is_v6 { ("[", "]") } else { ("", "") };
    out.write_str(open)?;
    datum::write_number(out, &addresses.low())?;
    out.write_str(close)?;
    if !addresses.is_single() {
        write!(out, "-{open}")?;
        datum::write_number(out, &addresses.high())?;
        out.write_str(close)?;
    }
    Ok(())
}

fn write_one_or_range(out: &mut String, interval: &Interval) -> fmt::Result {
    if interval.is_single() { datum::write(out, &interval.low()) } else { datum::write_range(out, interval) }
}

/// RFC 3168's words.
fn ecn_name(value: u8) -> &'static str {
    match value & HeaderField::IpEcn.largest() {
        0 => "not-ect",
        1 => "ect1",
        2 => "ect0",
        _ => "ce",
    }
}

pub(super) fn unit_name(unit: LimitUnit) -> &'static str {
    match unit {
        LimitUnit::Second => "second",
        LimitUnit::Minute => "minute",
        LimitUnit::Hour => "hour",
        LimitUnit::Day => "day",
        LimitUnit::Week => "week",
    }
}

pub(super) fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Emerg => "emerg",
        LogLevel::Alert => "alert",
        LogLevel::Crit => "crit",
        LogLevel::Err => "err",
        LogLevel::Warn => "warn",
        LogLevel::Notice => "notice",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Audit => "audit",
    }
}

fn target_name(target: AssignTarget) -> &'static str {
    match target {
        AssignTarget::Mark => "meta mark",
        AssignTarget::CtMark => "ct mark",
    }
}

/// In the largest of nft's units that divides it.
fn byte_unit(bytes: u64) -> (u64, &'static str) {
    match bytes {
        0 => (0, "bytes"),
        bytes if bytes % (1 << 20) == 0 => (bytes >> 20, "mbytes"),
        bytes if bytes % (1 << 10) == 0 => (bytes >> 10, "kbytes"),
        bytes => (bytes, "bytes"),
    }
}
