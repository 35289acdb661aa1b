//! What rules ask of a connection.

use crate::ruleset::DataType;
use crate::ruleset::every::every;

/// What connection tracking knows of a packet.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum CtField {
    /// `ct state`.
    State,
    /// `ct status`.
    Status,
    /// `ct mark`.
    Mark,
    /// `ct direction`.
    Direction,
    /// `ct original ip saddr`.
    OriginalIpSaddr,
    /// `ct original ip daddr`.
    OriginalIpDaddr,
    /// `ct original ip6 saddr`.
    OriginalIp6Saddr,
    /// `ct original ip6 daddr`.
    OriginalIp6Daddr,
    /// `ct original proto-src`.
    OriginalProtoSrc,
    /// `ct original proto-dst`.
    OriginalProtoDst,
    /// `ct bytes`: of both directions, from the network header on.
    Bytes,
    /// `ct packets`: of both directions.
    Packets,
    /// `ct avgpkt`: bytes by packets, of both directions.
    Avgpkt,
    /// `ct original bytes`.
    OriginalBytes,
    /// `ct original packets`.
    OriginalPackets,
    /// `ct original avgpkt`.
    OriginalAvgpkt,
    /// `ct reply bytes`.
    ReplyBytes,
    /// `ct reply packets`.
    ReplyPackets,
    /// `ct reply avgpkt`.
    ReplyAvgpkt,
    /// `ct protocol`.
    Protocol,
    /// `ct expiration`: until the connection is forgotten unless packets come, in milliseconds.
    Expiration,
    /// `ct helper`: the name of what reads the data of the connection to which this one belongs; nothing without one.
    Helper,
    /// `ct reply ip saddr`: the source of what answers, which is the destination after any translation.
    ReplyIpSaddr,
    /// `ct reply ip daddr`.
    ReplyIpDaddr,
    /// `ct reply ip6 saddr`.
    ReplyIp6Saddr,
    /// `ct reply ip6 daddr`.
    ReplyIp6Daddr,
}

every! { pub CtField {
    State Status Mark Direction OriginalIpSaddr OriginalIpDaddr OriginalIp6Saddr OriginalIp6Daddr OriginalProtoSrc OriginalProtoDst Bytes Packets Avgpkt OriginalBytes OriginalPackets OriginalAvgpkt ReplyBytes ReplyPackets ReplyAvgpkt Protocol Expiration Helper ReplyIpSaddr ReplyIpDaddr ReplyIp6Saddr ReplyIp6Daddr
} }

impl CtField {
    /// The type of its values.
    pub fn data_type(self) -> DataType {
        match self {
            Self::State => DataType::CtState,
            Self::Status => DataType::CtStatus,
            Self::Mark => DataType::Mark,
            Self::Direction => DataType::CtDir,
            Self::Protocol => DataType::InetProto,
            Self::Expiration => DataType::Time,
            // As long, and as plain, as the name of an interface.
            Self::Helper => DataType::Ifname,
            Self::OriginalIpSaddr | Self::OriginalIpDaddr | Self::ReplyIpSaddr | Self::ReplyIpDaddr => {
                DataType::Ipv4Addr
            }
            Self::OriginalIp6Saddr | Self::OriginalIp6Daddr | Self::ReplyIp6Saddr | Self::ReplyIp6Daddr => {
                DataType::Ipv6Addr
            }
            Self::OriginalProtoSrc | Self::OriginalProtoDst => DataType::InetService,
            Self::Bytes
            | Self::Packets
            | Self::Avgpkt
            | Self::OriginalBytes
            | Self::OriginalPackets
            | Self::OriginalAvgpkt
            | Self::ReplyBytes
            | Self::ReplyPackets
            | Self::ReplyAvgpkt => DataType::Integer64,
        }
    }
}
