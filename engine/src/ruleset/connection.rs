//! What rules write into connection tracking, marks aside.

use super::name::Name;

/// What connection tracking is told of a packet's connection.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetCt {
    /// `ct zone set 5`, `ct original zone set 5`: before connection tracking looks at the packet. The first that a packet
    /// meets counts.
    Zone {
        /// Of which direction; both without.
        direction: Option<ZoneDirection>,
        /// The zone.
        zone: u16,
    },
    /// `ct helper set "pl_…"`: what reads the connection's data for addresses of others that belong to it. After
    /// connection tracking has looked at a packet that opens a connection.
    Helper(Name),
}

/// Packets of which direction are looked up in a zone.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ZoneDirection {
    /// Those that go as the first one.
    Original,
    /// Those that answer.
    Reply,
}

/// `ct helper NAME { type "ftp" protocol tcp; l3proto ip; }`: a reader of connections' data, which the kernel must have.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Helper {
    /// The kernel's name for it, 1 to 15 bytes.
    pub kind: Box<str>,
    /// Of which network protocol.
    pub network: HelperNetwork,
    /// Of which transport protocol.
    pub transport: HelperTransport,
}

/// The network protocols of helpers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HelperNetwork {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
}

/// The transport protocols of helpers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HelperTransport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl HelperNetwork {
    /// As nft says it.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
        }
    }
}

impl HelperTransport {
    /// As nft says it.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol's number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}
