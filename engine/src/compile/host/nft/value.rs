//! What a field is compared with: values by name or number, ranges, networks, bits.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::super::names::Names;
use super::words::{Fault, Word, Words, number};
use crate::render::symbol;
use crate::ruleset::{DataType, Datum, Field, Interval};

/// Longest name of an interface, in bytes (`IFNAMSIZ` 16 with its NUL).
const INTERFACE_MAX: usize = 15;

/// Protocols of transport that have services.
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

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
    let named = |number: u32| Some(Datum::number(data_type, number));
    if let Some((value, _)) = symbol::names(data_type).iter().find(|(_, name)| *name == text) {
        return named(*value);
    }
    match data_type {
        DataType::Ipv4Addr => return text.parse::<Ipv4Addr>().ok().map(Datum::ipv4),
        DataType::Ipv6Addr => return text.parse::<Ipv6Addr>().ok().map(Datum::ipv6),
        DataType::EtherAddr => return hardware(text),
        DataType::Ifname => return None,
        DataType::Time => {
            let seconds: u32 = text.strip_suffix('s')?.parse().ok()?;
            return seconds.checked_mul(1_000).and_then(named);
        }
        DataType::InetService => {
            let transports: &[u8] = match field {
                Field::TcpSport | Field::TcpDport => &[TCP],
                Field::UdpSport | Field::UdpDport => &[UDP],
                Field::SctpSport | Field::SctpDport => &[SCTP],
                _ => &[TCP, UDP],
            };
            if let Some(port) = transports.iter().find_map(|transport| names.service(text, *transport)) {
                return named(u32::from(port));
            }
        }
        DataType::InetProto => {
            if let Some(number) = names.protocol(text) {
                return named(u32::from(number));
            }
        }
        DataType::Uid if names.user(text).is_some() => return names.user(text).and_then(named),
        DataType::Gid if names.group(text).is_some() => return names.group(text).and_then(named),
        _ => {}
    }
    let most = u64::try_from(highest(data_type).to_u128()).unwrap_or(u64::MAX);
    let words = Words::of(text).ok()?;
    let value = number(words.peek().filter(|word| word.text == text)?, "number", most).ok()?;
    Some(Datum::from_u128(data_type, u128::from(value)))
}

/// The highest value that packets can have: of some types, not all bits of their bytes.
fn highest(data_type: DataType) -> Datum {
    match data_type {
        DataType::Dscp => Datum::number(data_type, 63),
        DataType::Ecn => Datum::number(data_type, 3),
        DataType::Boolean => Datum::number(data_type, 1),
        _ => Datum::max(data_type),
    }
}

fn hardware(text: &str) -> Option<Datum> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let bytes = bytes.filter(|bytes| bytes.len() == DataType::EtherAddr.width())?;
    Some(Datum::from_bytes(DataType::EtherAddr, &bytes))
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
    match data_type {
        DataType::Ipv4Addr => "IPv4 address",
        DataType::Ipv6Addr => "IPv6 address",
        DataType::EtherAddr => "hardware address",
        DataType::EtherType => "ethernet type",
        DataType::InetProto => "protocol",
        DataType::InetService => "port",
        DataType::TcpFlag => "flag of TCP",
        DataType::CtState => "state of a connection",
        DataType::CtStatus => "status of a connection",
        DataType::Uid => "user",
        DataType::Gid => "group",
        DataType::Mark => "mark",
        _ => "value of this",
    }
}

/// How a value of a type is written.
pub(super) fn notation(data_type: DataType) -> String {
    let named = |names: &[(u32, &'static str)]| {
        let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
        names.join(", ")
    };
    if let Some(known) = symbol::bits(data_type) {
        return named(known);
    }
    let known = symbol::names(data_type);
    let most = highest(data_type).to_u128();
    match data_type {
        DataType::Ipv4Addr => "an IPv4 address, ADDRESS/BITS or FIRST-LAST".to_owned(),
        DataType::Ipv6Addr => "an IPv6 address, ADDRESS/BITS or FIRST-LAST".to_owned(),
        DataType::EtherAddr => "a hardware address, 02:00:5e:00:53:01".to_owned(),
        DataType::Ifname => "a name of an interface, or its beginning and `*`".to_owned(),
        DataType::InetService => "a port, a service or FIRST-LAST".to_owned(),
        DataType::InetProto => "a protocol by name or number".to_owned(),
        DataType::Uid => "a user by name or number".to_owned(),
        DataType::Gid => "a group by name or number".to_owned(),
        DataType::Time => "seconds, 10s or 10s-60s".to_owned(),
        DataType::Boolean => named(known),
        _ if known.is_empty() => format!("a number from 0 to {most}, or LOW-HIGH"),
        _ => format!("{}, or a number from 0 to {most}", named(known)),
    }
}
