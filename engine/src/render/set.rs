//! Sets, maps and their elements.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{datum, expr, quote, write_comment_line};
use crate::ruleset::{DataType, Datum, Element, ElementData, ElementKey, Elements, Interval, MapData, SetSpec};

/// Where a line of elements goes on.
const CONTINUED: &str = ",\n\t\t\t     ";

/// `set` or `map`.
pub(super) fn keyword(spec: &SetSpec) -> &'static str {
    match spec.data {
        MapData::Nothing => "set",
        MapData::Verdict | MapData::Value(_) | MapData::Counter => "map",
    }
}

/// The lines inside `set NAME { … }`. After each element `written` sees what has been written, and may take it away.
pub(super) fn write_body(
    out: &mut String,
    spec: &SetSpec,
    elements: &Elements,
    mut written: impl FnMut(&mut String),
) -> fmt::Result {
    write_spec(out, spec)?;
    if elements.is_empty() {
        return Ok(());
    }
    out.write_str("\t\telements = { ")?;
    let per_line = elements_per_line(spec);
    for (index, (key, element)) in listed(spec, spec.intervals, elements).into_iter().enumerate() {
        match index {
            0 => {}
            index if index % per_line == 0 => out.write_str(CONTINUED)?,
            _ => out.write_str(", ")?,
        }
        write_element(out, spec, key, element)?;
        written(out);
    }
    out.write_str(" }\n")
}

/// The lines before the elements.
pub(super) fn write_spec(out: &mut String, spec: &SetSpec) -> fmt::Result {
    let SetSpec { key, data, intervals, dynamic, timeout, size, counters, comment } = spec;
    out.write_str("\t\t")?;
    write_types(out, key, data)?;
    out.write_char('\n')?;
    if let Some(size) = size {
        writeln!(out, "\t\tsize {size}")?;
    }
    let flags = [(*dynamic, "dynamic"), (*intervals, "interval"), (timeout.is_some(), "timeout")];
    let flags: Vec<&str> = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
    if !flags.is_empty() {
        writeln!(out, "\t\tflags {}", flags.join(","))?;
    }
    if *counters {
        out.write_str("\t\tcounter\n")?;
    }
    // A life time of zero is none: the flag alone says that elements may have their own.
    if let Some(timeout) = timeout.filter(|timeout| !timeout.is_zero()) {
        out.write_str("\t\ttimeout ")?;
        write_duration(out, timeout)?;
        out.write_char('\n')?;
    }
    write_comment_line(out, "\t\t", comment.as_ref())
}

/// `{ A, B }`.
pub(super) fn write_anonymous(out: &mut String, spec: &SetSpec, elements: &Elements) -> fmt::Result {
    // nft finds out by itself whether an anonymous set needs intervals.
    let has_ranges = elements.keys().flat_map(ElementKey::parts).any(|part| !part.is_single());
    out.write_str("{")?;
    for (index, (key, element)) in listed(spec, has_ranges, elements).into_iter().enumerate() {
        out.write_str(if index == 0 { " " } else { ", " })?;
        write_element(out, spec, key, element)?;
    }
    out.write_str(" }")
}

/// One element.
pub(super) fn write_element(out: &mut String, spec: &SetSpec, key: &ElementKey, element: &Element) -> fmt::Result {
    let Element { data, timeout, comment } = element;
    write_key(out, key)?;
    if spec.counters {
        out.write_str(" counter packets 0 bytes 0")?;
    }
    if let Some(timeout) = timeout {
        out.write_str(" timeout ")?;
        write_duration(out, *timeout)?;
    }
    if let Some(comment) = comment {
        out.write_str(" comment ")?;
        quote::write_text(out, comment.as_str())?;
    }
    match data {
        ElementData::Nothing => Ok(()),
        ElementData::Verdict(verdict) => {
            out.write_str(" : ")?;
            expr::write_verdict(out, verdict)
        }
        ElementData::Value(values) => {
            out.write_str(" : ")?;
            write_value(out, values)
        }
        ElementData::Counter(name) => write!(out, " : {}", quote::Quoted(name)),
    }
}

/// What an element of a map maps to.
pub(super) fn write_value(out: &mut String, value: &[Datum]) -> fmt::Result {
    for (index, datum) in value.iter().enumerate() {
        if index > 0 {
            out.write_str(" . ")?;
        }
        datum::write(out, datum)?;
    }
    Ok(())
}

/// The key of an element.
pub(super) fn write_key(out: &mut String, key: &ElementKey) -> fmt::Result {
    match key {
        ElementKey::Parts(parts) => {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    out.write_str(" . ")?;
                }
                datum::write_part(out, part)?;
            }
            Ok(())
        }
        ElementKey::CatchAll => out.write_char('*'),
    }
}

/// `1d2h3m4s5ms`, to the millisecond, which is the kernel's unit.
pub(super) fn write_duration(out: &mut String, duration: Duration) -> fmt::Result {
    let seconds = duration.as_secs();
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    if units.iter().all(|(number, _)| *number == 0) {
        return out.write_str("0s");
    }
    units.iter().filter(|(number, _)| *number > 0).try_for_each(|(number, unit)| write!(out, "{number}{unit}"))
}

fn write_types(out: &mut String, key: &[DataType], data: &MapData) -> fmt::Result {
    let values: &[DataType] = match data {
        MapData::Value(types) => types,
        MapData::Nothing | MapData::Verdict | MapData::Counter => &[],
    };
    // Plain numbers have no name as a type; nft takes it from a field that has it.
    let by_field = key.iter().chain(values).any(|data_type| type_name(*data_type).is_none());
    let name = |data_type: &DataType| if by_field { example(*data_type) } else { type_name(*data_type).unwrap_or("") };
    out.write_str(if by_field { "typeof " } else { "type " })?;
    write_joined(out, key.iter().map(name))?;
    match data {
        MapData::Nothing => Ok(()),
        MapData::Verdict => out.write_str(" : verdict"),
        MapData::Counter => out.write_str(" : counter"),
        MapData::Value(types) => {
            out.write_str(" : ")?;
            write_joined(out, types.iter().map(name))
        }
    }
}

fn write_joined<'a>(out: &mut String, names: impl Iterator<Item = &'a str>) -> fmt::Result {
    for (index, name) in names.enumerate() {
        write!(out, "{}{name}", if index == 0 { "" } else { " . " })?;
    }
    Ok(())
}

fn type_name(data_type: DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Ipv4Addr => "ipv4_addr",
        DataType::Ipv6Addr => "ipv6_addr",
        DataType::EtherAddr => "ether_addr",
        DataType::EtherType => "ether_type",
        DataType::ArpOp => "arp_op",
        DataType::InetProto => "inet_proto",
        DataType::InetService => "inet_service",
        DataType::IcmpType => "icmp_type",
        DataType::IcmpCode => "icmp_code",
        DataType::Icmpv6Type => "icmpv6_type",
        DataType::Icmpv6Code => "icmpv6_code",
        DataType::TcpFlag => "tcp_flag",
        DataType::Mark => "mark",
        DataType::CtState => "ct_state",
        DataType::CtStatus => "ct_status",
        DataType::CtDir => "ct_dir",
        DataType::Ifname => "ifname",
        DataType::NfProto => "nf_proto",
        DataType::PktType => "pkt_type",
        DataType::FibAddrtype => "fib_addrtype",
        DataType::Uid => "uid",
        DataType::Gid => "gid",
        DataType::Dscp => "dscp",
        DataType::Ecn => "ecn",
        DataType::Time => "time",
        DataType::MhType => "mh_type",
        DataType::DccpPkttype => "dccp_pkttype",
        DataType::Boolean => "boolean",
        DataType::Integer8 | DataType::Integer16 | DataType::Integer32 | DataType::Integer64 | DataType::Spi => {
            return None;
        }
    })
}

/// A field of this type, for `typeof`.
fn example(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Ipv4Addr => "ip saddr",
        DataType::Ipv6Addr => "ip6 saddr",
        DataType::EtherAddr => "ether saddr",
        DataType::EtherType => "ether type",
        DataType::ArpOp => "arp operation",
        DataType::InetProto => "meta l4proto",
        DataType::InetService => "tcp dport",
        DataType::IcmpType => "icmp type",
        DataType::IcmpCode => "icmp code",
        DataType::Icmpv6Type => "icmpv6 type",
        DataType::Icmpv6Code => "icmpv6 code",
        DataType::TcpFlag => "tcp flags",
        DataType::Mark => "meta mark",
        DataType::CtState => "ct state",
        DataType::CtStatus => "ct status",
        DataType::CtDir => "ct direction",
        DataType::Ifname => "iifname",
        DataType::NfProto => "meta nfproto",
        DataType::PktType => "meta pkttype",
        DataType::FibAddrtype => "fib daddr type",
        DataType::Uid => "meta skuid",
        DataType::Gid => "meta skgid",
        DataType::Dscp => "ip dscp",
        DataType::Ecn => "ip ecn",
        DataType::Integer8 => "ip ttl",
        DataType::Integer16 => "ip frag-off",
        DataType::Integer32 => "meta length",
        DataType::Integer64 => "ct bytes",
        DataType::Time => "ct expiration",
        DataType::MhType => "mh type",
        DataType::DccpPkttype => "dccp type",
        DataType::Boolean => "meta ipsec",
        DataType::Spi => "esp spi",
    }
}

/// How many elements nft puts on a line.
fn elements_per_line(spec: &SetSpec) -> usize {
    let [data_type] = spec.key.as_slice() else { return 1 };
    match data_type {
        DataType::ArpOp
        | DataType::InetProto
        | DataType::InetService
        | DataType::TcpFlag
        | DataType::Mark
        | DataType::CtDir
        | DataType::NfProto
        | DataType::DccpPkttype
        | DataType::Uid
        | DataType::Gid
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32
        | DataType::Integer64
        | DataType::Spi => 5,
        DataType::Ipv4Addr | DataType::CtState | DataType::CtStatus | DataType::PktType => 2,
        DataType::Ipv6Addr
        | DataType::EtherAddr
        | DataType::EtherType
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::Ifname
        | DataType::FibAddrtype
        | DataType::Dscp
        | DataType::Ecn
        | DataType::Time
        | DataType::MhType
        | DataType::Boolean => 1,
    }
}

/// The elements in nft's order: ranges and concatenations of ranges as they are sorted here, hash sets of
/// concatenations and of names by their last bytes first, the catch-all at the end.
fn listed<'a>(spec: &SetSpec, has_ranges: bool, elements: &'a Elements) -> Vec<(&'a ElementKey, &'a Element)> {
    let mut listed: Vec<_> = elements.iter().collect();
    let by_last_byte = spec.key.len() > 1 || spec.key.contains(&DataType::Ifname);
    if by_last_byte && !has_ranges {
        listed.sort_unstable_by(|(a, _), (b, _)| match (a, b) {
            (ElementKey::Parts(a), ElementKey::Parts(b)) => last_byte_first(a).cmp(last_byte_first(b)),
            (ElementKey::CatchAll, _) | (_, ElementKey::CatchAll) => a.cmp(b),
        });
    }
    listed
}

/// The parts of a key from the last to the first, each as the number that its bytes are from the last to the first, as a
/// little-endian kernel has them.
fn last_byte_first(parts: &[Interval]) -> impl Iterator<Item = u128> {
    parts.iter().rev().map(|part| {
        let value = part.low();
        let number = value.to_u128();
        // Of one type all have one width, so that swapping more bytes than those keeps their order.
        if value.data_type().is_host_order() { number } else { number.swap_bytes() }
    })
}
