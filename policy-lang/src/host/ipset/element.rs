//! The members of sets: `10.0.0.0/8,tcp:80`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::kind::{Dimension, Kind};
use super::line::Word;
use super::{Part, wrong};
use crate::diagnostic::Diagnostic;

/// What a member is, or why a set that has it cannot be held.
type Read<T> = Result<T, &'static str>;

/// The protocols whose ports a set can hold.
const PROTOCOLS: [(&str, u8); 8] =
    [("tcp", 6), ("6", 6), ("udp", 17), ("17", 17), ("sctp", 132), ("132", 132), ("udplite", 136), ("136", 136)];

/// Reads a member.
pub(super) fn parts(word: &Word<'_>, kind: Kind, is_v6: bool) -> Result<Read<Vec<Part>>, Box<Diagnostic>> {
    let Kind::Fields { dimensions, .. } = kind else { return Ok(Ok(vec![Part::Set(word.text.into())])) };
    let texts: Vec<&str> = word.text.split(',').collect();
    if texts.len() != dimensions.len() {
        return Err(wrong(word.span, format!("a member of this set has {} parts", dimensions.len())));
    }
    let is_alone = dimensions.len() == 1;
    let mut parts = Vec::new();
    for (text, dimension) in texts.into_iter().zip(dimensions) {
        let (what, part) = match dimension {
            Dimension::Address => ("address", addresses(text, is_v6).map(Ok)),
            Dimension::Port => ("port", port(text, is_alone)),
            Dimension::Mark => ("mark", mark(text).map(Ok)),
            Dimension::Interface => ("interface", interface(text)),
        };
        match part {
            Some(Ok(part)) => parts.push(part),
            Some(Err(reason)) => return Ok(Err(reason)),
            None => return Err(wrong(word.span, format!("`{text}` is no {what} of this set"))),
        }
    }
    Ok(Ok(parts))
}

fn addresses(text: &str, is_v6: bool) -> Option<Part> {
    let (first, last) = if let Some((first, last)) = text.split_once('-') {
        (first.parse().ok()?, last.parse().ok()?)
    } else if text.contains('/') {
        let network: IpNet = text.parse().ok()?;
        (network.network(), network.broadcast())
    } else {
        let address: IpAddr = text.parse().ok()?;
        (address, address)
    };
    let is_ours = first.is_ipv6() == is_v6 && last.is_ipv6() == is_v6;
    (is_ours && first <= last).then_some(Part::Addresses(first, last))
}

/// `tcp:80`, `80`, `udp:1000-2000`.
fn port(text: &str, is_alone: bool) -> Option<Read<Part>> {
    let (protocol, ports) = match text.split_once(':') {
        Some((name, ports)) => match PROTOCOLS.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => (Some(*number), ports),
            None => return Some(Err("of this member's protocol there is no port to compare")),
        },
        None => (if is_alone { None } else { Some(6) }, text),
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(Ok(Part::Ports(protocol, first, last)))
}

fn mark(text: &str) -> Option<Part> {
    let number = match text.strip_prefix("0x") {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => text.parse().ok()?,
    };
    Some(Part::Mark(number))
}

fn interface(text: &str) -> Option<Read<Part>> {
    if text.starts_with("physdev:") {
        return Some(Err("a port of a bridge is no interface here"));
    }
    ((1..=15).contains(&text.len()) && !text.contains('/')).then(|| Ok(Part::Interface(text.into())))
}
