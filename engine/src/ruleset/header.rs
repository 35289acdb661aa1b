//! What rules write into the network header, and into what goes along with a packet, marks aside.

use super::datum::{DataType, Datum};
use super::every::every;

/// `ip dscp set ef`: a field of the network header gets this value, and IPv4's header checksum follows.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SetHeader {
    /// What is written.
    pub field: HeaderField,
    /// At most [`HeaderField::largest`]; higher bits are left out.
    pub value: u8,
}

/// What a packet is told to take along.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetMeta {
    /// `meta priority set 1:2`: the class of a queueing discipline, its major number in the upper 16 bits.
    Priority(u32),
    /// `meta nftrace set 1`: what `nft monitor trace` shows.
    Trace,
}

/// A field of the network header that rules can write. Packets of the other family end the rule.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum HeaderField {
    /// `ip dscp`: the upper six bits of what was the type of service.
    IpDscp,
    /// `ip ecn`: its lower two bits.
    IpEcn,
    /// `ip ttl`.
    IpTtl,
    /// `ip6 dscp`: the upper six bits of the traffic class.
    Ip6Dscp,
    /// `ip6 ecn`: its lower two bits.
    Ip6Ecn,
    /// `ip6 hoplimit`.
    Ip6Hoplimit,
}

every! { pub HeaderField { IpDscp IpEcn IpTtl Ip6Dscp Ip6Ecn Ip6Hoplimit } }

impl HeaderField {
    /// Whether it is a field of IPv4's header; the others are of IPv6's.
    pub fn is_v4(self) -> bool {
        match self {
            Self::IpDscp | Self::IpEcn | Self::IpTtl => true,
            Self::Ip6Dscp | Self::Ip6Ecn | Self::Ip6Hoplimit => false,
        }
    }

    /// The greatest value that it can have.
    pub fn largest(self) -> u8 {
        match self {
            Self::IpDscp | Self::Ip6Dscp => 63,
            Self::IpEcn | Self::Ip6Ecn => 3,
            Self::IpTtl | Self::Ip6Hoplimit => 255,
        }
    }

    /// A value in the type that its notation follows; both bits of ECN are a plain number.
    pub(crate) fn datum(self, value: u8) -> Datum {
        let data_type = match self {
            Self::IpDscp | Self::Ip6Dscp => DataType::Dscp,
            Self::IpEcn | Self::Ip6Ecn | Self::IpTtl | Self::Ip6Hoplimit => DataType::Integer8,
        };
        Datum::number(data_type, u32::from(value))
    }
}
