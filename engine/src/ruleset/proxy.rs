//! Connections that this host takes over: handed to one of its own sockets, or opened with the client first.

use std::net::IpAddr;

/// `tproxy ip to 10.0.0.1:80`: the packet goes to the connected or else the listening transparent socket of this host,
/// whatever its destination; where there is none the rule does not match. TCP and UDP, before routing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tproxy {
    /// Where the socket listens; without it at an address of the incoming interface. Decides the family.
    pub address: Option<IpAddr>,
    /// The port that it listens on; without it that of the packet. One of both is given.
    pub port: Option<u16>,
}

/// `synproxy mss 1460 wscale 7 timestamp sack-perm`: TCP's connections are opened with the client by SYN cookies, and
/// only then with the server. Where packets are delivered or forwarded.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Synproxy {
    /// The maximum segment size that the server would announce.
    pub segment_size: Option<u16>,
    /// The server's window scale.
    pub window_scale: Option<u8>,
    /// Whether it stamps its segments.
    pub timestamp: bool,
    /// Whether it permits selective acknowledgements.
    pub sack: bool,
}
