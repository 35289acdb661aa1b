//! TCPMSS.
//!
//! What differs: iptables adds the option to a SYN that has none; nftables can only change one that is there.

use policy_lang::host::rule::{Match, Operands, Table, TargetOption};
use policy_lang::source::Span;

use super::clause::Ip;
use super::code::{OPERAND, PLACE, Refusal, refuse};
use super::matching::Context;
use super::operand::bounded;
use super::target::{EVERYWHERE, place, unknown_option, value};
use crate::ruleset::{Expr, Hook, SegmentSize};

const TABLES: [Table; 5] = [Table::Raw, Table::Mangle, Table::Nat, Table::Filter, Table::Security];

/// Where a packet has a route to take the size from.
const WITH_ROUTE: [Hook; 3] = [Hook::Forward, Hook::Output, Hook::Postrouting];

/// `TCPMSS`.
pub(super) fn size(options: &[TargetOption], span: Span, context: Context<'_>) -> Result<Expr, Refusal> {
    let [option] = options else {
        let message = "TCPMSS needs exactly one of clamp-mss-to-pmtu and set-mss";
        return Err(refuse(OPERAND, span, message, "write `TCPMSS clamp-mss-to-pmtu`"));
    };
    let (size, hooks) = match option.keyword {
        "clamp-mss-to-pmtu" => (SegmentSize::RouteMtu, &WITH_ROUTE[..]),
        "set-mss" => {
            let most = u32::from(u16::MAX) - headers(context.scope.ip);
            let bytes = bounded(value(option)?, "maximum segment size", most)?;
            (SegmentSize::Bytes(u16::try_from(bytes).unwrap_or(u16::MAX)), &EVERYWHERE[..])
        }
        _ => return Err(unknown_option(option, "TCPMSS")),
    };
    place(option.keyword, span, context, &TABLES, hooks)?;
    if context.rule.matches.iter().any(wants_syn) {
        return Ok(Expr::SegmentSize(size));
    }
    let message = "TCPMSS needs a match of segments that open a connection: no others announce a size";
    Err(refuse(PLACE, span, message, "add `proto tcp tcp-flags (SYN RST) SYN` to the rule"))
}

/// The headers of IP and TCP without options, in bytes.
fn headers(ip: Ip) -> u32 {
    match ip {
        Ip::V4 => 20 + 20,
        Ip::V6 => 40 + 20,
    }
}

/// Whether only segments with SYN match, as iptables finds out.
fn wants_syn(found: &Match) -> bool {
    let has_syn = match &found.operands {
        Operands::Pair(_, set) => {
            set.iter().any(|flag| ["SYN", "ALL"].iter().any(|name| flag.text.eq_ignore_ascii_case(name)))
        }
        Operands::Flag | Operands::OneOf(_) | Operands::Joined(_) | Operands::Repeated(_) => false,
    };
    !found.negated && (found.keyword == "syn" || found.keyword == "tcp-flags" && has_syn)
}
