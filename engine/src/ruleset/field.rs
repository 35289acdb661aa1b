//! What rules ask of a packet.

use super::datum::DataType;
use super::every::every;

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
    /// `arp htype`: the kind of hardware.
    ArpHtype,
    /// `arp ptype`: the protocol whose addresses are asked for.
    ArpPtype,
    /// `arp hlen`: how many bytes a hardware address has.
    ArpHlen,
    /// `arp plen`: how many bytes an address of the protocol has.
    ArpPlen,
    /// `arp operation`.
    ArpOperation,
    /// `arp saddr ether`: the sender's hardware address. It lies here where `hlen` is 6.
    ArpSaddrEther,
    /// `arp saddr ip`: the sender's address. It lies here where `hlen` is 6 and `plen` 4.
    ArpSaddrIp,
    /// `arp daddr ether`: the hardware address of whoever is asked or answered, under the same condition.
    ArpDaddrEther,
    /// `arp daddr ip`: its address, under the same condition.
    ArpDaddrIp,
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
    /// `ct state`.
    CtState,
    /// `ct status`.
    CtStatus,
    /// `ct mark`.
    CtMark,
    /// `ct direction`.
    CtDirection,
    /// `ct original ip saddr`.
    CtOriginalIpSaddr,
    /// `ct original ip daddr`.
    CtOriginalIpDaddr,
    /// `ct original ip6 saddr`.
    CtOriginalIp6Saddr,
    /// `ct original ip6 daddr`.
    CtOriginalIp6Daddr,
    /// `ct original proto-src`.
    CtOriginalProtoSrc,
    /// `ct original proto-dst`.
    CtOriginalProtoDst,
    /// `ct bytes`: of both directions, from the network header on.
    CtBytes,
    /// `ct packets`: of both directions.
    CtPackets,
    /// `ct avgpkt`: bytes by packets, of both directions.
    CtAvgpkt,
    /// `ct original bytes`.
    CtOriginalBytes,
    /// `ct original packets`.
    CtOriginalPackets,
    /// `ct original avgpkt`.
    CtOriginalAvgpkt,
    /// `ct reply bytes`.
    CtReplyBytes,
    /// `ct reply packets`.
    CtReplyPackets,
    /// `ct reply avgpkt`.
    CtReplyAvgpkt,
    /// `ct protocol`.
    CtProtocol,
    /// `ct expiration`: until the connection is forgotten unless packets come, in milliseconds.
    CtExpiration,
    /// `ct reply ip saddr`: the source of what answers, which is the destination after any translation.
    CtReplyIpSaddr,
    /// `ct reply ip daddr`.
    CtReplyIpDaddr,
    /// `ct reply ip6 saddr`.
    CtReplyIp6Saddr,
    /// `ct reply ip6 daddr`.
    CtReplyIp6Daddr,
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
    SocketTransparent SocketWildcard EtherSaddr EtherDaddr EtherType VlanId VlanPcp VlanType ArpHtype ArpPtype ArpHlen
    ArpPlen ArpOperation ArpSaddrEther ArpSaddrIp ArpDaddrEther ArpDaddrIp IpSaddr IpDaddr IpFragOff IpDscp IpEcn IpTtl
    Ip6Saddr Ip6Daddr Ip6Dscp Ip6Ecn Ip6Hoplimit TcpSport TcpDport TcpFlags TcpOptionMaxseg UdpSport UdpDport SctpSport
    SctpDport EspSpi AhSpi AhHdrlength AhReserved DccpType RtType RtSegLeft RtHdrlength HbhHdrlength DstHdrlength MhType
    IcmpType IcmpCode Icmpv6Type Icmpv6Code ThSport ThDport CtState CtStatus CtMark CtDirection CtOriginalIpSaddr
    CtOriginalIpDaddr CtOriginalIp6Saddr CtOriginalIp6Daddr CtOriginalProtoSrc CtOriginalProtoDst CtBytes CtPackets
    CtAvgpkt CtOriginalBytes CtOriginalPackets CtOriginalAvgpkt CtReplyBytes CtReplyPackets CtReplyAvgpkt CtProtocol
    CtExpiration CtReplyIpSaddr CtReplyIpDaddr CtReplyIp6Saddr CtReplyIp6Daddr FibSaddrType FibDaddrType FibDaddrIifType
    FibSaddrIifType FibSaddrOifType FibDaddrOifType FibSaddrIifOif FibSaddrMarkIifOif FibSaddrOif FibSaddrMarkOif
} }

impl Field {
    /// The type of its values.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Iifname | Self::Oifname => DataType::Ifname,
            Self::NfProto => DataType::NfProto,
            Self::L4Proto | Self::CtProtocol => DataType::InetProto,
            Self::Mark | Self::CtMark => DataType::Mark,
            Self::PktType => DataType::PktType,
            Self::SkUid => DataType::Uid,
            Self::SkGid => DataType::Gid,
            Self::Length | Self::Iifgroup | Self::Oifgroup | Self::Cpu | Self::Cgroup | Self::Realm => {
                DataType::Integer32
            }
            Self::Ipsec | Self::RtIpsec => DataType::Boolean,
            Self::EspSpi | Self::AhSpi => DataType::Spi,
            Self::EtherSaddr | Self::EtherDaddr => DataType::EtherAddr,
            Self::EtherType | Self::VlanType | Self::ArpPtype => DataType::EtherType,
            Self::ArpSaddrEther | Self::ArpDaddrEther => DataType::EtherAddr,
            Self::ArpOperation => DataType::ArpOp,
            Self::IpSaddr
            | Self::IpDaddr
            | Self::CtOriginalIpSaddr
            | Self::CtOriginalIpDaddr
            | Self::CtReplyIpSaddr
            | Self::CtReplyIpDaddr
            | Self::ArpSaddrIp
            | Self::ArpDaddrIp => DataType::Ipv4Addr,
            Self::IpFragOff | Self::TcpOptionMaxseg | Self::AhReserved | Self::VlanId | Self::ArpHtype => {
                DataType::Integer16
            }
            Self::IpDscp | Self::Ip6Dscp => DataType::Dscp,
            Self::IpEcn | Self::Ip6Ecn => DataType::Ecn,
            Self::IpTtl
            | Self::Ip6Hoplimit
            | Self::VlanPcp
            | Self::SocketTransparent
            | Self::SocketWildcard
            | Self::ArpHlen
            | Self::ArpPlen
            | Self::AhHdrlength
            | Self::RtType
            | Self::RtSegLeft
            | Self::RtHdrlength
            | Self::HbhHdrlength
            | Self::DstHdrlength => DataType::Integer8,
            Self::MhType => DataType::MhType,
            Self::DccpType => DataType::DccpPkttype,
            Self::Ip6Saddr
            | Self::Ip6Daddr
            | Self::CtOriginalIp6Saddr
            | Self::CtOriginalIp6Daddr
            | Self::CtReplyIp6Saddr
            | Self::CtReplyIp6Daddr => DataType::Ipv6Addr,
            Self::ThSport
            | Self::ThDport
            | Self::TcpSport
            | Self::TcpDport
            | Self::UdpSport
            | Self::UdpDport
            | Self::SctpSport
            | Self::SctpDport
            | Self::CtOriginalProtoSrc
            | Self::CtOriginalProtoDst => DataType::InetService,
            Self::TcpFlags => DataType::TcpFlag,
            Self::IcmpType => DataType::IcmpType,
            Self::IcmpCode => DataType::IcmpCode,
            Self::Icmpv6Type => DataType::Icmpv6Type,
            Self::Icmpv6Code => DataType::Icmpv6Code,
            Self::CtState => DataType::CtState,
            Self::CtStatus => DataType::CtStatus,
            Self::CtDirection => DataType::CtDir,
            Self::FibSaddrType
            | Self::FibDaddrType
            | Self::FibDaddrIifType
            | Self::FibSaddrIifType
            | Self::FibSaddrOifType
            | Self::FibDaddrOifType => DataType::FibAddrtype,
            Self::CtExpiration => DataType::Time,
            Self::CtBytes
            | Self::CtPackets
            | Self::CtAvgpkt
            | Self::CtOriginalBytes
            | Self::CtOriginalPackets
            | Self::CtOriginalAvgpkt
            | Self::CtReplyBytes
            | Self::CtReplyPackets
            | Self::CtReplyAvgpkt => DataType::Integer64,
            Self::FibSaddrIifOif | Self::FibSaddrMarkIifOif | Self::FibSaddrOif | Self::FibSaddrMarkOif => {
                DataType::Integer32
            }
        }
    }
}
