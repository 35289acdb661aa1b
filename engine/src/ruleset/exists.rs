//! Whether a packet has a part that not every packet has.

use super::every::every;
use super::expr::Operator;

/// `exthdr rt exists`, `tcp option 77 missing`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Exists {
    /// What.
    pub part: Part,
    /// `Eq`: it is there; `Ne`: it is missing, as it is from packets of another protocol.
    pub operator: Operator,
}

/// A part of packets that some have and others have not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// An extension header of IPv6; packets of IPv4 neither have it nor miss it.
    ExtensionHeader(ExtensionHeader),
    /// An option of TCP's, by its kind.
    TcpOption(u8),
    /// A chunk of SCTP's.
    SctpChunk(SctpChunk),
}

/// The extension headers of IPv6 that nft has words for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ExtensionHeader {
    /// Hop-by-hop options.
    Hbh,
    /// Routing.
    Rt,
    /// Of a fragment.
    Frag,
    /// Destination options.
    Dst,
    /// Mobility.
    Mh,
}

/// The chunks of SCTP's that nft has words for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SctpChunk {
    /// `data`.
    Data,
    /// `init`.
    Init,
    /// `init-ack`.
    InitAck,
    /// `sack`.
    Sack,
    /// `heartbeat`.
    Heartbeat,
    /// `heartbeat-ack`.
    HeartbeatAck,
    /// `abort`.
    Abort,
    /// `shutdown`.
    Shutdown,
    /// `shutdown-ack`.
    ShutdownAck,
    /// `error`.
    Error,
    /// `cookie-echo`.
    CookieEcho,
    /// `cookie-ack`.
    CookieAck,
    /// `ecne`.
    Ecne,
    /// `cwr`.
    Cwr,
    /// `shutdown-complete`.
    ShutdownComplete,
    /// `asconf-ack`.
    AsconfAck,
    /// `forward-tsn`.
    ForwardTsn,
    /// `asconf`.
    Asconf,
}

every! { pub ExtensionHeader { Hbh Rt Frag Dst Mh } }

every! { pub SctpChunk {
    Data Init InitAck Sack Heartbeat HeartbeatAck Abort Shutdown ShutdownAck Error CookieEcho CookieAck Ecne Cwr
    ShutdownComplete AsconfAck ForwardTsn Asconf
} }

impl Exists {
    /// `PART exists`.
    pub fn there(part: Part) -> Self {
        Self { part, operator: Operator::Eq }
    }

    /// `PART missing`.
    pub fn missing(part: Part) -> Self {
        Self { part, operator: Operator::Ne }
    }
}

impl ExtensionHeader {
    /// Its protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Hbh => 0,
            Self::Rt => 43,
            Self::Frag => 44,
            Self::Dst => 60,
            Self::Mh => 135,
        }
    }
}

impl SctpChunk {
    /// The number of its type.
    pub fn number(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Init => 1,
            Self::InitAck => 2,
            Self::Sack => 3,
            Self::Heartbeat => 4,
            Self::HeartbeatAck => 5,
            Self::Abort => 6,
            Self::Shutdown => 7,
            Self::ShutdownAck => 8,
            Self::Error => 9,
            Self::CookieEcho => 10,
            Self::CookieAck => 11,
            Self::Ecne => 12,
            Self::Cwr => 13,
            Self::ShutdownComplete => 14,
            Self::AsconfAck => 0x80,
            Self::ForwardTsn => 0xc0,
            Self::Asconf => 0xc1,
        }
    }
}
