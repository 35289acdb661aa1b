//! Values, ranges and bits.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::quote::{Interface, InterfacePrefix, Text};
use super::{set, symbol};
use crate::ruleset::{DataType, Datum, Interval};

/// A value by its name, or as a number in the notation of its type.
pub(super) fn write(out: &mut String, datum: &Datum) -> fmt::Result {
    let number = to_u32(datum);
    if let Some(name) = symbol::value(datum.data_type(), number) {
        return out.write_str(name);
    }
    if datum.data_type() == DataType::Time {
        return set::write_duration(out, Duration::from_millis(number.into()));
    }
    match symbol::bits(datum.data_type()) {
        Some(_) => write_bits(out, datum, " | "),
        None => write_number(out, datum),
    }
}

/// A value as a number in the notation of its type, as nft writes the ends of ranges.
pub(super) fn write_number(out: &mut String, datum: &Datum) -> fmt::Result {
    let number = to_u32(datum);
    match datum.data_type() {
        DataType::Ipv4Addr => {
            write_ipv4(out, datum.bytes());
            Ok(())
        }
        DataType::Ipv6Addr => write_ipv6(out, Ipv6Addr::from(datum.to_u128())),
        DataType::EtherAddr => {
            for (index, byte) in datum.bytes().iter().enumerate() {
                write!(out, "{}{byte:02x}", if index == 0 { "" } else { ":" })?;
            }
            Ok(())
        }
        DataType::Ifname => write!(out, "{}", Interface(datum)),
        DataType::Mark => write!(out, "{number:#010x}"),
        DataType::EtherType => write!(out, "{number:#06x}"),
        DataType::Dscp => write!(out, "{number:#04x}"),
        DataType::Integer64 => write!(out, "{}", datum.to_u128()),
        DataType::Time if number.is_multiple_of(1_000) => write!(out, "{}s", number / 1_000),
        DataType::Time => set::write_duration(out, Duration::from_millis(number.into())),
        DataType::TcpFlag | DataType::CtState | DataType::CtStatus | DataType::Ecn => write!(out, "{number:#x}"),
        DataType::InetProto
        | DataType::InetService
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::CtDir
        | DataType::NfProto
        | DataType::PktType
        | DataType::FibAddrtype
        | DataType::ArpOp
        | DataType::Uid
        | DataType::Gid
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32
        | DataType::MhType
        | DataType::DccpPkttype
        | DataType::Boolean
        | DataType::Spi => {
            write_decimal(out, number);
            Ok(())
        }
    }
}

/// Sets have thousands of them: without the machinery of [`fmt`] it takes a fifth of the time.
fn write_decimal(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

fn write_ipv4(out: &mut String, octets: &[u8]) {
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        write_decimal(out, *octet);
    }
}

/// The bits that are set, by name where they have one, the lowest first.
pub(super) fn write_bits(out: &mut String, datum: &Datum, separator: &str) -> fmt::Result {
    let number = to_u32(datum);
    let names = symbol::bits(datum.data_type()).unwrap_or(&[]);
    if number == 0 {
        return out.write_str("0x0");
    }
    let bits = (0..u32::BITS).map(|shift| 1_u32 << shift).filter(|bit| number & bit != 0);
    for (index, bit) in bits.enumerate() {
        if index > 0 {
            out.write_str(separator)?;
        }
        match symbol::find(names, bit) {
            Some(name) => out.write_str(name)?,
            None => write!(out, "{bit:#x}")?,
        }
    }
    Ok(())
}

/// A range in a rule.
pub(super) fn write_range(out: &mut String, interval: &Interval) -> fmt::Result {
    write_number(out, &interval.low())?;
    out.write_char('-')?;
    write_number(out, &interval.high())
}

/// One part of the key of an element: a value, a network, or a range.
pub(super) fn write_part(out: &mut String, interval: &Interval) -> fmt::Result {
    if interval.is_single() {
        return write(out, &interval.low());
    }
    let prefix = prefix_bits(interval);
    if interval.data_type() == DataType::Ifname {
        return match prefix {
            Some(bits) if bits % 8 == 0 && bits > 0 => {
                write!(out, "{}", InterfacePrefix(&interval.low(), usize::from(bits / 8)))
            }
            // Only whole beginnings of names have a notation; this one is refused.
            Some(_) | None => write!(out, "{}", Text("range of names without nft notation")),
        };
    }
    match prefix {
        Some(bits) if has_prefix_notation(interval.data_type()) => write_prefix(out, &interval.low(), bits),
        Some(_) | None => write_range(out, interval),
    }
}

/// `VALUE/BITS`.
pub(super) fn write_prefix(out: &mut String, value: &Datum, bits: u8) -> fmt::Result {
    write_number(out, value)?;
    write!(out, "/{bits}")
}

/// Whether nft writes and reads `VALUE/BITS` for this type.
pub(super) fn has_prefix_notation(data_type: DataType) -> bool {
    matches!(data_type, DataType::Ipv4Addr | DataType::Ipv6Addr | DataType::Mark)
}

/// The length of the prefix that a range is, if it is one.
pub(super) fn prefix_bits(interval: &Interval) -> Option<u8> {
    let (low, high) = (interval.low().to_u128(), interval.high().to_u128());
    let host = low ^ high;
    let is_prefix = host & host.wrapping_add(1) == 0 && low & host == 0;
    let width = u32::try_from(interval.data_type().width() * 8).ok()?;
    let host_bits = u128::BITS - host.leading_zeros();
    if is_prefix { u8::try_from(width - host_bits).ok() } else { None }
}

/// The mask of the first bits of a type.
pub(super) fn prefix_mask(data_type: DataType, bits: u8) -> Datum {
    let max = Datum::max(data_type).to_u128();
    Datum::from_u128(data_type, max & !max.checked_shr(u32::from(bits)).unwrap_or(0))
}

/// The bits that two values of one type share.
pub(super) fn and(a: &Datum, b: &Datum) -> Datum {
    Datum::from_u128(a.data_type(), a.to_u128() & b.to_u128())
}

/// As `inet_ntop` writes it: other than the standard library, it writes `::0.5.0.1` for addresses below 2^32.
fn write_ipv6(out: &mut String, address: Ipv6Addr) -> fmt::Result {
    let number = u128::from(address);
    match u32::try_from(number) {
        Ok(low) if low > 0xffff => write!(out, "::{}", Ipv4Addr::from(low)),
        Ok(_) | Err(_) => write!(out, "{address}"),
    }
}

fn to_u32(datum: &Datum) -> u32 {
    u32::try_from(datum.to_u128()).unwrap_or(u32::MAX)
}
