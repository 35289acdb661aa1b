//! Words as values: numbers, masks, addresses, ports and names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use policy_lang::host::rule::{Operands, Word};
use policy_lang::source::Span;

use super::clause::Ip;
use super::code::{FAMILY, OPERAND, Refusal, refuse, suggestion};
use super::names::Names;
use crate::ruleset::{DataType, Datum, Interval};

/// The words of an operand that is one list.
pub(super) fn words(operands: &Operands) -> &[Word] {
    match operands {
        Operands::Flag => &[],
        Operands::OneOf(words) | Operands::Joined(words) | Operands::Repeated(words) | Operands::Pair(words, _) => {
            words
        }
    }
}

/// The word of an option that takes just one.
pub(super) fn only<'o>(keyword: &str, operands: &'o Operands, span: Span) -> Result<&'o Word, Refusal> {
    match words(operands) {
        [word] => Ok(word),
        _ => Err(refuse(OPERAND, span, format!("`{keyword}` takes one value"), "write one value")),
    }
}

/// `5`, `0x1f` or `017`, as `strtoul` reads it.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u32::from_str_radix(text, 8).ok();
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A number of at most `max`.
pub(super) fn bounded(word: &Word, what: &str, max: u32) -> Result<u32, Refusal> {
    number(&word.text).filter(|number| *number <= max).ok_or_else(|| {
        refuse(OPERAND, word.span, format!("`{}` is no {what}", word.text), format!("write a number from 0 to {max}"))
    })
}

/// `VALUE` or `VALUE/MASK`; the mask is every bit unless given.
pub(super) fn masked(word: &Word) -> Result<(u32, u32), Refusal> {
    let parts = match word.text.split_once('/') {
        Some((value, mask)) => number(value).zip(number(mask)),
        None => number(&word.text).map(|value| (value, u32::MAX)),
    };
    parts.ok_or_else(|| {
        let message = format!("`{}` is no mark", word.text);
        refuse(OPERAND, word.span, message, "write a number or NUMBER/MASK, decimal or hexadecimal")
    })
}

/// `A` or `A:B`, either side of which may be missing, as iptables writes ranges of numbers.
pub(super) fn range(
    word: &Word,
    data_type: DataType,
    what: &str,
    value: impl Fn(&str) -> Option<u32>,
) -> Result<Interval, Refusal> {
    let text = &*word.text;
    let bad = |help: String| refuse(OPERAND, word.span, format!("`{text}` is no {what}"), help);
    let datum = |part: &str| value(part).map(|value| Datum::number(data_type, value));
    let Some((low, high)) = text.split_once(':') else {
        let hint = || match text.split_once('-') {
            Some((low, high)) if number(low).is_some() && number(high).is_some() => {
                format!("a range is written {low}:{high}")
            }
            _ => format!("write a number up to {} or a range LOW:HIGH", Datum::max(data_type).to_u128()),
        };
        return datum(text).map(Interval::single).ok_or_else(|| bad(hint()));
    };
    let low = if low.is_empty() { Some(Datum::min(data_type)) } else { datum(low) };
    let high = if high.is_empty() { Some(Datum::max(data_type)) } else { datum(high) };
    let (low, high) = low.zip(high).ok_or_else(|| bad("write LOW:HIGH".to_owned()))?;
    Interval::new(low, high).ok_or_else(|| bad("the first number of a range must not be above the second".to_owned()))
}

/// Ports: a number, a service of the transport protocols, or `LOW:HIGH`.
pub(super) fn ports(word: &Word, protocols: &[u8], names: &Names) -> Result<Interval, Refusal> {
    let value = |part: &str| match number(part) {
        Some(port) => u16::try_from(port).is_ok().then_some(port),
        None => service(part, protocols, names),
    };
    range(word, DataType::InetService, "port", value).map_err(|refusal| {
        let text = &*word.text;
        if text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(':') {
            let named = protocols.iter().any(|protocol| names.service(text, *protocol).is_some());
            let help = if named {
                "the protocols of this rule disagree about that service: write the number".to_owned()
            } else {
                suggestion(text, names.services(), "write the port as a number")
            };
            return refuse(OPERAND, word.span, format!("`{text}` is no service of this protocol"), help);
        }
        refusal
    })
}

/// The port that a name is for all of these protocols.
fn service(name: &str, protocols: &[u8], names: &Names) -> Option<u32> {
    let mut found = protocols.iter().map(|protocol| names.service(name, *protocol));
    let first = found.next()??;
    found.all(|port| port == Some(first)).then_some(u32::from(first))
}

/// What an address word stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Address {
    /// A network: a prefix of bits.
    Network(IpNet),
    /// An address and a mask with holes.
    Masked(IpAddr, IpAddr),
}

/// `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10/8`, `2001:db8::/32`: what iptables takes for an address.
pub(super) fn address(word: &Word, ip: Ip) -> Result<Address, Refusal> {
    let text = &*word.text;
    let (host, mask) = match text.split_once('/') {
        Some((host, mask)) => (host, Some(mask)),
        None => (text, None),
    };
    let parsed = match ip {
        Ip::V4 => ipv4(host).and_then(|host| address_v4(host, mask)),
        Ip::V6 => host.parse().ok().and_then(|host| address_v6(host, mask)),
    };
    parsed.ok_or_else(|| address_refusal(word, host, ip))
}

fn address_v4(host: Ipv4Addr, mask: Option<&str>) -> Option<Address> {
    let bits = match mask {
        None => u32::MAX,
        Some(mask) => match mask.parse::<u8>() {
            Ok(length) => Ipv4Net::new(host, length).ok()?.netmask().to_bits(),
            Err(_) => mask.parse::<Ipv4Addr>().ok()?.to_bits(),
        },
    };
    let length = bits.leading_ones();
    if bits.checked_shl(length).unwrap_or(0) != 0 {
        let host = Ipv4Addr::from_bits(host.to_bits() & bits);
        return Some(Address::Masked(host.into(), Ipv4Addr::from_bits(bits).into()));
    }
    Ipv4Net::new(host, u8::try_from(length).ok()?).ok().map(|network| Address::Network(network.trunc().into()))
}

fn address_v6(host: Ipv6Addr, mask: Option<&str>) -> Option<Address> {
    let bits = match mask {
        None => u128::MAX,
        Some(mask) => match mask.parse::<u8>() {
            Ok(length) => Ipv6Net::new(host, length).ok()?.netmask().to_bits(),
            Err(_) => mask.parse::<Ipv6Addr>().ok()?.to_bits(),
        },
    };
    let length = bits.leading_ones();
    if bits.checked_shl(length).unwrap_or(0) != 0 {
        let host = Ipv6Addr::from_bits(host.to_bits() & bits);
        return Some(Address::Masked(host.into(), Ipv6Addr::from_bits(bits).into()));
    }
    Ipv6Net::new(host, u8::try_from(length).ok()?).ok().map(|network| Address::Network(network.trunc().into()))
}

/// Dotted numbers; missing ones at the end are 0, as in `10/8`.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut places = octets.iter_mut();
    for part in text.split('.') {
        *places.next()? = number(part).and_then(|octet| u8::try_from(octet).ok())?;
    }
    Some(Ipv4Addr::from(octets))
}

fn address_refusal(word: &Word, host: &str, ip: Ip) -> Refusal {
    let text = &*word.text;
    match (ip, host.parse::<IpAddr>()) {
        (Ip::V4, Ok(IpAddr::V6(_))) => {
            let message = format!("`{text}` is an IPv6 address in domain ip");
            return refuse(FAMILY, word.span, message, "put the rule into `domain (ip ip6)`");
        }
        (Ip::V6, Ok(IpAddr::V4(_))) => {
            let message = format!("`{text}` is an IPv4 address in domain ip6");
            return refuse(FAMILY, word.span, message, "put the rule into `domain (ip ip6)`");
        }
        (Ip::V4 | Ip::V6, _) => {}
    }
    let help = if text.contains('-') && text.starts_with(|c: char| c.is_ascii_digit()) {
        "ranges of addresses are written `mod iprange src-range A-B`"
    } else if text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(':') {
        "host names are not resolved when rules are compiled: write the address"
    } else {
        "write an address, ADDRESS/BITS or ADDRESS/MASK"
    };
    refuse(OPERAND, word.span, format!("`{text}` is no address"), help)
}

/// `A-B` or `A` of a family.
pub(super) fn address_range(word: &Word, ip: Ip) -> Result<Interval, Refusal> {
    let text = &*word.text;
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let parse = |part: &str| -> Option<IpAddr> {
        match ip {
            Ip::V4 => part.parse::<Ipv4Addr>().ok().map(Into::into),
            Ip::V6 => part.parse::<Ipv6Addr>().ok().map(Into::into),
        }
    };
    let ends = parse(low).zip(parse(high));
    let Some((low, high)) = ends else {
        let other = low.parse::<IpAddr>().is_ok() && high.parse::<IpAddr>().is_ok();
        let (code, message) = if other {
            (FAMILY, format!("`{text}` is not of this domain's family"))
        } else {
            (OPERAND, format!("`{text}` is no range of addresses"))
        };
        return Err(refuse(code, word.span, message, "write FIRST-LAST with addresses of the rule's domain"));
    };
    Interval::new(Datum::address(low), Datum::address(high))
        .ok_or_else(|| refuse(OPERAND, word.span, format!("`{text}` ends before it begins"), "write FIRST-LAST"))
}

#[cfg(test)]
mod tests {
    use policy_lang::source::Sources;

    use super::*;

    fn word(text: &str) -> Word {
        let source = Sources::default().add("t", text);
        let span = Span { source, start: 0, end: 0 };
        Word::new(text, span)
    }

    #[test]
    fn addresses_are_read_as_iptables_reads_them() {
        let network = |text: &str, ip| match address(&word(text), ip) {
            Ok(Address::Network(network)) => network.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(network("10.1.2.3/8", Ip::V4), "10.0.0.0/8");
        assert_eq!(network("10/8", Ip::V4), "10.0.0.0/8");
        assert_eq!(network("10.0.0.1/255.255.255.0", Ip::V4), "10.0.0.0/24");
        assert_eq!(network("0/0", Ip::V4), "0.0.0.0/0");
        assert_eq!(network("fe80::1/10", Ip::V6), "fe80::/10");
        assert!(matches!(address(&word("10.0.0.1/255.0.0.255"), Ip::V4), Ok(Address::Masked(..))));
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_hint() {
        let help = |text: &str, ip| address(&word(text), ip).unwrap_err().help.unwrap_or_default();
        assert!(help("10.0.0.0/33", Ip::V4).contains("ADDRESS/BITS"));
        assert!(help("2001:db8::1", Ip::V4).contains("domain (ip ip6)"));
        assert!(help("10.0.0.1-10.0.0.9", Ip::V4).contains("iprange"));
        assert!(help("host.example", Ip::V4).contains("host names"));
        assert!(help("1.2.3.4.5", Ip::V4).contains("ADDRESS"));
    }

    #[test]
    fn ports_are_numbers_services_or_ranges() {
        let names = Names::built_in();
        let read = |text: &str, protocols: &[u8]| {
            ports(&word(text), protocols, &names)
                .map(|interval| (interval.low().to_u128(), interval.high().to_u128()))
                .map_err(|refusal| refusal.help.unwrap_or_default())
        };
        assert_eq!(read("ssh", &[6]), Ok((22, 22)));
        assert_eq!(read("1024:", &[6]), Ok((1024, 65535)));
        assert_eq!(read("domain:80", &[6, 17]), Ok((53, 80)));
        assert_eq!(read("80-90", &[6]), Err("a range is written 80:90".to_owned()));
        assert_eq!(read("htpps", &[6]), Err("did you mean `https`?".to_owned()));
        assert!(read("ssh", &[6, 17]).unwrap_err().contains("disagree"));
        assert!(read("65536", &[6]).is_err());
        assert!(read("90:80", &[6]).is_err());
    }
}
