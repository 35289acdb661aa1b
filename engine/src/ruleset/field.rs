//! What rules ask of a packet.

use super::datum::DataType;
use super::every::every;

pub use self::arp::ArpField;
pub use self::ct::CtField;

mod arp;
mod ct;

/// A part of a packet, or what the kernel knows about it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Field {
    /// `iifname`: the interface it came in by.
    Iifname,
    /// `oifname`: the interface it leaves by.
    Oifname,
    /// `meta nfproto`: 2 for IPv4, 10 for IPv6.
    NfProto,
    /// `meta l4proto`: the transport protocol behind all extension headers.
    L4Proto,
    /// `meta mark`.
    Mark,
    /// `meta pkttype`.
    PktType,
    /// `meta skuid`: the user of the sending socket.
    SkUid,
    /// `meta skgid`: its group.
    SkGid,
    /// `meta length`: of the packet from the network header on, in bytes.
    Length,
    /// `iifgroup`: the group of the interface it came in by.
    Iifgroup,
    /// `oifgroup`: that of the interface it leaves by.
    Oifgroup,
    /// `meta cpu`: the processor that handles it.
    Cpu,
    /// `meta cgroup`: the class of the sending or receiving socket's control group.
    Cgroup,
    /// `meta rtclassid`: the realm of its route.
    Realm,
    /// `meta ipsec`: whether it came in by IPsec.
    Ipsec,
    /// `rt ipsec`: whether it leaves by IPsec.
    RtIpsec,
    /// `socket transparent`: 1 if the socket that the packet would go to, connected or listening, takes packets to any
    /// address, and 0 if not; nothing without a socket. Before routing and on the way in.
    SocketTransparent,
    /// `socket wildcard`: 1 if that socket is bound to no address; nothing without a socket, and where its connection
    /// has come to its end.
    SocketWildcard,
    /// `ether saddr`.
    EtherSaddr,
    /// `ether daddr`.
    EtherDaddr,
    /// `ether type` in a bridge table.
    EtherType,
    /// `vlan id` in a bridge table: of the frame's outermost tag.
    VlanId,
    /// `vlan pcp`: the tag's priority.
    VlanPcp,
    /// `vlan type`: what the tagged frame carries.
    VlanType,
    /// `arp …`: a part of a message of ARP.
    Arp(ArpField),
    /// `ip saddr`.
    IpSaddr,
    /// `ip daddr`.
    IpDaddr,
    /// `ip frag-off`: flags and offset, to be masked.
    IpFragOff,
    /// `ip dscp`.
    IpDscp,
    /// `ip ecn`.
    IpEcn,
    /// `ip ttl`.
    IpTtl,
    /// `ip6 saddr`.
    Ip6Saddr,
    /// `ip6 daddr`.
    Ip6Daddr,
    /// `ip6 dscp`.
    Ip6Dscp,
    /// `ip6 ecn`.
    Ip6Ecn,
    /// `ip6 hoplimit`.
    Ip6Hoplimit,
    /// `th sport`: the source port of whatever transport protocol; wants a match on it.
    ThSport,
    /// `th dport`.
    ThDport,
    /// `tcp sport`.
    TcpSport,
    /// `tcp dport`.
    TcpDport,
    /// `tcp flags`.
    TcpFlags,
    /// `tcp option maxseg size`: what a segment announces, if it does.
    TcpOptionMaxseg,
    /// `udp sport`.
    UdpSport,
    /// `udp dport`.
    UdpDport,
    /// `sctp sport`.
    SctpSport,
    /// `sctp dport`.
    SctpDport,
    /// `esp spi`: the number of the tunnel's association.
    EspSpi,
    /// `ah spi`.
    AhSpi,
    /// `ah hdrlength`: in words of 4 bytes, two less than there are.
    AhHdrlength,
    /// `ah reserved`.
    AhReserved,
    /// `dccp type`.
    DccpType,
    /// `rt type`.
    RtType,
    /// `rt seg-left`.
    RtSegLeft,
    /// `rt hdrlength`: in words of 8 bytes, one less than there are.
    RtHdrlength,
    /// `hbh hdrlength`, likewise.
    HbhHdrlength,
    /// `dst hdrlength`, likewise.
    DstHdrlength,
    /// `mh type`.
    MhType,
    /// `icmp type`.
    IcmpType,
    /// `icmp code`.
    IcmpCode,
    /// `icmpv6 type`.
    Icmpv6Type,
    /// `icmpv6 code`.
    Icmpv6Code,
    /// `ct …`: what connection tracking knows.
    Ct(CtField),
    /// `fib saddr type`.
    FibSaddrType,
    /// `fib daddr type`.
    FibDaddrType,
    /// `fib daddr . iif type`.
    FibDaddrIifType,
    /// `fib saddr . iif type`.
    FibSaddrIifType,
    /// `fib saddr . oif type`.
    FibSaddrOifType,
    /// `fib daddr . oif type`.
    FibDaddrOifType,
    /// `fib saddr . iif oif`: the index of the interface that it came in by if the way back to its source leads there,
    /// 0 if not. Before routing only, on kernels up to 6.1.
    FibSaddrIifOif,
    /// `fib saddr . mark . iif oif`: the same by the routes of the packet's mark.
    FibSaddrMarkIifOif,
    /// `fib saddr oif`: the index of the interface that leads to its source, 0 if none does.
    FibSaddrOif,
    /// `fib saddr . mark oif`: the same by the routes of the packet's mark.
    FibSaddrMarkOif,
}

// Fields of one transport protocol come before those of any, which stand for them all: whoever looks for the field that
// an instruction loads takes the first.
every! { pub Field {
    Iifname Oifname NfProto L4Proto Mark PktType SkUid SkGid Length Iifgroup Oifgroup Cpu Cgroup Realm Ipsec RtIpsec
    SocketTransparent SocketWildcard EtherSaddr EtherDaddr EtherType VlanId VlanPcp VlanType Arp(ArpField::Htype)
    Arp(ArpField::Ptype) Arp(ArpField::Hlen) Arp(ArpField::Plen) Arp(ArpField::Operation) Arp(ArpField::SaddrEther)
    Arp(ArpField::SaddrIp) Arp(ArpField::DaddrEther) Arp(ArpField::DaddrIp) IpSaddr IpDaddr IpFragOff IpDscp IpEcn IpTtl
    Ip6Saddr Ip6Daddr Ip6Dscp Ip6Ecn Ip6Hoplimit TcpSport TcpDport TcpFlags TcpOptionMaxseg UdpSport UdpDport SctpSport
    SctpDport EspSpi AhSpi AhHdrlength AhReserved DccpType RtType RtSegLeft RtHdrlength HbhHdrlength DstHdrlength MhType
    IcmpType IcmpCode Icmpv6Type Icmpv6Code ThSport ThDport Ct(CtField::State) Ct(CtField::Status) Ct(CtField::Mark)
    Ct(CtField::Direction) Ct(CtField::OriginalIpSaddr) Ct(CtField::OriginalIpDaddr) Ct(CtField::OriginalIp6Saddr)
    Ct(CtField::OriginalIp6Daddr) Ct(CtField::OriginalProtoSrc) Ct(CtField::OriginalProtoDst) Ct(CtField::Bytes)
    Ct(CtField::Packets) Ct(CtField::Avgpkt) Ct(CtField::OriginalBytes) Ct(CtField::OriginalPackets)
    Ct(CtField::OriginalAvgpkt) Ct(CtField::ReplyBytes) Ct(CtField::ReplyPackets) Ct(CtField::ReplyAvgpkt)
    Ct(CtField::Protocol) Ct(CtField::Expiration) Ct(CtField::Helper) Ct(CtField::ReplyIpSaddr) Ct(CtField::ReplyIpDaddr)
    Ct(CtField::ReplyIp6Saddr) Ct(CtField::ReplyIp6Daddr) FibSaddrType FibDaddrType FibDaddrIifType FibSaddrIifType
    FibSaddrOifType FibDaddrOifType FibSaddrIifOif FibSaddrMarkIifOif FibSaddrOif FibSaddrMarkOif
} }

impl Field {
    /// The type of its values.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Arp(field) => field.data_type(),
            Self::Ct(field) => field.data_type(),
            Self::Iifname | Self::Oifname => DataType::Ifname,
            Self::NfProto => DataType::NfProto,
            Self::L4Proto => DataType::InetProto,
            Self::Mark => DataType::Mark,
            Self::PktType => DataType::PktType,
            Self::SkUid => DataType::Uid,
            Self::SkGid => DataType::Gid,
            Self::Length | Self::Iifgroup | Self::Oifgroup | Self::Cpu | Self::Cgroup | Self::Realm => {
                DataType::Integer32
            }
            Self::Ipsec | Self::RtIpsec => DataType::Boolean,
            Self::EspSpi | Self::AhSpi => DataType::Spi,
            Self::EtherSaddr | Self::EtherDaddr => DataType::EtherAddr,
            Self::EtherType | Self::VlanType => DataType::EtherType,
            Self::IpSaddr | Self::IpDaddr => DataType::Ipv4Addr,
            Self::IpFragOff | Self::TcpOptionMaxseg | Self::AhReserved | Self::VlanId => DataType::Integer16,
            Self::IpDscp | Self::Ip6Dscp => DataType::Dscp,
            Self::IpEcn | Self::Ip6Ecn => DataType::Ecn,
            Self::IpTtl
            | Self::Ip6Hoplimit
            | Self::VlanPcp
            | Self::SocketTransparent
            | Self::SocketWildcard
            | Self::AhHdrlength
            | Self::RtType
            | Self::RtSegLeft
            | Self::RtHdrlength
            | Self::HbhHdrlength
            | Self::DstHdrlength => DataType::Integer8,
            Self::MhType => DataType::MhType,
            Self::DccpType => DataType::DccpPkttype,
            Self::Ip6Saddr | Self::Ip6Daddr => DataType::Ipv6Addr,
            Self::ThSport
            | Self::ThDport
            | Self::TcpSport
            | Self::TcpDport
            | Self::UdpSport
            | Self::UdpDport
            | Self::SctpSport
            | Self::SctpDport => DataType::InetService,
            Self::TcpFlags => DataType::TcpFlag,
            Self::IcmpType => DataType::IcmpType,
            Self::IcmpCode => DataType::IcmpCode,
            Self::Icmpv6Type => DataType::Icmpv6Type,
            Self::Icmpv6Code => DataType::Icmpv6Code,
            Self::FibSaddrType
            | Self::FibDaddrType
            | Self::FibDaddrIifType
            | Self::FibSaddrIifType
            | Self::FibSaddrOifType
            | Self::FibDaddrOifType => DataType::FibAddrtype,
            Self::FibSaddrIifOif | Self::FibSaddrMarkIifOif | Self::FibSaddrOif | Self::FibSaddrMarkOif => {
                DataType::Integer32
            }
        }
    }
}
