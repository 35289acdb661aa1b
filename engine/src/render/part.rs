//! Parts that some packets have and others have not, and bytes without a name.

use std::fmt::{self, Write as _};

use super::{expr, proxy};
use crate::ruleset::{Bytes, BytesBase, Exists, ExtensionHeader, Operator, Part, SctpChunk};

/// `exthdr rt exists`, `tcp option 77 missing`, `sctp chunk init exists`.
pub(super) fn write_exists(out: &mut String, Exists { part, operator }: Exists) -> fmt::Result {
    match part {
        Part::ExtensionHeader(header) => write!(out, "exthdr {}", header_name(header))?,
        Part::TcpOption(kind) => proxy::write_option(out, kind)?,
        Part::SctpChunk(chunk) => write!(out, "sctp chunk {}", chunk_name(chunk))?,
    }
    out.write_str(match operator {
        Operator::Eq => " exists",
        Operator::Ne => " missing",
    })
}

/// `@nh,64,32 & 0xff == 0x6`, `@nh,64,32 != 0x5-0x9`.
pub(super) fn write_bytes(out: &mut String, bytes: Bytes) -> fmt::Result {
    let Bytes { base, offset, length, mask, operator, low, high } = bytes;
    let base = match base {
        BytesBase::Network => "nh",
        BytesBase::Transport => "th",
    };
    write!(out, "@{base},{},{}", u32::from(offset) * 8, u32::from(length) * 8)?;
    if mask == Bytes::largest(length) {
        out.write_str(expr::negation(operator))?;
    } else {
        write!(out, " & {mask:#x} {}", expr::comparison(operator))?;
    }
    write!(out, " {low:#x}")?;
    if low == high { Ok(()) } else { write!(out, "-{high:#x}") }
}

fn header_name(header: ExtensionHeader) -> &'static str {
    match header {
        ExtensionHeader::Hbh => "hbh",
        ExtensionHeader::Rt => "rt",
        ExtensionHeader::Frag => "frag",
        ExtensionHeader::Dst => "dst",
        ExtensionHeader::Mh => "mh",
    }
}

fn chunk_name(chunk: SctpChunk) -> &'static str {
    match chunk {
        SctpChunk::Data => "data",
        SctpChunk::Init => "init",
        SctpChunk::InitAck => "init-ack",
        SctpChunk::Sack => "sack",
        SctpChunk::Heartbeat => "heartbeat",
        SctpChunk::HeartbeatAck => "heartbeat-ack",
        SctpChunk::Abort => "abort",
        SctpChunk::Shutdown => "shutdown",
        SctpChunk::ShutdownAck => "shutdown-ack",
        SctpChunk::Error => "error",
        SctpChunk::CookieEcho => "cookie-echo",
        SctpChunk::CookieAck => "cookie-ack",
        SctpChunk::Ecne => "ecne",
        SctpChunk::Cwr => "cwr",
        SctpChunk::ShutdownComplete => "shutdown-complete",
        SctpChunk::AsconfAck => "asconf-ack",
        SctpChunk::ForwardTsn => "forward-tsn",
        SctpChunk::Asconf => "asconf",
    }
}
