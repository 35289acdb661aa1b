//! Matches on parts of transport headers: options of TCP's, chunks of SCTP's, packets of DCCP's.

use policy_lang::host::rule::{Match, Operands, Word};

use super::clause::{Reading, Test};
use super::code::{OPERAND, Refusal, UNSUPPORTED, refuse, suggestion};
use super::matching::{Context, list};
use super::operand::{number, words};
use super::transport::{TCP, wants};
use crate::ruleset::{
    DataType, Datum, Exists, Expr, Field, Interval, Match as Compare, Operator, Part, SctpChunk, Value,
};

const DCCP: u8 = 33;
const SCTP: u8 = 132;

/// Chunks by iptables' names.
const CHUNKS: &[(&str, SctpChunk)] = &[
    ("DATA", SctpChunk::Data),
    ("INIT", SctpChunk::Init),
    ("INIT_ACK", SctpChunk::InitAck),
    ("SACK", SctpChunk::Sack),
    ("HEARTBEAT", SctpChunk::Heartbeat),
    ("HEARTBEAT_ACK", SctpChunk::HeartbeatAck),
    ("ABORT", SctpChunk::Abort),
    ("SHUTDOWN", SctpChunk::Shutdown),
    ("SHUTDOWN_ACK", SctpChunk::ShutdownAck),
    ("ERROR", SctpChunk::Error),
    ("COOKIE_ECHO", SctpChunk::CookieEcho),
    ("COOKIE_ACK", SctpChunk::CookieAck),
    ("ECN_ECNE", SctpChunk::Ecne),
    ("ECN_CWR", SctpChunk::Cwr),
    ("SHUTDOWN_COMPLETE", SctpChunk::ShutdownComplete),
    ("ASCONF", SctpChunk::Asconf),
    ("ASCONF_ACK", SctpChunk::AsconfAck),
    ("FORWARD_TSN", SctpChunk::ForwardTsn),
];

/// Packets of DCCP's by iptables' names, in their order.
const PACKETS: [&str; 11] =
    ["REQUEST", "RESPONSE", "DATA", "ACK", "DATAACK", "CLOSEREQ", "CLOSE", "RESET", "SYNC", "SYNCACK", "INVALID"];

/// `tcp-option`: of segments that are no later fragment.
pub(super) fn tcp_option(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    wants(found, context, TCP, "tcp")?;
    let kinds = words(&found.operands).iter().map(kind).collect::<Result<Vec<_>, _>>()?;
    let parts = kinds.into_iter().map(Part::TcpOption).collect::<Vec<_>>();
    Ok(Reading::Test(Test::Alternatives(if found.negated {
        vec![none_of(&parts)]
    } else {
        parts.into_iter().map(|part| vec![Expr::Exists(Exists::there(part))]).collect()
    })))
}

/// `chunk-types any` and `all`; negated, none of them, or not all.
pub(super) fn chunks(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    wants(found, context, SCTP, "sctp")?;
    let Operands::Pair(scope, types) = &found.operands else {
        let message = "`chunk-types` takes two words";
        return Err(refuse(OPERAND, found.span, message, "write `chunk-types any (INIT DATA)`, or all"));
    };
    let scope = scope.first().map_or("", |word| &*word.text);
    let mut parts = Vec::new();
    for word in types {
        let part = Part::SctpChunk(chunk(word)?);
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let there = |parts: &[Part]| parts.iter().map(|part| Expr::Exists(Exists::there(*part))).collect::<Vec<_>>();
    let missing = |part: &Part| Expr::Exists(Exists::missing(*part));
    let all = parts.as_slice();
    let before = |index: usize| all.get(..index).unwrap_or(&[]);
    // Of several alternatives each begins where those before do not hold, so that nothing happens to a packet twice.
    Ok(Reading::Test(Test::Alternatives(match (scope, found.negated) {
        ("any", false) => (0..)
            .zip(all)
            .map(|(index, part)| before(index).iter().map(missing).chain(there(&[*part])).collect())
            .collect(),
        ("any", true) => vec![none_of(all)],
        ("all", false) => vec![there(all)],
        ("all", true) => (0..)
            .zip(all)
            .map(|(index, part)| there(before(index)).into_iter().chain(none_of(&[*part])).collect())
            .collect(),
        ("only", _) => {
            let message = "`chunk-types only` has no form in nftables here";
            return Err(refuse(UNSUPPORTED, found.span, message, "write `chunk-types any`, or all"));
        }
        _ => {
            let message = format!("`{scope}` is no scope of chunks");
            return Err(refuse(OPERAND, found.span, message, "write `chunk-types any (INIT DATA)`, or all"));
        }
    })))
}

/// `dccp-types`.
pub(super) fn dccp_types(found: &Match, context: Context<'_>) -> Result<Reading, Refusal> {
    wants(found, context, DCCP, "dccp")?;
    list(found, Field::DccpType, |word| {
        let known = (0..).zip(PACKETS).find(|(_, name)| name.eq_ignore_ascii_case(&word.text));
        let kind = known.map(|(kind, _)| Interval::single(Datum::number(DataType::DccpPkttype, kind)));
        kind.ok_or_else(|| {
            let help = suggestion(&word.text, PACKETS.into_iter(), "write REQUEST, RESPONSE, DATA, ACK or RESET");
            refuse(OPERAND, word.span, format!("`{}` is no packet of DCCP", word.text), help)
        })
    })
}

/// None of these is there, in a packet that has a transport header: a later fragment has none.
pub(super) fn none_of(parts: &[Part]) -> Vec<Expr> {
    let every = Value::Range(Interval::all(DataType::InetService));
    let header = Compare { field: Field::ThSport, mask: None, operator: Operator::Eq, value: every };
    let missing = parts.iter().map(|part| Expr::Exists(Exists::missing(*part)));
    [Expr::Match(header)].into_iter().chain(missing).collect()
}

/// The kind of an option. Of the two that are a single byte, nftables does not see one at the end of the header.
fn kind(word: &Word) -> Result<u8, Refusal> {
    let kind = number(&word.text).and_then(|kind| u8::try_from(kind).ok()).filter(|kind| *kind > 1);
    kind.ok_or_else(|| {
        let message = format!("`{}` is no option that nftables finds", word.text);
        refuse(OPERAND, word.span, message, "write the kind of an option that has a length, from 2 to 255")
    })
}

fn chunk(word: &Word) -> Result<SctpChunk, Refusal> {
    let text = &*word.text;
    if text.contains(':') {
        let message = format!("flags of chunks, as in `{text}`, have no form in nftables here");
        return Err(refuse(UNSUPPORTED, word.span, message, "match the chunk whatever its flags are"));
    }
    CHUNKS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, chunk)| *chunk).ok_or_else(|| {
        let help = suggestion(text, CHUNKS.iter().map(|(name, _)| *name), "write DATA, INIT, ABORT or SHUTDOWN");
        refuse(OPERAND, word.span, format!("`{text}` is no chunk of SCTP that nftables knows"), help)
    })
}
