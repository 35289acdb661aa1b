//! TPROXY and SYNPROXY: connections that this host takes over.
//!
//! Both are targets of iptables that decide by themselves what becomes of a packet. What nft's statements leave to the
//! rules stands in a chain of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use policy_lang::host::rule::{Table, TargetOption};
use policy_lang::source::Span;

use super::clause::{Ip, Object};
use super::code::{FAMILY, OPERAND, PLACE, Refusal, UNSUPPORTED, refuse};
use super::matching::Context;
use super::operand::{bounded, masked, number};
use super::target::{Statement, place, unknown_option, value};
use super::transport::{Protocols, TCP};
use crate::ruleset::{
    Assign, AssignTarget, DataType, Datum, Expr, Field, Hook, Match, Operator, Rule, Synproxy, Tproxy, Value, Verdict,
};

/// UDP.
const UDP: u8 = 17;

/// TCP's flags.
const FIN: u32 = 1;
const SYN: u32 = 2;
const RST: u32 = 4;
const ACK: u32 = 16;

/// `TPROXY`: a packet for which nobody listens is dropped.
pub(super) fn transparent(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let mut address = None;
    let mut port = None;
    let mut mark = None;
    for option in options {
        match option.keyword {
            "on-ip" => address = listening_address(option, context)?,
            "on-port" => port = Some(bounded(value(option)?, "port", u32::from(u16::MAX))?),
            "tproxy-mark" => mark = Some(masked(value(option)?)?),
            _ => return Err(unknown_option(option, "TPROXY")),
        }
    }
    let Some(port) = port else {
        let message = "TPROXY needs the port that is listened on";
        return Err(refuse(OPERAND, span, message, "write `TPROXY on-port PORT`; 0 is the packet's own"));
    };
    place("TPROXY", span, context, &[Table::Mangle], &[Hook::Prerouting])?;
    let protocols = match context.protocols {
        Protocols::Of(numbers) if numbers.iter().all(|number| [TCP, UDP].contains(number)) => numbers,
        Protocols::Of(_) | Protocols::Any | Protocols::Unknown => {
            let message = "TPROXY is for TCP and UDP only";
            return Err(refuse(PLACE, span, message, "add `proto tcp` or `proto udp` to the rule"));
        }
    };
    let port = u16::try_from(port).ok().filter(|port| *port != 0);
    if address.is_none() && port.is_none() {
        let message = "TPROXY to the packet's own port, at whatever address, has no form in nftables";
        return Err(refuse(UNSUPPORTED, span, message, "write the port, or the address with `on-ip`"));
    }
    let marked =
        mark.map(|(value, mask)| (!mask, value)).filter(|changed| *changed != (u32::MAX, 0)).map(|(mask, xor)| {
            let (target, source) = (AssignTarget::Mark, AssignTarget::Mark);
            Expr::Assign(Assign { target, source, mask, xor })
        });
    let handed_over = protocols.iter().map(|protocol| {
        let protocol = Match::eq(Field::L4Proto, Datum::protocol(*protocol));
        let exprs = [protocol, Expr::Tproxy(Tproxy { address, port })];
        exprs.into_iter().chain(marked.clone()).chain([Expr::Verdict(Verdict::Accept)]).collect()
    });
    let rules = handed_over.chain([vec![Expr::Verdict(Verdict::Drop)]]).map(|exprs| Rule { exprs, comment: None });
    Ok(Statement::using(Object::Chain { tail: "tproxy", rules: rules.collect() }))
}

/// The unspecified address is none.
fn listening_address(option: &TargetOption, context: Context<'_>) -> Result<Option<IpAddr>, Refusal> {
    let word = value(option)?;
    let (address, domain): (Option<IpAddr>, _) = match context.scope.ip {
        Ip::V4 => (word.text.parse::<Ipv4Addr>().ok().map(Into::into), "ip"),
        Ip::V6 => (word.text.parse::<Ipv6Addr>().ok().map(Into::into), "ip6"),
    };
    match address {
        Some(address) => Ok(Some(address).filter(|address| !address.is_unspecified())),
        None if word.text.parse::<IpAddr>().is_ok() => {
            let message = format!("`{}` is no address of domain {domain}", word.text);
            Err(refuse(FAMILY, word.span, message, "write the rule once for each domain"))
        }
        None => Err(refuse(OPERAND, word.span, format!("`{}` is no address", word.text), "write one address")),
    }
}

/// `SYNPROXY`. In IPv6 the kernel's own statement reads the checksum as that of IPv4, and so drops every SYN whose checksum
/// somebody has computed (Linux 6.18).
pub(super) fn handshake(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    let mut synproxy = Synproxy::default();
    for option in options {
        let of = |what, max| bounded(value(option)?, what, max);
        match option.keyword {
            "sack-perm" => synproxy.sack = true,
            "timestamp" => synproxy.timestamp = true,
            "mss" => {
                let size = of("maximum segment size", u32::from(u16::MAX))?;
                synproxy.segment_size = u16::try_from(size).ok();
            }
            "wscale" => synproxy.window_scale = u8::try_from(of("window scale", 14)?).ok(),
            "ecn" => {
                let message = "SYNPROXY that keeps ECN has no form in nftables";
                return Err(refuse(UNSUPPORTED, option.span, message, "leave `ecn` out: connections go without it"));
            }
            _ => return Err(unknown_option(option, "SYNPROXY")),
        }
    }
    let tables = [Table::Filter, Table::Mangle, Table::Security];
    place("SYNPROXY", span, context, &tables, &[Hook::Input, Hook::Forward])?;
    tcp_only("SYNPROXY", span, context)?;
    if context.scope.ip == Ip::V6 {
        let message =
            "SYNPROXY in domain ip6 has no form in nftables: the kernel's statement leaves SYNs of IPv6 unanswered";
        return Err(refuse(
            UNSUPPORTED,
            span,
            message,
            "write the rule in `domain ip`; for IPv6 the kernel's SYN cookies do nearly the same: net.ipv4.tcp_syncookies=1",
        ));
    }
    // nft takes every segment with SYN for the client's first and every other one with ACK for its answer; iptables
    // lets those go on that have more.
    let segments = [(FIN | SYN | RST | ACK, SYN), (FIN | SYN | RST | ACK, ACK), (SYN | ACK, 0)];
    let rules = segments
        .into_iter()
        .map(|(mask, flags)| Rule { exprs: vec![tcp_flags(mask, flags), Expr::Synproxy(synproxy)], comment: None });
    Ok(Statement::using(Object::Chain { tail: "synproxy", rules: rules.collect() }))
}

fn tcp_flags(mask: u32, flags: u32) -> Expr {
    let datum = |bits| Datum::number(DataType::TcpFlag, bits);
    let (mask, value) = (Some(datum(mask)), Value::One(datum(flags)));
    Expr::Match(Match { field: Field::TcpFlags, mask, operator: Operator::Eq, value })
}

/// The options of TCP's that iptables names.
const OPTIONS: [(&str, u8); 6] =
    [("wscale", 3), ("mss", 2), ("sack-permitted", 4), ("sack", 5), ("timestamp", 8), ("md5", 19)];

/// `TCPOPTSTRIP`.
pub(super) fn strip(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    if let Some(option) = options.iter().find(|option| option.keyword != "strip-options") {
        return Err(unknown_option(option, "TCPOPTSTRIP"));
    }
    let mut exprs = Vec::new();
    let words = options.iter().flat_map(|option| super::operand::words(&option.operands));
    for (word, text) in words.flat_map(|word| word.text.split(',').map(move |text| (word, text))) {
        let named = OPTIONS.iter().find(|(name, _)| *name == text).map(|(_, kind)| u32::from(*kind));
        let kind = named.or_else(|| number(text)).and_then(|kind| u8::try_from(kind).ok()).filter(|kind| *kind > 1);
        let kind = kind.ok_or_else(|| {
            let message = format!("`{text}` is no option of TCP's that can be stripped");
            let names = OPTIONS.iter().map(|(name, _)| *name);
            refuse(OPERAND, word.span, message, super::code::suggestion(text, names, "write a number from 2 to 255"))
        })?;
        let strip = Expr::StripOption(kind);
        if !exprs.contains(&strip) {
            exprs.push(strip);
        }
    }
    if exprs.is_empty() {
        let message = "TCPOPTSTRIP needs the options that are stripped";
        return Err(refuse(OPERAND, span, message, "write `TCPOPTSTRIP strip-options (timestamp)`"));
    }
    let everywhere = &super::target::EVERYWHERE;
    place("TCPOPTSTRIP", span, context, &[Table::Mangle], everywhere)?;
    tcp_only("TCPOPTSTRIP", span, context)?;
    Ok(Statement::continuing(exprs))
}

fn tcp_only(target: &str, span: Span, context: Context<'_>) -> Result<(), Refusal> {
    match context.protocols {
        Protocols::Of(numbers) if *numbers == [TCP] => Ok(()),
        Protocols::Of(_) | Protocols::Any | Protocols::Unknown => {
            Err(refuse(PLACE, span, format!("{target} is for TCP only"), "add `proto tcp` to the rule"))
        }
    }
}
