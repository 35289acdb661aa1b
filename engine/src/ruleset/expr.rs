//! What rules are made of: matches, lookups, statements and verdicts.
//!
//! [`Expr`] and [`Field`] are matched exhaustively by encode, decode, render and the simulator, so a new variant
//! does not compile until each of them knows it. Hashes are taken of the rendered text and follow.

use super::bytes::Bytes;
use super::clock::Clock;
use super::connection::SetCt;
use super::datum::{DataType, Datum, Interval};
use super::every::every;
use super::exists::Exists;
use super::header::{SetHeader, SetMeta};
use super::name::Name;
use super::proxy::{Synproxy, Tproxy};
use super::set::{Elements, SetSpec};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// One expression of a rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Expr {
    /// `tcp dport 22`, `ip saddr != 10.0.0.0/8`, `ct state established,related`.
    Match(Match),
    /// `exthdr rt exists`, `tcp option 77 missing`.
    Exists(Exists),
    /// `@nh,64,32 & 0xff == 0x6`: bytes that no field names.
    Bytes(Bytes),
    /// `ip saddr . tcp dport @set`, `iifname != { "lo", "eth0" }`.
    Lookup(Lookup),
    /// `ip daddr vmap @map`; without an entry the next rule follows.
    VerdictMap(VerdictMap),
    /// `counter`: counts in the rule itself.
    Counter,
    /// `counter name "pl_…"`: counts in an object that outlives the rule.
    NamedCounter(Name),
    /// `quota over 10 mbytes`.
    Quota(Quota),
    /// `quota name "pl_…"`.
    NamedQuota(Name),
    /// `limit rate 10/minute burst 5 packets`.
    Limit(Limit),
    /// `log prefix "…"`.
    Log(Log),
    /// `accept`, `jump pl_…`.
    Verdict(Verdict),
    /// `reject with tcp reset`.
    Reject(RejectWith),
    /// `dnat ip to 10.0.0.1:80`, `snat`, `masquerade`, `redirect`.
    Nat(Nat),
    /// `notrack`.
    Notrack,
    /// `meta random <= 99`, `numgen inc mod 3 0`.
    Sample(Sample),
    /// `meta hour 32400-61199`, `meta day 1-5`.
    Clock(Clock),
    /// `meta mark set meta mark & 0xff00 ^ 0x1`.
    Assign(Assign),
    /// `tcp option maxseg size set rt mtu`.
    SegmentSize(SegmentSize),
    /// `reset tcp option timestamp`: the bytes of the first option of this kind become ones that say nothing.
    StripOption(u8),
    /// `tproxy ip to 10.0.0.1:80`.
    Tproxy(Tproxy),
    /// `synproxy mss 1460 wscale 7`.
    Synproxy(Synproxy),
    /// `dup to 10.0.0.1`: a copy of the packet goes to this neighbour, in a table of its family alone.
    Duplicate(IpAddr),
    /// `ip dscp set ef`.
    SetHeader(SetHeader),
    /// `ct zone set 5`, `ct helper set "pl_…"`.
    SetCt(SetCt),
    /// `meta priority set 1:2`, `meta nftrace set 1`.
    SetMeta(SetMeta),
    /// `update @set { ip saddr timeout 60s limit rate over 10/second }`.
    DynamicSet(DynamicSet),
}

/// Compares one field with a constant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Match {
    /// What of the packet.
    pub field: Field,
    /// Bits to look at. `ct state new` is `mask: new, operator: Ne, value: 0`.
    pub mask: Option<Datum>,
    /// Equal or not.
    pub operator: Operator,
    /// The constant, of the field's type.
    pub value: Value,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operator {
    /// `==`, which nft leaves out.
    Eq,
    /// `!=`.
    Ne,
}

/// What a field is compared with.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Value {
    /// One value.
    One(Datum),
    /// A range, both ends included.
    Range(Interval),
    /// The first bits of a value, counted from the most significant: `10.0.0.0/8`, or `"ppp*"` with 24 bits. At
    /// least 1 and fewer than the type has. Interface prefixes are whole bytes.
    Prefix(Datum, u8),
}

/// Looks a concatenation of fields up in a set.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Lookup {
    /// The fields, as many as the set's key has types.
    pub key: Vec<Field>,
    /// `Eq`: must be in it; `Ne`: must not.
    pub operator: Operator,
    /// Where.
    pub set: SetRef,
}

/// Looks a concatenation of fields up in a verdict map and does what it says; without an entry the rule ends and the next
/// one follows.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VerdictMap {
    /// The fields.
    pub key: Vec<Field>,
    /// Where.
    pub map: SetRef,
}

/// A set by name, or one that lives and dies with its rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetRef {
    /// `@name`.
    Named(Name),
    /// `{ … }`.
    Anonymous {
        /// Its key types and whether it has intervals; neither dynamic nor timed, and without a comment.
        spec: SetSpec,
        /// Its elements.
        elements: Elements,
    },
}

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

/// What ends the evaluation of a rule.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Ends this base chain; later base chains still see the packet.
    Accept,
    /// Final.
    Drop,
    /// Back to the rule after the jump; in a base chain its policy, accept.
    Return,
    /// On with the next rule.
    Continue,
    /// Into a regular chain and back.
    Jump(Name),
    /// Into a regular chain and back to the caller of this one.
    Goto(Name),
}

/// `quota [over] BYTES`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Quota {
    /// In bytes.
    pub bytes: u64,
    /// Matches once the quota is used up, instead of until then.
    pub over: bool,
}

/// `limit rate [over] RATE/UNIT burst BURST packets|bytes`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Limit {
    /// Packets or bytes per unit.
    pub rate: u64,
    /// The unit of time.
    pub per: LimitUnit,
    /// How many more may come at once, in packets or bytes; nft's default for packets is 5.
    pub burst: u32,
    /// Counts bytes instead of packets.
    pub bytes: bool,
    /// Matches what exceeds the rate instead of what keeps it.
    pub over: bool,
}

/// The unit of a limit.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LimitUnit {
    /// 1 second.
    Second,
    /// 60 seconds.
    Minute,
    /// 3,600 seconds.
    Hour,
    /// 86,400 seconds.
    Day,
    /// 604,800 seconds.
    Week,
}

/// `log`: to the kernel's log, or to an NFLOG group.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Log {
    /// At most 127 bytes.
    pub prefix: Option<Box<str>>,
    /// The NFLOG group; without it the kernel's log.
    pub group: Option<u16>,
    /// Bytes of each packet to hand over, with a group.
    pub snaplen: Option<u32>,
    /// Packets to collect before they are handed over, with a group.
    pub queue_threshold: Option<u16>,
    /// For the kernel's log; nft's default is warning.
    pub level: Option<LogLevel>,
    /// Bits of `NF_LOG_*`: 1 TCP sequence, 2 TCP options, 4 IP options, 8 user, 32 MAC decode; for the kernel's log.
    pub flags: u32,
}

/// syslog's levels.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// 0.
    Emerg,
    /// 1.
    Alert,
    /// 2.
    Crit,
    /// 3.
    Err,
    /// 4.
    Warn,
    /// 5.
    Notice,
    /// 6.
    Info,
    /// 7.
    Debug,
}

/// What the sender is told.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RejectWith {
    /// A TCP reset; wants a match on TCP.
    TcpReset,
    /// ICMP destination unreachable of this code, IPv4 only.
    Icmp(u8),
    /// ICMPv6 destination unreachable of this code, IPv6 only.
    Icmpv6(u8),
    /// Either, by family, in an inet or bridge table: 0 no-route, 1 port-unreachable, 2 host-unreachable,
    /// 3 admin-prohibited.
    Icmpx(u8),
}

/// Address translation.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// New addresses, for source and destination NAT; a single address is a range of one. Decides the family.
    pub addresses: Option<Interval>,
    /// New ports; wants a match on the transport protocol.
    pub ports: Option<Interval>,
    /// Bits of `NF_NAT_RANGE_*` that the user asked for: 4 random, 8 persistent, 16 fully-random, 64 for addresses that are a
    /// network: `prefix`, which replaces the first bits of an address and keeps the rest.
    pub flags: u32,
}

/// The kinds of address translation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum NatKind {
    /// `snat`.
    Source,
    /// `dnat`.
    Destination,
    /// `masquerade`.
    Masquerade,
    /// `redirect`.
    Redirect,
}

/// `TARGET set TARGET & MASK ^ XOR`; with a mask of 0, `TARGET set XOR`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Assign {
    /// What is written.
    pub target: AssignTarget,
    /// Where the old value comes from.
    pub source: AssignTarget,
    /// Bits of the old value that are kept.
    pub mask: u32,
    /// Bits that are flipped after that.
    pub xor: u32,
}

/// What can be written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum AssignTarget {
    /// `meta mark`.
    Mark,
    /// `ct mark`.
    CtMark,
}

/// TCP's maximum segment size, lowered to this where the packet announces a higher one; never raised, and never added to
/// a packet that announces none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SegmentSize {
    /// In bytes, of TCP's data.
    Bytes(u16),
    /// `rt mtu`: what the routes in both directions carry, without the headers of IP and TCP. Only where a packet has a
    /// route: forward, output and postrouting.
    RouteMtu,
}

/// Some of the packets, whatever they are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sample {
    /// `meta random <= MOST`: those for which a number drawn from all of 32 bits is at most this.
    Random {
        /// The highest number that matches.
        most: u32,
    },
    /// `numgen inc mod EVERY PACKET`: one of so many, by a count of the rule's own.
    Nth {
        /// At least 1.
        every: u32,
        /// Which of them, from 0 on; below `every`.
        packet: u32,
    },
}

/// Adds the packet's values to a dynamic set.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DynamicSet {
    /// How.
    pub operation: SetOperation,
    /// The set.
    pub set: Name,
    /// The fields that make the key.
    pub key: Vec<Field>,
    /// The bits of a field that count; all of them where it has no entry.
    pub masks: BTreeMap<Field, Datum>,
    /// The element's life time.
    pub timeout: Option<Duration>,
    /// What each element asks for itself.
    pub per_element: Option<PerElement>,
}

/// What each element of a dynamic set asks for itself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PerElement {
    /// `limit rate over 10/second`.
    Limit(Limit),
    /// `ct count over 10`.
    Connections(Connections),
}

/// `ct count [over] COUNT`: how many connections there are, this one included.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Connections {
    /// Most that match, or, if `over`, most that do not.
    pub count: u32,
    /// Matches where there are more instead.
    pub over: bool,
}

/// What is done to the set.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SetOperation {
    /// `add`: leaves an element that is there alone.
    Add,
    /// `update`: starts its life time again.
    Update,
    /// `delete`.
    Delete,
}

// Fields of one transport protocol come before those of any, which stand for them all: whoever looks for the field that
// an instruction loads takes the first.
every! { pub Field {
    Iifname Oifname NfProto L4Proto Mark PktType SkUid SkGid Length Iifgroup Oifgroup Cpu Cgroup Realm Ipsec RtIpsec
    SocketTransparent SocketWildcard
    EtherSaddr EtherDaddr EtherType VlanId VlanPcp VlanType ArpHtype ArpPtype ArpHlen ArpPlen ArpOperation ArpSaddrEther
    ArpSaddrIp ArpDaddrEther ArpDaddrIp IpSaddr IpDaddr IpFragOff IpDscp IpEcn IpTtl Ip6Saddr Ip6Daddr Ip6Dscp Ip6Ecn Ip6Hoplimit TcpSport
    TcpDport TcpFlags TcpOptionMaxseg UdpSport UdpDport SctpSport SctpDport EspSpi AhSpi AhHdrlength AhReserved DccpType
    RtType RtSegLeft RtHdrlength HbhHdrlength DstHdrlength MhType IcmpType IcmpCode Icmpv6Type Icmpv6Code
    ThSport ThDport CtState CtStatus CtMark CtDirection CtOriginalIpSaddr CtOriginalIpDaddr CtOriginalIp6Saddr
    CtOriginalIp6Daddr CtOriginalProtoSrc CtOriginalProtoDst CtBytes CtPackets CtAvgpkt CtOriginalBytes
    CtOriginalPackets CtOriginalAvgpkt CtReplyBytes CtReplyPackets CtReplyAvgpkt CtProtocol CtExpiration CtReplyIpSaddr CtReplyIpDaddr
    CtReplyIp6Saddr CtReplyIp6Daddr FibSaddrType FibDaddrType
    FibDaddrIifType FibSaddrIifType FibSaddrOifType FibDaddrOifType FibSaddrIifOif FibSaddrMarkIifOif FibSaddrOif FibSaddrMarkOif
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

impl Expr {
    /// The fields that it looks up and where, in a set or a verdict map; dynamic sets are written to instead.
    pub fn looked_up(&self) -> Option<(&[Field], &SetRef)> {
        match self {
            Self::Lookup(lookup) => Some((&lookup.key, &lookup.set)),
            Self::VerdictMap(map) => Some((&map.key, &map.map)),
            Self::Match(_)
            | Self::Exists(_)
            | Self::Bytes(_)
            | Self::Counter
            | Self::NamedCounter(_)
            | Self::Quota(_)
            | Self::NamedQuota(_)
            | Self::Limit(_)
            | Self::Log(_)
            | Self::Verdict(_)
            | Self::Reject(_)
            | Self::Nat(_)
            | Self::Notrack
            | Self::Sample(_)
            | Self::Clock(_)
            | Self::Assign(_)
            | Self::SegmentSize(_)
            | Self::StripOption(_)
            | Self::Tproxy(_)
            | Self::Synproxy(_)
            | Self::Duplicate(_)
            | Self::SetHeader(_)
            | Self::SetCt(_)
            | Self::SetMeta(_)
            | Self::DynamicSet(_) => None,
        }
    }

    /// The chain that it jumps or goes to by itself; maps lead to others.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Verdict(verdict) => verdict.target(),
            Self::Match(_)
            | Self::Exists(_)
            | Self::Bytes(_)
            | Self::Lookup(_)
            | Self::VerdictMap(_)
            | Self::Counter
            | Self::NamedCounter(_)
            | Self::Quota(_)
            | Self::NamedQuota(_)
            | Self::Limit(_)
            | Self::Log(_)
            | Self::Reject(_)
            | Self::Nat(_)
            | Self::Notrack
            | Self::Sample(_)
            | Self::Clock(_)
            | Self::Assign(_)
            | Self::SegmentSize(_)
            | Self::StripOption(_)
            | Self::Tproxy(_)
            | Self::Synproxy(_)
            | Self::Duplicate(_)
            | Self::SetHeader(_)
            | Self::SetCt(_)
            | Self::SetMeta(_)
            | Self::DynamicSet(_) => None,
        }
    }
}

impl Verdict {
    /// The chain that it leads to.
    pub fn target(&self) -> Option<&Name> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return | Self::Continue => None,
        }
    }
}

impl Lookup {
    /// The field's value is in a named set, or is not.
    pub fn in_set(field: Field, set: &Name, operator: Operator) -> Expr {
        Expr::Lookup(Self { key: vec![field], operator, set: SetRef::Named(set.clone()) })
    }
}

impl Match {
    /// `FIELD VALUE`.
    pub fn eq(field: Field, value: Datum) -> Expr {
        Expr::Match(Self { field, mask: None, operator: Operator::Eq, value: Value::One(value) })
    }

    /// `FIELD` has one of these bits: `ct state established,related`.
    pub fn any_bit(field: Field, bits: u32) -> Expr {
        Expr::Match(Self {
            field,
            mask: Some(Datum::number(field.data_type(), bits)),
            operator: Operator::Ne,
            value: Value::One(Datum::number(field.data_type(), 0)),
        })
    }
}

impl Nat {
    /// `NF_NAT_RANGE_NETMAP`, the flag of `prefix`.
    pub const PREFIX: u32 = 64;
}

impl LimitUnit {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }
}
