//! What nft 1.0.6 calls numbers, as tables.

use crate::ruleset::{DataType, Family, Hook};

/// Names of numbers, or of bits.
pub(crate) type Names = &'static [(u32, &'static str)];

/// Protocols that every nft knows by name, whatever /etc/protocols says.
const PROTOCOLS: Names = &[
    (1, "icmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (132, "sctp"),
    (136, "udplite"),
];

const ICMP_TYPES: Names = &[
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (4, "source-quench"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
    (15, "info-request"),
    (16, "info-reply"),
    (17, "address-mask-request"),
    (18, "address-mask-reply"),
];

pub(crate) const ICMP_CODES: Names = &[
    (0, "net-unreachable"),
    (1, "host-unreachable"),
    (2, "prot-unreachable"),
    (3, "port-unreachable"),
    (4, "frag-needed"),
    (9, "net-prohibited"),
    (10, "host-prohibited"),
    (13, "admin-prohibited"),
];

const ICMPV6_TYPES: Names = &[
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-listener-query"),
    (131, "mld-listener-report"),
    (132, "mld-listener-done"),
    (133, "nd-router-solicit"),
    (134, "nd-router-advert"),
    (135, "nd-neighbor-solicit"),
    (136, "nd-neighbor-advert"),
    (137, "nd-redirect"),
    (138, "router-renumbering"),
    (141, "ind-neighbor-solicit"),
    (142, "ind-neighbor-advert"),
    (143, "mld2-listener-report"),
];

pub(crate) const ICMPV6_CODES: Names = &[
    (0, "no-route"),
    (1, "admin-prohibited"),
    (3, "addr-unreachable"),
    (4, "port-unreachable"),
    (5, "policy-fail"),
    (6, "reject-route"),
];

pub(crate) const ICMPX_CODES: Names =
    &[(0, "no-route"), (1, "port-unreachable"), (2, "host-unreachable"), (3, "admin-prohibited")];

const ETHER_TYPES: Names = &[(0x0800, "ip"), (0x0806, "arp"), (0x8100, "8021q"), (0x86dd, "ip6"), (0x88a8, "8021ad")];

/// 5 to 7 were of an experiment, and nft has no names for them.
const ARP_OPERATIONS: Names =
    &[(1, "request"), (2, "reply"), (3, "rrequest"), (4, "rreply"), (8, "inrequest"), (9, "inreply"), (10, "nak")];

const FIB_TYPES: Names = &[
    (0, "unspec"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
];

const MH_TYPES: Names = &[
    (0, "binding-refresh-request"),
    (1, "home-test-init"),
    (2, "careof-test-init"),
    (3, "home-test"),
    (4, "careof-test"),
    (5, "binding-update"),
    (6, "binding-acknowledgement"),
    (7, "binding-error"),
    (8, "fast-binding-update"),
    (9, "fast-binding-acknowledgement"),
    (10, "fast-binding-advertisement"),
    (11, "experimental-mobility-header"),
    (12, "home-agent-switch-message"),
];

const DCCP_TYPES: Names = &[
    (0, "request"),
    (1, "response"),
    (2, "data"),
    (3, "ack"),
    (4, "dataack"),
    (5, "closereq"),
    (6, "close"),
    (7, "reset"),
    (8, "sync"),
    (9, "syncack"),
];

const DSCP: Names = &[
    (0, "cs0"),
    (1, "lephb"),
    (8, "cs1"),
    (10, "af11"),
    (12, "af12"),
    (14, "af13"),
    (16, "cs2"),
    (18, "af21"),
    (20, "af22"),
    (22, "af23"),
    (24, "cs3"),
    (26, "af31"),
    (28, "af32"),
    (30, "af33"),
    (32, "cs4"),
    (34, "af41"),
    (36, "af42"),
    (38, "af43"),
    (40, "cs5"),
    (44, "va"),
    (46, "ef"),
    (48, "cs6"),
    (56, "cs7"),
];

const TCP_FLAGS: Names = &[
    (0x01, "fin"),
    (0x02, "syn"),
    (0x04, "rst"),
    (0x08, "psh"),
    (0x10, "ack"),
    (0x20, "urg"),
    (0x40, "ecn"),
    (0x80, "cwr"),
];

const CT_STATES: Names =
    &[(0x01, "invalid"), (0x02, "established"), (0x04, "related"), (0x08, "new"), (0x40, "untracked")];

const CT_STATUS: Names = &[
    (0x01, "expected"),
    (0x02, "seen-reply"),
    (0x04, "assured"),
    (0x08, "confirmed"),
    (0x10, "snat"),
    (0x20, "dnat"),
    (0x200, "dying"),
];

/// The name of a value of a type that is no bit mask.
pub(super) fn value(data_type: DataType, number: u32) -> Option<&'static str> {
    find(names(data_type), number)
}

/// The names of the values of a type that is no bit mask.
pub(crate) fn names(data_type: DataType) -> Names {
    match data_type {
        DataType::InetProto => PROTOCOLS,
        DataType::IcmpType => ICMP_TYPES,
        DataType::IcmpCode => ICMP_CODES,
        DataType::Icmpv6Type => ICMPV6_TYPES,
        DataType::Icmpv6Code => ICMPV6_CODES,
        DataType::EtherType => ETHER_TYPES,
        DataType::ArpOp => ARP_OPERATIONS,
        DataType::FibAddrtype => FIB_TYPES,
        DataType::Dscp => DSCP,
        DataType::Ecn => &[(0, "not-ect"), (1, "ect1"), (2, "ect0"), (3, "ce")],
        DataType::Boolean => &[(0, "missing"), (1, "exists")],
        DataType::CtDir => &[(0, "original"), (1, "reply")],
        DataType::NfProto => &[(2, "ipv4"), (10, "ipv6")],
        DataType::PktType => &[(0, "host"), (1, "broadcast"), (2, "multicast"), (3, "other")],
        DataType::MhType => MH_TYPES,
        DataType::DccpPkttype => DCCP_TYPES,
        DataType::Ipv4Addr
        | DataType::Ipv6Addr
        | DataType::EtherAddr
        | DataType::InetService
        | DataType::TcpFlag
        | DataType::Mark
        | DataType::CtState
        | DataType::CtStatus
        | DataType::Ifname
        | DataType::Uid
        | DataType::Gid
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32
        | DataType::Integer64
        | DataType::Time
        | DataType::Spi => &[],
    }
}

/// The names of the bits of a type that is a bit mask.
pub(crate) fn bits(data_type: DataType) -> Option<Names> {
    match data_type {
        DataType::TcpFlag => Some(TCP_FLAGS),
        DataType::CtState => Some(CT_STATES),
        DataType::CtStatus => Some(CT_STATUS),
        DataType::Ipv4Addr
        | DataType::Ipv6Addr
        | DataType::EtherAddr
        | DataType::EtherType
        | DataType::ArpOp
        | DataType::InetProto
        | DataType::InetService
        | DataType::IcmpType
        | DataType::IcmpCode
        | DataType::Icmpv6Type
        | DataType::Icmpv6Code
        | DataType::Mark
        | DataType::CtDir
        | DataType::Ifname
        | DataType::NfProto
        | DataType::PktType
        | DataType::FibAddrtype
        | DataType::Uid
        | DataType::Gid
        | DataType::Dscp
        | DataType::Ecn
        | DataType::Integer8
        | DataType::Integer16
        | DataType::Integer32
        | DataType::Integer64
        | DataType::Time
        | DataType::MhType
        | DataType::DccpPkttype
        | DataType::Boolean
        | DataType::Spi => None,
    }
}

/// The name of a day of the week.
pub(super) fn day(number: u64) -> Option<&'static str> {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    DAYS.get(usize::try_from(number).ok()?).copied()
}

/// The name of an ICMP destination unreachable code.
pub(super) fn icmp_code(code: u8) -> Option<&'static str> {
    find(ICMP_CODES, u32::from(code))
}

/// The name of an ICMPv6 destination unreachable code.
pub(super) fn icmpv6_code(code: u8) -> Option<&'static str> {
    find(ICMPV6_CODES, u32::from(code))
}

/// The name of a code that is translated by family.
pub(super) fn icmpx_code(code: u8) -> Option<&'static str> {
    find(ICMPX_CODES, u32::from(code))
}

/// The name of one entry of a table of names.
pub(super) fn find(names: &[(u32, &'static str)], number: u32) -> Option<&'static str> {
    names.iter().find(|(named, _)| *named == number).map(|(_, name)| *name)
}

/// The priorities that have a name at a hook.
pub(super) fn priority_names(family: Family, hook: Hook) -> &'static [(&'static str, i32)] {
    match family {
        Family::Inet | Family::Ip | Family::Ip6 => match hook {
            Hook::Prerouting => &[("raw", -300), ("mangle", -150), ("dstnat", -100), ("filter", 0), ("security", 50)],
            Hook::Postrouting => &[("raw", -300), ("mangle", -150), ("filter", 0), ("security", 50), ("srcnat", 100)],
            Hook::Input | Hook::Forward | Hook::Output => {
                &[("raw", -300), ("mangle", -150), ("filter", 0), ("security", 50)]
            }
        },
        Family::Arp => &[("filter", 0)],
        Family::Bridge => match hook {
            Hook::Prerouting => &[("dstnat", -300), ("filter", -200)],
            Hook::Output => &[("filter", -200), ("out", 100)],
            Hook::Postrouting => &[("filter", -200), ("srcnat", 300)],
            Hook::Input | Hook::Forward => &[("filter", -200)],
        },
    }
}
