//! What a field is compared with: values by name or number, ranges, networks, bits.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::super::link::hardware;
use super::super::names::Names;
use super::words::{Fault, Word, Words, number, number_of};
use crate::render::symbol;
use crate::ruleset::{DataType, Datum, Field, Interval};

/// Longest name of an interface, in bytes (`IFNAMSIZ` 16 with its NUL).
const INTERFACE_MAX: usize = 15;

/// Protocols of transport that have services.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// Whose services a port of whatever protocol can be.
const TRANSPORTS: &[u8] = &[TCP, UDP];

/// The ports of one protocol, which have its services.
const SERVED: [([Field; 2], &[u8]); 3] = [
    ([Field::TcpSport, Field::TcpDport], &[TCP]),
    ([Field::UdpSport, Field::UdpDport], &[UDP]),
    ([Field::SctpSport, Field::SctpDport], &[SCTP]),
];

/// What values are called, and how they are written, where that is not a list of names or numbers.
const NOTATIONS: &[(DataType, &str, &str)] = &[
    (DataType::Ipv4Addr, "IPv4 address", "an IPv4 address, ADDRESS/BITS or FIRST-LAST"),
    (DataType::Ipv6Addr, "IPv6 address", "an IPv6 address, ADDRESS/BITS or FIRST-LAST"),
    (DataType::EtherAddr, "hardware address", "a hardware address, 02:00:5e:00:53:01"),
    (DataType::Ifname, "interface name", "a name of an interface, or its beginning and `*`"),
    (DataType::InetService, "port", "a port, a service or FIRST-LAST"),
    (DataType::InetProto, "protocol", "a protocol by name or number"),
    (DataType::Uid, "user", "a user by name or number"),
    (DataType::Gid, "group", "a group by name or number"),
    (DataType::Time, "time", "seconds, 10s or 10s-60s"),
];

/// A value, `LOW-HIGH`, a network, or the beginning of an interface's name.
pub(super) fn interval(word: &Word<'_>, field: Field, names: &Names) -> Result<Interval, Fault> {
    let data_type = field.data_type();
    if data_type == DataType::Ifname {
        return interface(word);
    }
    let text = word.text;
    if word.is_string {
        return Err(
            word.fault(format!("\"{text}\" is a string"), format!("write {} without quotes", notation(data_type)))
        );
    }
    if let Some(datum) = datum(text, field, names) {
        return Ok(Interval::single(datum));
    }
    let network = || text.parse::<IpNet>().ok().map(Interval::network);
    let is_address = matches!(data_type, DataType::Ipv4Addr | DataType::Ipv6Addr);
    if let Some(network) = network().filter(|network| is_address && network.data_type() == data_type) {
        return Ok(network);
    }
    let range = text.split_once('-').and_then(|(low, high)| datum(low, field, names).zip(datum(high, field, names)));
    match range {
        Some((low, high)) => Interval::new(low, high)
            .ok_or_else(|| word.fault(format!("`{text}` ends before it begins"), "write the lower value first")),
        None => {
            Err(word.fault(format!("`{text}` is no {}", what(data_type)), format!("write {}", notation(data_type))))
        }
    }
}

/// One value.
pub(super) fn single(word: &Word<'_>, field: Field, names: &Names) -> Result<Datum, Fault> {
    let interval = interval(word, field, names)?;
    if interval.is_single() {
        return Ok(interval.low());
    }
    Err(word.fault(format!("`{}` is more than one value", word.text), "write one value"))
}

/// Bits by name or number, joined by this sign; `(` and `)` may stand around them.
pub(super) fn bits(words: &mut Words<'_>, field: Field, sign: &str) -> Result<Datum, Fault> {
    let is_enclosed = words.take_if("(");
    let mut all = 0;
    loop {
        let word = words.take("a value")?;
        all |= bit(&word, field.data_type())?;
        if !words.take_if(sign) {
            break;
        }
    }
    if is_enclosed {
        words.expect(")")?;
    }
    Ok(Datum::number(field.data_type(), all))
}

fn bit(word: &Word<'_>, data_type: DataType) -> Result<u32, Fault> {
    let known = symbol::bits(data_type).unwrap_or(&[]);
    if let Some((bit, _)) = known.iter().find(|(_, name)| *name == word.text) {
        return Ok(*bit);
    }
    let most = u64::try_from(Datum::max(data_type).to_u128()).unwrap_or(u64::MAX);
    let value = number(word, what(data_type), most).map_err(|fault| Fault { help: flags(known), ..fault })?;
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}

fn flags(known: &[(u32, &'static str)]) -> String {
    let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
    format!("write one of {}", names.join(", "))
}

/// A value of a field, if the text is one.
fn datum(text: &str, field: Field, names: &Names) -> Option<Datum> {
    let data_type = field.data_type();
    let named = |number: u32| Datum::number(data_type, number);
    if let Some((value, _)) = symbol::names(data_type).iter().find(|(_, name)| *name == text) {
        return Some(named(*value));
    }
    let is = |other: DataType| data_type == other;
    if is(DataType::Ipv4Addr) {
        return text.parse::<Ipv4Addr>().ok().map(Datum::ipv4);
    }
    if is(DataType::Ipv6Addr) {
        return text.parse::<Ipv6Addr>().ok().map(Datum::ipv6);
    }
    if is(DataType::EtherAddr) {
        return hardware::parse(text).map(|mac| Datum::from_bytes(data_type, &mac));
    }
    if is(DataType::Time) {
        let seconds: u32 = text.strip_suffix('s')?.parse().ok()?;
        return seconds.checked_mul(1_000).map(named);
    }
    let known = if is(DataType::InetService) {
        let transports = SERVED.iter().find(|(fields, _)| fields.contains(&field)).map_or(TRANSPORTS, |(_, own)| own);
        transports.iter().find_map(|transport| names.service(text, *transport)).map(u32::from)
    } else if is(DataType::InetProto) {
        names.protocol(text).map(u32::from)
    } else if is(DataType::Uid) {
        names.user(text)
    } else if is(DataType::Gid) {
        names.group(text)
    } else {
        None
    };
    if let Some(known) = known {
        return Some(named(known));
    }
    let value = number_of(text).filter(|value| *value <= highest(data_type).to_u128())?;
    Some(Datum::from_u128(data_type, value))
}

/// The highest value that packets can have: of some types, not all bits of their bytes.
fn highest(data_type: DataType) -> Datum {
    const SHORT: [(DataType, u32); 4] =
        [(DataType::Dscp, 63), (DataType::Ecn, 3), (DataType::Boolean, 1), (DataType::DccpPkttype, 15)];
    let short = SHORT.iter().find(|(of, _)| *of == data_type);
    short.map_or_else(|| Datum::max(data_type), |(of, most)| Datum::number(*of, *most))
}

/// A name, or with `*` at its end all that begin so.
fn interface(word: &Word<'_>) -> Result<Interval, Fault> {
    let (stem, is_beginning) = match word.text.strip_suffix('*') {
        Some(stem) => (stem, true),
        None => (word.text, false),
    };
    let is_name = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '/' && letter != '*';
    if stem.is_empty() || stem.len() > INTERFACE_MAX || !stem.chars().all(is_name) {
        return Err(
            word.fault(format!("`{}` is no interface name", word.text), "write a name of 1 to 15 bytes, \"eth0\"")
        );
    }
    let low = Datum::ifname(stem);
    if !is_beginning {
        return Ok(Interval::single(low));
    }
    let mut high = stem.as_bytes().to_vec();
    high.resize(DataType::Ifname.width(), u8::MAX);
    let high = Datum::from_bytes(DataType::Ifname, &high);
    Interval::new(low, high).ok_or_else(|| word.fault("this is no beginning of a name", "write \"eth*\""))
}

/// What a value of a type is called.
fn what(data_type: DataType) -> &'static str {
    NOTATIONS.iter().find(|(of, ..)| *of == data_type).map_or("value of this", |(_, what, _)| what)
}

/// How a value of a type is written.
pub(super) fn notation(data_type: DataType) -> String {
    if let Some((_, _, notation)) = NOTATIONS.iter().find(|(of, ..)| *of == data_type) {
        return (*notation).to_owned();
    }
    let known = symbol::bits(data_type).unwrap_or_else(|| symbol::names(data_type));
    let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
    let (names, most) = (names.join(", "), highest(data_type).to_u128());
    if known.is_empty() {
        format!("a number from 0 to {most}, or LOW-HIGH")
    } else if symbol::bits(data_type).is_some() || data_type == DataType::Boolean {
        names
    } else {
        format!("{names}, or a number from 0 to {most}")
    }
}
