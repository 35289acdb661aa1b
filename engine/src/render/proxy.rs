//! Statements about connections that the host takes over, and about TCP's options.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::ruleset::{Family, Synproxy, Tproxy};

/// `tproxy ip to 10.0.0.1:80`.
pub(super) fn write_tproxy(out: &mut String, family: Family, tproxy: Tproxy) -> fmt::Result {
    let Tproxy { address, port } = tproxy;
    let is_implied = matches!(family, Family::Ip | Family::Ip6);
    out.write_str(match address {
        Some(IpAddr::V4(_)) if !is_implied => "tproxy ip to ",
        Some(IpAddr::V6(_)) if !is_implied => "tproxy ip6 to ",
        Some(_) | None => "tproxy to ",
    })?;
    match address {
        Some(IpAddr::V4(address)) => write!(out, "{address}")?,
        Some(IpAddr::V6(address)) => write!(out, "[{address}]")?,
        None => {}
    }
    port.map_or(Ok(()), |port| write!(out, ":{port}"))
}

/// `synproxy mss 1460 wscale 7 timestamp sack-perm`; nft lists both numbers if there is one.
pub(super) fn write_synproxy(out: &mut String, synproxy: Synproxy) -> fmt::Result {
    let Synproxy { segment_size, window_scale, timestamp, sack } = synproxy;
    out.write_str("synproxy")?;
    if let Some(size) = segment_size {
        write!(out, " mss {size}")?;
    }
    if let Some(scale) = window_scale {
        write!(out, " wscale {scale}")?;
    }
    out.write_str(if timestamp { " timestamp" } else { "" })?;
    out.write_str(if sack { " sack-perm" } else { "" })
}

/// `reset tcp option timestamp`.
pub(super) fn write_strip_option(out: &mut String, kind: u8) -> fmt::Result {
    out.write_str("reset ")?;
    write_option(out, kind)
}

/// `tcp option timestamp`.
pub(super) fn write_option(out: &mut String, kind: u8) -> fmt::Result {
    out.write_str("tcp option ")?;
    match option_name(kind) {
        Some(name) => out.write_str(name),
        None => write!(out, "{kind}"),
    }
}

/// What nft calls an option of TCP's.
fn option_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "eol",
        1 => "nop",
        2 => "maxseg",
        3 => "window",
        4 => "sack-perm",
        5 => "sack",
        8 => "timestamp",
        19 => "md5sig",
        30 => "mptcp",
        34 => "fastopen",
        _ => return None,
    })
}
