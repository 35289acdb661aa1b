//! DNAT, SNAT, MASQUERADE, REDIRECT and NETMAP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::{Table, TargetOption, Word};
use policy_lang::source::Span;

use super::clause::Ip;
use super::code::{DOUBTFUL, FAMILY, OPERAND, PLACE, Refusal, UNSUPPORTED, refuse};
use super::matching::Context;
use super::operand::{self, Address, words};
use super::target::{EVERYWHERE, place, unknown_option, value};
use crate::ruleset::{Datum, Expr, Hook, Interval, Nat, NatKind};

/// `NF_NAT_RANGE_PROTO_RANDOM`, `_PERSISTENT`, `_PROTO_RANDOM_FULLY`.
const RANDOM: u32 = 4;
const PERSISTENT: u32 = 8;
const RANDOM_FULLY: u32 = 16;

/// `NETMAP`: the first bits of the destination, or of the source on the way out, become those of another network.
pub(super) fn network(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    let [option] = options else {
        return Err(refuse(OPERAND, span, "NETMAP needs a network", "write `NETMAP to NETWORK/BITS`"));
    };
    if option.keyword != "to" {
        return Err(unknown_option(option, "NETMAP"));
    }
    let word = value(option)?;
    let network = match operand::address(word, context.scope.ip)? {
        Address::Network(network) if network.prefix_len() > 0 => Interval::network(network),
        Address::Network(_) | Address::Masked(..) => {
            let message = format!("`{}` is no network to translate to", word.text);
            return Err(refuse(OPERAND, word.span, message, "write NETWORK/BITS with at least one bit"));
        }
    };
    place("NETMAP", span, context, &[Table::Nat], &EVERYWHERE)?;
    let of_destination = |hook: &&Hook| matches!(hook, Hook::Prerouting | Hook::Output);
    let n_of_destination = context.scope.hooks.iter().filter(of_destination).count();
    let kind = if n_of_destination == context.scope.hooks.len() {
        NatKind::Destination
    } else if n_of_destination == 0 {
        NatKind::Source
    } else {
        let chain = context.scope.chain;
        let message = format!("NETMAP changes the source or the destination, and chain {chain} is called for both");
        return Err(refuse(PLACE, span, message, "write a chain for PREROUTING and OUTPUT, and one for the others"));
    };
    // A single address has no other bits to keep.
    let flags = if network.is_single() { 0 } else { Nat::PREFIX };
    Ok(Expr::Nat(Nat { kind, addresses: Some(network), ports: None, flags }))
}

/// Reads a target that translates addresses.
pub(super) fn read(
    name: &str,
    options: &[TargetOption],
    span: Span,
    context: Context<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Expr, Refusal> {
    let (kind, hooks): (_, &[Hook]) = match name {
        "DNAT" => (NatKind::Destination, &[Hook::Prerouting, Hook::Output]),
        "SNAT" => (NatKind::Source, &[Hook::Postrouting, Hook::Input]),
        "MASQUERADE" => (NatKind::Masquerade, &[Hook::Postrouting]),
        _ => (NatKind::Redirect, &[Hook::Prerouting, Hook::Output]),
    };
    place(name, span, context, &[Table::Nat], hooks)?;
    let mut nat = Nat { kind, addresses: None, ports: None, flags: 0 };
    for option in options {
        match (option.keyword, kind) {
            ("to-destination", NatKind::Destination) | ("to-source", NatKind::Source) => {
                (nat.addresses, nat.ports) = new_address(option, context)?;
            }
            ("to-ports", NatKind::Masquerade | NatKind::Redirect) => {
                let word = value(option)?;
                nat.ports = Some(ports(&word.text).ok_or_else(|| bad_ports(word))?);
            }
            ("random", _) => nat.flags |= RANDOM,
            ("random-fully", NatKind::Source | NatKind::Masquerade) => nat.flags |= RANDOM_FULLY,
            ("persistent", NatKind::Source | NatKind::Destination) => nat.flags |= PERSISTENT,
            _ => return Err(unknown_option(option, name)),
        }
    }
    if nat.addresses.is_none() && nat.ports.is_none() && matches!(kind, NatKind::Source | NatKind::Destination) {
        return Err(refuse(OPERAND, span, format!("{name} needs a new address"), "write `to ADDRESS`"));
    }
    if nat.ports.is_some() && !context.protocols.have_ports() {
        let message = format!("{name} to a port needs a protocol that has ports");
        return Err(refuse(PLACE, span, message, "add `proto tcp`, udp, sctp, dccp or udplite to the rule"));
    }
    if kind == NatKind::Source && context.scope.hooks.contains(&Hook::Input) {
        findings.push(
            Diagnostic::warning(DOUBTFUL, span, "SNAT in INPUT changes the source that the egress policy of pods sees")
                .help("limit the rule to sources that are no pods"),
        );
    }
    Ok(Expr::Nat(nat))
}

fn bad_ports(word: &Word) -> Refusal {
    refuse(OPERAND, word.span, format!("`{}` is no port or range of ports", word.text), "write PORT or FIRST-LAST")
}

/// `PORT` or `FIRST-LAST`.
fn ports(text: &str) -> Option<Interval> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let port = |part: &str| part.parse::<u16>().ok().filter(|port| *port > 0).map(Datum::port);
    port(low).zip(port(high)).and_then(|(low, high)| Interval::new(low, high))
}

/// `ADDRESS`, `FIRST-LAST`, `ADDRESS:PORTS`, `:PORTS`; IPv6 addresses with ports in brackets.
fn new_address(option: &TargetOption, context: Context<'_>) -> Result<(Option<Interval>, Option<Interval>), Refusal> {
    let word = match words(&option.operands) {
        [word] => word,
        [] => return Err(refuse(OPERAND, option.span, "`to` has no address", "write `to ADDRESS`")),
        _ => {
            let message = "several new addresses have no form in nftables here";
            let help = "write one range FIRST-LAST: connections are spread over it";
            return Err(refuse(UNSUPPORTED, option.span, message, help));
        }
    };
    let text = &*word.text;
    let (addresses, new_ports) = split(text, context.scope.ip).ok_or_else(|| malformed(word))?;
    let new_ports = match new_ports {
        None => None,
        Some(part) => Some(ports(part).ok_or_else(|| bad_ports(word))?),
    };
    if addresses.is_empty() {
        return new_ports.map(|ports| (None, Some(ports))).ok_or_else(|| malformed(word));
    }
    let (low, high) = split_range(addresses);
    let parse = |part: &str| part.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let (low, high) = parse(low).zip(parse(high)).ok_or_else(|| malformed(word))?;
    let of_family = |address: IpAddr| match context.scope.ip {
        Ip::V4 => address.is_ipv4() && address != IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Ip::V6 => address.is_ipv6() && address != IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    if !of_family(low) || !of_family(high) {
        let message = format!("`{text}` is no new address for domain {}", context.scope.domain());
        return Err(refuse(
            FAMILY,
            word.span,
            message,
            "give each domain a target of its own family, or use @ipfilter",
        ));
    }
    let range = Interval::new(Datum::address(low), Datum::address(high)).ok_or_else(|| malformed(word))?;
    Ok((Some(range), new_ports))
}

fn malformed(word: &Word) -> Refusal {
    let message = format!("`{}` is no new address", word.text);
    refuse(OPERAND, word.span, message, "write ADDRESS, FIRST-LAST, ADDRESS:PORT or [ADDRESS]:PORT")
}

/// The addresses and, after the colon that is none of theirs, the ports.
fn split(text: &str, ip: Ip) -> Option<(&str, Option<&str>)> {
    match ip {
        Ip::V4 if text.matches(':').count() > 1 => Some((text, None)),
        Ip::V4 => Some(text.split_once(':').map_or((text, None), |(addresses, ports)| (addresses, Some(ports)))),
        Ip::V6 if text.starts_with('[') => {
            let (addresses, rest) = text.rsplit_once(']')?;
            match rest {
                "" => Some((addresses, None)),
                _ => rest.strip_prefix(':').map(|ports| (addresses, Some(ports))),
            }
        }
        Ip::V6 => {
            let only_ports = text.strip_prefix(':').filter(|rest| !rest.starts_with(':'));
            Some(only_ports.map_or((text, None), |ports| ("", Some(ports))))
        }
    }
}

fn split_range(text: &str) -> (&str, &str) {
    text.split_once('-').unwrap_or((text, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ports_come_apart_in_both_families() {
        assert_eq!(split("10.0.0.1:80-90", Ip::V4), Some(("10.0.0.1", Some("80-90"))));
        assert_eq!(split(":80", Ip::V4), Some(("", Some("80"))));
        assert_eq!(split("[2001:db8::1]:80", Ip::V6), Some(("[2001:db8::1", Some("80"))));
        assert_eq!(split("2001:db8::1-2001:db8::9", Ip::V6), Some(("2001:db8::1-2001:db8::9", None)));
        assert_eq!(split("::1", Ip::V6), Some(("::1", None)));
        assert_eq!(split(":80", Ip::V6), Some(("", Some("80"))));
        assert_eq!(split("[::1]80", Ip::V6), None);
        assert_eq!(ports("0"), None);
        assert_eq!(ports("9-1"), None);
    }
}
