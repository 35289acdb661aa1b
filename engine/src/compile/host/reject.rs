//! REJECT: what the sender is told.

use policy_lang::host::rule::{Table, TargetOption};
use policy_lang::source::Span;

use super::clause::{Effect, Ip};
use super::code::{OPERAND, PLACE, Refusal, refuse, suggestion};
use super::matching::Context;
use super::target::{Statement, place, unknown_option, value};
use super::transport::{Protocols, TCP};
use crate::ruleset::{Expr, Hook, RejectWith};

/// `(name, short name, code)` of ICMP's destination unreachable.
const REJECTIONS_V4: &[(&str, &str, u8)] = &[
    ("icmp-net-unreachable", "net-unreach", 0),
    ("icmp-host-unreachable", "host-unreach", 1),
    ("icmp-proto-unreachable", "proto-unreach", 2),
    ("icmp-port-unreachable", "port-unreach", 3),
    ("icmp-net-prohibited", "net-prohib", 9),
    ("icmp-host-prohibited", "host-prohib", 10),
    ("icmp-admin-prohibited", "admin-prohib", 13),
];

/// The same for ICMPv6, and what ferm turns the names of IPv4 into.
const REJECTIONS_V6: &[(&str, &str, u8)] = &[
    ("icmp6-no-route", "no-route", 0),
    ("icmp6-adm-prohibited", "adm-prohibited", 1),
    ("icmp6-addr-unreachable", "addr-unreach", 3),
    ("icmp6-port-unreachable", "port-unreach", 4),
    ("icmp6-policy-fail", "policy-fail", 5),
    ("icmp6-reject-route", "reject-route", 6),
    ("icmp-net-unreachable", "net-unreach", 0),
    ("icmp-host-unreachable", "host-unreach", 3),
    ("icmp-port-unreachable", "icmp-port-unreachable", 4),
    ("icmp-net-prohibited", "net-prohib", 1),
    ("icmp-host-prohibited", "host-prohib", 1),
    ("icmp-admin-prohibited", "admin-prohib", 1),
];

/// `REJECT`.
pub(super) fn reject(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Statement, Refusal> {
    const HOOKS: [Hook; 4] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output];
    place("REJECT", span, context, &[Table::Filter], &HOOKS)?;
    let (default, table): (_, &[_]) = match context.scope.ip {
        Ip::V4 => (RejectWith::Icmp(3), REJECTIONS_V4),
        Ip::V6 => (RejectWith::Icmpv6(4), REJECTIONS_V6),
    };
    let mut with = default;
    for option in options {
        if option.keyword != "reject-with" {
            return Err(unknown_option(option, "REJECT"));
        }
        let word = value(option)?;
        if ["tcp-reset", "tcp-rst"].contains(&&*word.text) {
            if *context.protocols != Protocols::Of(vec![TCP]) {
                let message = "`tcp-reset` needs TCP";
                return Err(refuse(PLACE, word.span, message, "add `proto tcp` to the rule"));
            }
            with = RejectWith::TcpReset;
            continue;
        }
        let Some((_, _, code)) = table.iter().find(|(long, short, _)| [*long, *short].contains(&&*word.text)) else {
            let names = table.iter().map(|(long, _, _)| *long).chain(["tcp-reset"]);
            let help = suggestion(&word.text, names, "write icmp-port-unreachable, icmp-admin-prohibited or tcp-reset");
            let message = format!("`{}` is no answer in domain {}", word.text, context.scope.domain());
            return Err(refuse(OPERAND, word.span, message, help));
        };
        with = match context.scope.ip {
            Ip::V4 => RejectWith::Icmp(*code),
            Ip::V6 => RejectWith::Icmpv6(*code),
        };
    }
    Ok(Statement { exprs: vec![Expr::Reject(with)], uses: None, effect: Effect::Final })
}

/// The one answer that is the first for IPv4 and the second for IPv6.
pub(super) fn reject_both(v4: RejectWith, v6: RejectWith) -> Option<RejectWith> {
    match (v4, v6) {
        (RejectWith::TcpReset, RejectWith::TcpReset) => Some(RejectWith::TcpReset),
        (RejectWith::Icmp(0), RejectWith::Icmpv6(0)) => Some(RejectWith::Icmpx(0)),
        (RejectWith::Icmp(3), RejectWith::Icmpv6(4)) => Some(RejectWith::Icmpx(1)),
        (RejectWith::Icmp(1), RejectWith::Icmpv6(3)) => Some(RejectWith::Icmpx(2)),
        (RejectWith::Icmp(13), RejectWith::Icmpv6(1)) => Some(RejectWith::Icmpx(3)),
        (
            RejectWith::TcpReset | RejectWith::Icmp(_) | RejectWith::Icmpv6(_) | RejectWith::Icmpx(_),
            RejectWith::TcpReset | RejectWith::Icmp(_) | RejectWith::Icmpv6(_) | RejectWith::Icmpx(_),
        ) => None,
    }
}
