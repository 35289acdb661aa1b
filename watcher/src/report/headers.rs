//! What a packet says, for people.

use engine::kernel::{Headers, Transport};

/// What it is about beside its ends: `443/TCP`, `ICMP type 8 code 0`.
pub(super) fn about(headers: &Headers) -> String {
    let protocol = protocol(headers.protocol);
    match headers.transport {
        Transport::Ports { source: _, destination } => format!("{destination}/{protocol}"),
        Transport::Icmp { icmp_type, code } => format!("{protocol} type {icmp_type} code {code}"),
        Transport::Fragment => format!("a later fragment of {protocol}"),
        Transport::Unknown => protocol,
    }
}

/// Protocols by the names of IANA, as far as they are usual between pods; else by number.
pub(super) fn protocol(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        132 => "SCTP",
        136 => "UDPLite",
        other => return format!("protocol {other}"),
    };
    name.to_owned()
}
