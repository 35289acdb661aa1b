//! A value of every type, and every field.

use crate::ruleset::{CtField, DataType, Datum, Family, Field, Hook, Interval, Queue};

/// A table and a hook in which a field means something.
pub(super) fn home(field: Field) -> (Family, Hook) {
    match field {
        Field::EtherType | Field::VlanId | Field::VlanPcp | Field::VlanType => (Family::Bridge, Hook::Forward),
        Field::Arp(_) => (Family::Arp, Hook::Input),
        Field::SkUid
        | Field::SkGid
        | Field::Oifname
        | Field::Oifgroup
        | Field::Realm
        | Field::RtIpsec
        | Field::FibSaddrOifType
        | Field::FibDaddrOifType => (Family::Inet, Hook::Output),
        Field::Iifname
        | Field::NfProto
        | Field::L4Proto
        | Field::Mark
        | Field::PktType
        | Field::Length
        | Field::Iifgroup
        | Field::Cpu
        | Field::Cgroup
        | Field::Ipsec
        | Field::SocketTransparent
        | Field::SocketWildcard
        | Field::EtherSaddr
        | Field::EtherDaddr
        | Field::IpSaddr
        | Field::IpDaddr
        | Field::IpFragOff
        | Field::IpDscp
        | Field::IpEcn
        | Field::IpTtl
        | Field::Ip6Saddr
        | Field::Ip6Daddr
        | Field::Ip6Dscp
        | Field::Ip6Ecn
        | Field::Ip6Hoplimit
        | Field::ThSport
        | Field::ThDport
        | Field::TcpSport
        | Field::TcpDport
        | Field::TcpFlags
        | Field::TcpOptionMaxseg
        | Field::UdpSport
        | Field::UdpDport
        | Field::SctpSport
        | Field::SctpDport
        | Field::EspSpi
        | Field::AhSpi
        | Field::AhHdrlength
        | Field::AhReserved
        | Field::DccpType
        | Field::RtType
        | Field::RtSegLeft
        | Field::RtHdrlength
        | Field::HbhHdrlength
        | Field::DstHdrlength
        | Field::MhType
        | Field::IcmpType
        | Field::IcmpCode
        | Field::Icmpv6Type
        | Field::Icmpv6Code
        | Field::Ct(_)
        | Field::FibSaddrIifType
        | Field::FibSaddrType
        | Field::FibDaddrType
        | Field::FibDaddrIifType => (Family::Inet, Hook::Input),
        // Only there on every kernel.
        Field::FibSaddrIifOif | Field::FibSaddrMarkIifOif | Field::FibSaddrOif | Field::FibSaddrMarkOif => {
            (Family::Inet, Hook::Prerouting)
        }
    }
}

/// Whether packets reach the field only after a match on the transport protocol.
pub(super) fn wants_protocol(field: Field) -> bool {
    matches!(field, Field::ThSport | Field::ThDport | Field::Ct(CtField::OriginalProtoSrc | CtField::OriginalProtoDst))
}

/// The `n`th of some values of a type that are easily told apart; `n` below 4.
pub(super) fn value(data_type: DataType, n: u8) -> Datum {
    match data_type {
        DataType::Ipv4Addr => Datum::ipv4([192, 0, 2, 16 + n].into()),
        DataType::Ipv6Addr => Datum::ipv6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 16 + u16::from(n)].into()),
        DataType::EtherAddr => Datum::from_bytes(data_type, &[2, 0, 0, 0, 1, n]),
        DataType::EtherType => Datum::number(data_type, 0x0800 + u32::from(n)),
        DataType::ArpOp => Datum::number(data_type, 1 + u32::from(n)),
        DataType::Ifname => {
            Datum::ifname(["lo", "eth0", "veth1", "cali12345678901"].get(usize::from(n)).unwrap_or(&"x"))
        }
        DataType::InetService | DataType::Integer16 => Datum::number(data_type, 8_080 + u32::from(n)),
        DataType::CtState | DataType::CtStatus => Datum::number(data_type, 1 << (1 + n)),
        DataType::TcpFlag => Datum::number(data_type, 1 << n),
        DataType::CtDir | DataType::Boolean => Datum::number(data_type, u32::from(n % 2)),
        DataType::Ecn => Datum::number(data_type, u32::from(n % 4)),
        DataType::Integer64 => Datum::from_u128(data_type, (5 << 32) + u128::from(n)),
        DataType::NfProto => Datum::number(data_type, if n.is_multiple_of(2) { 2 } else { 10 }),
        DataType::FibAddrtype | DataType::PktType => Datum::number(data_type, 1 + u32::from(n)),
        DataType::Time => Datum::number(data_type, 1_000 * (1 + u32::from(n))),
        DataType::Mark | DataType::Uid | DataType::Gid | DataType::Integer32 | DataType::Spi => {
            Datum::number(data_type, 0x0001_0200 + u32::from(n))
        }
        DataType::InetProto
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::Dscp
        | DataType::MhType
        | DataType::DccpPkttype
        | DataType::Integer8 => Datum::number(data_type, 8 + u32::from(n)),
    }
}

/// Two values of a type, if it is one of numbers of which ranges make sense.
pub(super) fn range(data_type: DataType) -> Option<Interval> {
    match data_type {
        DataType::Ipv4Addr
        | DataType::Ipv6Addr
        | DataType::EtherAddr
        | DataType::InetProto
        | DataType::InetService
        | DataType::IcmpType
        | DataType::Icmpv6Type
        | DataType::Mark
        | DataType::Uid
        | DataType::Gid
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32
        | DataType::Integer64
        | DataType::Time
        | DataType::MhType
        | DataType::Spi => Interval::new(value(data_type, 0), value(data_type, 3)),
        DataType::EtherType
        | DataType::ArpOp
        | DataType::IcmpCode
        | DataType::Icmpv6Code
        | DataType::TcpFlag
        | DataType::CtState
        | DataType::CtStatus
        | DataType::CtDir
        | DataType::Ifname
        | DataType::NfProto
        | DataType::PktType
        | DataType::FibAddrtype
        | DataType::Dscp
        | DataType::Ecn
        | DataType::DccpPkttype
        | DataType::Boolean => None,
    }
}

/// One queue, and several.
pub(super) fn queues() -> impl Iterator<Item = Queue> + Clone {
    let ranges = [(0, 0, false), (65_535, 65_535, false), (0, 3, false), (0, 3, true), (1, 65_535, true)];
    ranges
        .into_iter()
        .flat_map(|(first, last, fanout)| [false, true].map(|bypass| Queue { first, last, bypass, fanout }))
}
