//! What rules ask of a message of ARP.

use crate::ruleset::DataType;
use crate::ruleset::every::every;

/// A part of a message of ARP.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ArpField {
    /// `arp htype`: the kind of hardware.
    Htype,
    /// `arp ptype`: the protocol whose addresses are asked for.
    Ptype,
    /// `arp hlen`: how many bytes a hardware address has.
    Hlen,
    /// `arp plen`: how many bytes an address of the protocol has.
    Plen,
    /// `arp operation`.
    Operation,
    /// `arp saddr ether`: the sender's hardware address. It lies here where `hlen` is 6.
    SaddrEther,
    /// `arp saddr ip`: the sender's address. It lies here where `hlen` is 6 and `plen` 4.
    SaddrIp,
    /// `arp daddr ether`: the hardware address of whoever is asked or answered, under the same condition.
    DaddrEther,
    /// `arp daddr ip`: its address, under the same condition.
    DaddrIp,
}

every! { pub ArpField {
    Htype Ptype Hlen Plen Operation SaddrEther SaddrIp DaddrEther DaddrIp
} }

impl ArpField {
    /// The type of its values.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Htype => DataType::Integer16,
            Self::Ptype => DataType::EtherType,
            Self::Hlen | Self::Plen => DataType::Integer8,
            Self::Operation => DataType::ArpOp,
            Self::SaddrEther | Self::DaddrEther => DataType::EtherAddr,
            Self::SaddrIp | Self::DaddrIp => DataType::Ipv4Addr,
        }
    }
}
