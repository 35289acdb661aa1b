//! Where each field comes from: the instructions that load it, and what a rule must have matched before.

use super::wire::{Base, Extension, Instruction, Load, Register};
use crate::ruleset::{ArpField, CtField, DataType, ExtensionHeader, Family, Field};

/// How a field is loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// From the packet's metadata, by `NFT_META_*`.
    Meta(u32),
    /// From the packet: offset and length in bytes.
    Payload(Base, u32, u32),
    /// From some bits of the packet: offset, length, mask and how far the bits are from the right end.
    Bits(Base, u32, u32, u16, u32),
    /// From conntrack, by `NFT_CT_*`; of the original direction.
    Ct(u32, Option<u8>),
    /// What the routing table says of an address: which result (`NFT_FIB_RESULT_*`), and flags for the address and what
    /// the question is narrowed to (`NFTA_FIB_F_*`).
    Fib(u32, u32),
    /// From an option of TCP's or an extension header of IPv6: its number, offset and length in bytes.
    Extension(Extension, u8, u32, u32),
    /// From the packet's route, by `NFT_RT_*`.
    Route(u32),
    /// From the socket that it would go to, by `NFT_SOCKET_*`.
    Socket(u32),
}

/// What must have been matched before a field means anything; nft adds it silently, and so do we.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dependency {
    /// `meta nfproto`, where a table sees several families.
    NfProto(u8),
    /// `meta protocol`, in bridge tables.
    Protocol(u16),
    /// `ether type`, in bridge tables for what lies behind a network header.
    EtherType(u16),
    /// `meta l4proto`.
    L4Proto(u8),
    /// `meta iiftype ether`, outside bridge tables.
    Ethernet,
}

/// Network protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Network {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// ARP.
    Arp,
    /// What follows a tag of a virtual LAN.
    Vlan,
}

/// What a rule has established so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Context {
    family: Family,
    network: Option<Network>,
    transport: Option<u8>,
    ethernet: bool,
}

/// `NFT_META_*`, as far as used.
pub(super) mod meta {
    pub(in crate::kernel) const LEN: u32 = 0;
    pub(in crate::kernel) const PROTOCOL: u32 = 1;
    pub(in crate::kernel) const PRIORITY: u32 = 2;
    pub(in crate::kernel) const MARK: u32 = 3;
    pub(in crate::kernel) const NFTRACE: u32 = 12;
    pub(in crate::kernel) const IIFNAME: u32 = 6;
    pub(in crate::kernel) const OIFNAME: u32 = 7;
    pub(in crate::kernel) const IIFTYPE: u32 = 8;
    pub(in crate::kernel) const SKUID: u32 = 10;
    pub(in crate::kernel) const SKGID: u32 = 11;
    pub(in crate::kernel) const RTCLASSID: u32 = 13;
    pub(in crate::kernel) const NFPROTO: u32 = 15;
    pub(in crate::kernel) const L4PROTO: u32 = 16;
    pub(in crate::kernel) const PKTTYPE: u32 = 19;
    pub(in crate::kernel) const CPU: u32 = 20;
    pub(in crate::kernel) const IIFGROUP: u32 = 21;
    pub(in crate::kernel) const OIFGROUP: u32 = 22;
    pub(in crate::kernel) const CGROUP: u32 = 23;
    pub(in crate::kernel) const RANDOM: u32 = 24;
    pub(in crate::kernel) const SECPATH: u32 = 25;
    pub(in crate::kernel) const TIME: u32 = 30;
    pub(in crate::kernel) const DAY: u32 = 31;
    pub(in crate::kernel) const HOUR: u32 = 32;
}

/// `NFT_CT_*`, as far as used.
pub(super) mod ct {
    pub(in crate::kernel) const STATE: u32 = 0;
    pub(in crate::kernel) const DIRECTION: u32 = 1;
    pub(in crate::kernel) const STATUS: u32 = 2;
    pub(in crate::kernel) const MARK: u32 = 3;
    pub(in crate::kernel) const EXPIRATION: u32 = 5;
    pub(in crate::kernel) const HELPER: u32 = 6;
    pub(in crate::kernel) const PROTOCOL: u32 = 10;
    pub(in crate::kernel) const PROTO_SRC: u32 = 11;
    pub(in crate::kernel) const PROTO_DST: u32 = 12;
    pub(in crate::kernel) const PACKETS: u32 = 14;
    pub(in crate::kernel) const BYTES: u32 = 15;
    pub(in crate::kernel) const AVGPKT: u32 = 16;
    pub(in crate::kernel) const ZONE: u32 = 17;
    pub(in crate::kernel) const SRC_IP: u32 = 19;
    pub(in crate::kernel) const DST_IP: u32 = 20;
    pub(in crate::kernel) const SRC_IP6: u32 = 21;
    pub(in crate::kernel) const DST_IP6: u32 = 22;
}

/// `NFT_FIB_RESULT_*`.
const FIB_RESULT_OIF: u32 = 1;
pub(super) const FIB_RESULT_ADDRTYPE: u32 = 3;
const FIB_SADDR: u32 = 1;
pub(super) const FIB_DADDR: u32 = 2;
const FIB_MARK: u32 = 4;
const FIB_IIF: u32 = 8;
const FIB_OIF: u32 = 16;

/// `IP_CT_DIR_ORIGINAL` and `IP_CT_DIR_REPLY`.
const ORIGINAL: Option<u8> = Some(0);
const REPLY: Option<u8> = Some(1);

/// `NFT_SOCKET_*`.
const SOCKET_TRANSPARENT: u32 = 0;
const SOCKET_WILDCARD: u32 = 2;

/// `NFT_RT_XFRM`.
const ROUTE_XFRM: u32 = 4;

/// TCP's option of the maximum segment size.
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

const IPV4: u8 = 2;
const IPV6: u8 = 10;
const ARP: u8 = 3;
const ETHERTYPE_IP: u16 = 0x0800;
const ETHERTYPE_IP6: u16 = 0x86dd;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ARPHRD_ETHER: u16 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const DCCP: u8 = 33;
const ESP: u8 = 50;
const AH: u8 = 51;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// How a field is loaded.
pub(super) fn source(field: Field) -> Source {
    match field {
        Field::Iifname => Source::Meta(meta::IIFNAME),
        Field::Oifname => Source::Meta(meta::OIFNAME),
        Field::NfProto => Source::Meta(meta::NFPROTO),
        Field::L4Proto => Source::Meta(meta::L4PROTO),
        Field::Mark => Source::Meta(meta::MARK),
        Field::PktType => Source::Meta(meta::PKTTYPE),
        Field::SkUid => Source::Meta(meta::SKUID),
        Field::SkGid => Source::Meta(meta::SKGID),
        Field::Length => Source::Meta(meta::LEN),
        Field::Iifgroup => Source::Meta(meta::IIFGROUP),
        Field::Oifgroup => Source::Meta(meta::OIFGROUP),
        Field::Cpu => Source::Meta(meta::CPU),
        Field::Cgroup => Source::Meta(meta::CGROUP),
        Field::Realm => Source::Meta(meta::RTCLASSID),
        Field::Ipsec => Source::Meta(meta::SECPATH),
        Field::RtIpsec => Source::Route(ROUTE_XFRM),
        Field::SocketTransparent => Source::Socket(SOCKET_TRANSPARENT),
        Field::SocketWildcard => Source::Socket(SOCKET_WILDCARD),
        Field::EtherDaddr => Source::Payload(Base::Link, 0, 6),
        Field::EtherSaddr => Source::Payload(Base::Link, 6, 6),
        Field::EtherType => Source::Payload(Base::Link, 12, 2),
        Field::VlanId => Source::Bits(Base::Link, 14, 2, 0x0fff, 0),
        Field::VlanPcp => Source::Bits(Base::Link, 14, 1, 0xe0, 5),
        Field::VlanType => Source::Payload(Base::Link, 16, 2),
        Field::Arp(field) => arp_source(field),
        Field::IpDscp => Source::Bits(Base::Network, 1, 1, 0xfc, 2),
        Field::IpEcn => Source::Bits(Base::Network, 1, 1, 0x03, 0),
        Field::IpFragOff => Source::Payload(Base::Network, 6, 2),
        Field::IpTtl => Source::Payload(Base::Network, 8, 1),
        Field::IpSaddr => Source::Payload(Base::Network, 12, 4),
        Field::IpDaddr => Source::Payload(Base::Network, 16, 4),
        Field::Ip6Dscp => Source::Bits(Base::Network, 0, 2, 0x0fc0, 6),
        // Of two bytes, so that a set of it does not look like one of IPv4's.
        Field::Ip6Ecn => Source::Bits(Base::Network, 0, 2, 0x0030, 4),
        Field::Ip6Hoplimit => Source::Payload(Base::Network, 7, 1),
        Field::Ip6Saddr => Source::Payload(Base::Network, 8, 16),
        Field::Ip6Daddr => Source::Payload(Base::Network, 24, 16),
        Field::ThSport | Field::TcpSport | Field::UdpSport | Field::SctpSport => Source::Payload(Base::Transport, 0, 2),
        Field::ThDport | Field::TcpDport | Field::UdpDport | Field::SctpDport => Source::Payload(Base::Transport, 2, 2),
        Field::TcpFlags => Source::Payload(Base::Transport, 13, 1),
        Field::TcpOptionMaxseg => Source::Extension(Extension::TcpOption, MAXIMUM_SEGMENT_SIZE, 2, 2),
        Field::IcmpType | Field::Icmpv6Type => Source::Payload(Base::Transport, 0, 1),
        Field::IcmpCode | Field::Icmpv6Code => Source::Payload(Base::Transport, 1, 1),
        Field::EspSpi => Source::Payload(Base::Transport, 0, 4),
        Field::AhSpi => Source::Payload(Base::Transport, 4, 4),
        Field::AhHdrlength => Source::Payload(Base::Transport, 1, 1),
        Field::AhReserved => Source::Payload(Base::Transport, 2, 2),
        Field::DccpType => Source::Bits(Base::Transport, 8, 1, 0x1e, 1),
        Field::RtType => ipv6(ExtensionHeader::Rt, 2),
        Field::RtSegLeft => ipv6(ExtensionHeader::Rt, 3),
        Field::RtHdrlength => ipv6(ExtensionHeader::Rt, 1),
        Field::HbhHdrlength => ipv6(ExtensionHeader::Hbh, 1),
        Field::DstHdrlength => ipv6(ExtensionHeader::Dst, 1),
        Field::MhType => ipv6(ExtensionHeader::Mh, 2),
        Field::Ct(field) => ct_source(field),
        Field::FibSaddrIifType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_SADDR | FIB_IIF),
        Field::FibSaddrOifType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_SADDR | FIB_OIF),
        Field::FibDaddrOifType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_DADDR | FIB_OIF),
        Field::FibSaddrType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_SADDR),
        Field::FibDaddrType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_DADDR),
        Field::FibDaddrIifType => Source::Fib(FIB_RESULT_ADDRTYPE, FIB_DADDR | FIB_IIF),
        Field::FibSaddrIifOif => Source::Fib(FIB_RESULT_OIF, FIB_SADDR | FIB_IIF),
        Field::FibSaddrMarkIifOif => Source::Fib(FIB_RESULT_OIF, FIB_SADDR | FIB_MARK | FIB_IIF),
        Field::FibSaddrOif => Source::Fib(FIB_RESULT_OIF, FIB_SADDR),
        Field::FibSaddrMarkOif => Source::Fib(FIB_RESULT_OIF, FIB_SADDR | FIB_MARK),
    }
}

fn ct_source(field: CtField) -> Source {
    match field {
        CtField::Protocol => Source::Ct(ct::PROTOCOL, None),
        CtField::Expiration => Source::Ct(ct::EXPIRATION, None),
        CtField::Helper => Source::Ct(ct::HELPER, None),
        CtField::ReplyIpSaddr => Source::Ct(ct::SRC_IP, REPLY),
        CtField::ReplyIpDaddr => Source::Ct(ct::DST_IP, REPLY),
        CtField::ReplyIp6Saddr => Source::Ct(ct::SRC_IP6, REPLY),
        CtField::ReplyIp6Daddr => Source::Ct(ct::DST_IP6, REPLY),
        CtField::State => Source::Ct(ct::STATE, None),
        CtField::Status => Source::Ct(ct::STATUS, None),
        CtField::Mark => Source::Ct(ct::MARK, None),
        CtField::Direction => Source::Ct(ct::DIRECTION, None),
        CtField::OriginalIpSaddr => Source::Ct(ct::SRC_IP, ORIGINAL),
        CtField::OriginalIpDaddr => Source::Ct(ct::DST_IP, ORIGINAL),
        CtField::OriginalIp6Saddr => Source::Ct(ct::SRC_IP6, ORIGINAL),
        CtField::OriginalIp6Daddr => Source::Ct(ct::DST_IP6, ORIGINAL),
        CtField::OriginalProtoSrc => Source::Ct(ct::PROTO_SRC, ORIGINAL),
        CtField::OriginalProtoDst => Source::Ct(ct::PROTO_DST, ORIGINAL),
        CtField::Bytes => Source::Ct(ct::BYTES, None),
        CtField::Packets => Source::Ct(ct::PACKETS, None),
        CtField::Avgpkt => Source::Ct(ct::AVGPKT, None),
        CtField::OriginalBytes => Source::Ct(ct::BYTES, ORIGINAL),
        CtField::OriginalPackets => Source::Ct(ct::PACKETS, ORIGINAL),
        CtField::OriginalAvgpkt => Source::Ct(ct::AVGPKT, ORIGINAL),
        CtField::ReplyBytes => Source::Ct(ct::BYTES, REPLY),
        CtField::ReplyPackets => Source::Ct(ct::PACKETS, REPLY),
        CtField::ReplyAvgpkt => Source::Ct(ct::AVGPKT, REPLY),
    }
}

fn arp_source(field: ArpField) -> Source {
    match field {
        ArpField::Htype => Source::Payload(Base::Network, 0, 2),
        ArpField::Ptype => Source::Payload(Base::Network, 2, 2),
        ArpField::Hlen => Source::Payload(Base::Network, 4, 1),
        ArpField::Plen => Source::Payload(Base::Network, 5, 1),
        ArpField::Operation => Source::Payload(Base::Network, 6, 2),
        ArpField::SaddrEther => Source::Payload(Base::Network, 8, 6),
        ArpField::SaddrIp => Source::Payload(Base::Network, 14, 4),
        ArpField::DaddrEther => Source::Payload(Base::Network, 18, 6),
        ArpField::DaddrIp => Source::Payload(Base::Network, 24, 4),
    }
}

/// One byte of an extension header.
fn ipv6(header: ExtensionHeader, offset: u32) -> Source {
    Source::Extension(Extension::Ipv6, header.number(), offset, 1)
}

/// The protocols that a field belongs to: network, transport, and whether it is part of an Ethernet header.
fn layers(field: Field) -> (Option<Network>, Option<u8>, bool) {
    match field {
        Field::EtherSaddr | Field::EtherDaddr | Field::EtherType => (None, None, true),
        Field::VlanId | Field::VlanPcp | Field::VlanType => (Some(Network::Vlan), None, true),
        Field::Arp(_) => (Some(Network::Arp), None, false),
        Field::IpSaddr | Field::IpDaddr | Field::IpFragOff | Field::IpDscp | Field::IpEcn | Field::IpTtl => {
            (Some(Network::Ip), None, false)
        }
        Field::Ip6Saddr
        | Field::Ip6Daddr
        | Field::Ip6Dscp
        | Field::Ip6Ecn
        | Field::Ip6Hoplimit
        | Field::RtType
        | Field::RtSegLeft
        | Field::RtHdrlength
        | Field::HbhHdrlength
        | Field::DstHdrlength
        | Field::MhType => (Some(Network::Ip6), None, false),
        Field::TcpSport | Field::TcpDport | Field::TcpFlags => (None, Some(TCP), false),
        Field::UdpSport | Field::UdpDport => (None, Some(UDP), false),
        Field::SctpSport | Field::SctpDport => (None, Some(SCTP), false),
        Field::EspSpi => (None, Some(ESP), false),
        Field::AhSpi | Field::AhHdrlength | Field::AhReserved => (None, Some(AH), false),
        Field::DccpType => (None, Some(DCCP), false),
        Field::IcmpType | Field::IcmpCode => (Some(Network::Ip), Some(ICMP), false),
        Field::Icmpv6Type | Field::Icmpv6Code => (Some(Network::Ip6), Some(ICMPV6), false),
        Field::Iifname
        | Field::Oifname
        | Field::NfProto
        | Field::L4Proto
        | Field::Mark
        | Field::PktType
        | Field::SkUid
        | Field::SkGid
        | Field::Length
        | Field::Iifgroup
        | Field::Oifgroup
        | Field::Cpu
        | Field::Cgroup
        | Field::Realm
        | Field::Ipsec
        | Field::RtIpsec
        | Field::SocketTransparent
        | Field::SocketWildcard
        // The kernel itself looks whether it is TCP.
        | Field::TcpOptionMaxseg
        | Field::ThSport
        | Field::ThDport
        | Field::Ct(_)
        | Field::FibSaddrType
        | Field::FibDaddrType
        | Field::FibDaddrIifType
        | Field::FibSaddrIifType
        | Field::FibSaddrOifType
        | Field::FibDaddrOifType
        | Field::FibSaddrIifOif
        | Field::FibSaddrMarkIifOif
        | Field::FibSaddrOif
        | Field::FibSaddrMarkOif => (None, None, false),
    }
}

/// Whether the field is a port of whatever transport protocol.
pub(super) fn is_generic(field: Field) -> bool {
    matches!(field, Field::ThSport | Field::ThDport)
}

/// Whether the kernel has the field as a number in the machine's order.
pub(super) fn is_host_order(field: Field) -> bool {
    field.data_type().is_host_order()
}

impl Source {
    /// The instruction that loads it, before any shifting.
    pub(super) fn load(self, to: Register) -> Instruction {
        match self {
            Self::Meta(key) => Instruction::Meta { key, to },
            Self::Payload(base, offset, length) | Self::Bits(base, offset, length, _, _) => {
                Instruction::Payload { base, offset, length, to }
            }
            Self::Ct(key, direction) => Instruction::Ct { key, direction, to },
            Self::Fib(result, flags) => Instruction::Fib { result, flags, to },
            Self::Route(key) => Instruction::Route { key, to },
            Self::Extension(extension, number, offset, length) => {
                Instruction::Extension { extension, number, load: Load::Part { offset, length }, to }
            }
            Self::Socket(key) => Instruction::Socket { key, to },
        }
    }
}

impl Context {
    /// What the family of the table says by itself.
    pub(super) fn new(family: Family) -> Self {
        let network = match family {
            Family::Ip => Some(Network::Ip),
            Family::Ip6 => Some(Network::Ip6),
            Family::Arp => Some(Network::Arp),
            Family::Inet | Family::Bridge => None,
        };
        Self { family, network, transport: None, ethernet: family == Family::Bridge }
    }

    /// The network protocol, where it is known.
    pub(super) fn network(self) -> Option<Network> {
        self.network
    }

    /// What has to be matched before these fields are loaded, in order.
    pub(super) fn missing_for(mut self, fields: &[Field]) -> Vec<Dependency> {
        let mut missing = Vec::new();
        for field in fields {
            let (network, transport, ethernet) = layers(*field);
            if ethernet && !self.ethernet {
                missing.push(Dependency::Ethernet);
            }
            match (network, transport) {
                // A transport protocol that is known brought its network protocol with it.
                (Some(_), Some(transport)) if self.transport == Some(transport) => {}
                (Some(network), transport) if !self.has(network) => {
                    missing.push(self.network_dependency(network, transport.is_some()));
                }
                (Some(_) | None, Some(_) | None) => {}
            }
            if let Some(transport) = transport
                && self.transport != Some(transport)
            {
                missing.push(Dependency::L4Proto(transport));
            }
            for dependency in &missing {
                self.establish(*dependency);
            }
        }
        missing
    }

    /// What has to be matched before a packet is refused with a message of this network protocol.
    pub(super) fn missing_for_network(self, network: Network) -> Vec<Dependency> {
        if self.network == Some(network) { Vec::new() } else { vec![self.network_dependency(network, false)] }
    }

    /// What has to be matched before a TCP connection is reset.
    pub(super) fn missing_for_tcp(self) -> Vec<Dependency> {
        if self.transport == Some(TCP) { Vec::new() } else { vec![Dependency::L4Proto(TCP)] }
    }

    /// Remembers that something has been matched.
    pub(super) fn establish(&mut self, dependency: Dependency) {
        match dependency {
            _ if !self.knows(dependency) => {}
            Dependency::NfProto(IPV4) | Dependency::Protocol(ETHERTYPE_IP) => self.network = Some(Network::Ip),
            Dependency::NfProto(IPV6) | Dependency::Protocol(ETHERTYPE_IP6) => self.network = Some(Network::Ip6),
            Dependency::EtherType(ETHERTYPE_IP) => self.network = Some(Network::Ip),
            Dependency::EtherType(ETHERTYPE_IP6) => self.network = Some(Network::Ip6),
            Dependency::NfProto(ARP) | Dependency::Protocol(ETHERTYPE_ARP) | Dependency::EtherType(ETHERTYPE_ARP) => {
                self.network = Some(Network::Arp);
            }
            Dependency::EtherType(ETHERTYPE_VLAN) => self.network = Some(Network::Vlan),
            Dependency::NfProto(_) | Dependency::Protocol(_) | Dependency::EtherType(_) => {}
            Dependency::L4Proto(protocol) => self.transport = Some(protocol),
            Dependency::Ethernet => self.ethernet = true,
        }
    }

    /// Whether tables of this family have this dependency; elsewhere the same comparison is an ordinary match.
    pub(super) fn knows(self, dependency: Dependency) -> bool {
        let is_bridge = self.family == Family::Bridge;
        match dependency {
            Dependency::NfProto(_) => !is_bridge && self.family != Family::Arp,
            Dependency::Protocol(_) => is_bridge || self.family == Family::Arp,
            Dependency::EtherType(_) => is_bridge,
            Dependency::L4Proto(_) => true,
            Dependency::Ethernet => !is_bridge,
        }
    }

    /// Whether a field can be meant here: its transport protocol is the one that is known. Ports of whatever
    /// transport protocol always can.
    pub(super) fn allows(self, field: Field) -> bool {
        let (network, transport, _) = layers(field);
        let network_fits = network.is_none_or(|network| transport.is_some() || self.has(network));
        network_fits && transport.is_none_or(|transport| self.transport == Some(transport))
    }

    /// Whether packets are known to be of this protocol. Tags are looked for in bridge tables only.
    fn has(self, network: Network) -> bool {
        self.network == Some(network) || network == Network::Vlan && self.family != Family::Bridge
    }

    fn network_dependency(self, network: Network, for_transport: bool) -> Dependency {
        let ether_type = match network {
            Network::Ip => ETHERTYPE_IP,
            Network::Ip6 => ETHERTYPE_IP6,
            Network::Arp => ETHERTYPE_ARP,
            Network::Vlan => ETHERTYPE_VLAN,
        };
        match (self.family, network) {
            (_, Network::Vlan) | (Family::Bridge, Network::Arp) => Dependency::EtherType(ether_type),
            (Family::Bridge, _) if for_transport => Dependency::EtherType(ether_type),
            (Family::Bridge | Family::Arp, _) => Dependency::Protocol(ether_type),
            (Family::Inet | Family::Ip | Family::Ip6, Network::Ip) => Dependency::NfProto(IPV4),
            (Family::Inet | Family::Ip | Family::Ip6, Network::Ip6) => Dependency::NfProto(IPV6),
            (Family::Inet | Family::Ip | Family::Ip6, Network::Arp) => Dependency::NfProto(ARP),
        }
    }
}

impl Dependency {
    /// The load and the constant that it is compared with.
    pub(super) fn comparison(self) -> (Source, Vec<u8>) {
        match self {
            Self::NfProto(protocol) => (Source::Meta(meta::NFPROTO), vec![protocol]),
            Self::Protocol(protocol) => (Source::Meta(meta::PROTOCOL), protocol.to_be_bytes().to_vec()),
            Self::EtherType(protocol) => (Source::Payload(Base::Link, 12, 2), protocol.to_be_bytes().to_vec()),
            Self::L4Proto(protocol) => (Source::Meta(meta::L4PROTO), vec![protocol]),
            Self::Ethernet => (Source::Meta(meta::IIFTYPE), ARPHRD_ETHER.to_ne_bytes().to_vec()),
        }
    }

    /// The dependency that a comparison for equality with this constant is, if it is one.
    pub(super) fn of(load: &Instruction, data: &[u8]) -> Option<Self> {
        let candidates = match *data {
            [byte] => vec![Self::NfProto(byte), Self::L4Proto(byte)],
            [high, low] => {
                let number = u16::from_be_bytes([high, low]);
                vec![Self::Protocol(number), Self::EtherType(number), Self::Ethernet]
            }
            _ => Vec::new(),
        };
        candidates.into_iter().find(|candidate| {
            let (source, constant) = candidate.comparison();
            source.load(Register::FIRST) == *load && constant == data
        })
    }

    /// The field that says the same in a rule, for those that have one.
    pub(super) fn field(self) -> Option<(Field, u32)> {
        match self {
            Self::NfProto(protocol) => Some((Field::NfProto, u32::from(protocol))),
            Self::EtherType(protocol) => Some((Field::EtherType, u32::from(protocol))),
            Self::L4Proto(protocol) => Some((Field::L4Proto, u32::from(protocol))),
            Self::Protocol(_) | Self::Ethernet => None,
        }
    }

    /// The dependency that a match of this field with this value establishes.
    pub(super) fn from_field(field: Field, bytes: &[u8]) -> Option<Self> {
        match (field.data_type(), bytes) {
            (DataType::EtherType, _) if field != Field::EtherType => None,
            // An error has another protocol than the connection that it belongs to.
            _ if field == Field::Ct(CtField::Protocol) => None,
            (DataType::NfProto, [protocol]) => Some(Self::NfProto(*protocol)),
            (DataType::InetProto, [protocol]) => Some(Self::L4Proto(*protocol)),
            (DataType::EtherType, [high, low]) => Some(Self::EtherType(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }
}
