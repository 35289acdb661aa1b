//! The constants of a rule as packets that match it and packets beside them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::parts;
use super::router::{INTERFACES, NEAR};
use super::rules::Match;

/// Classes of service among which every bit is once set and once not, with ECN in each of its forms.
const CLASSES: [u8; 6] = [0x00, 0x01, 0x12, 0x5b, 0xa4, 0xff];

/// One property of a packet, changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Edit {
    Source(IpAddr),
    Destination(IpAddr),
    Input(String),
    Output(String),
    Protocol(u8),
    SourcePort(u16),
    DestinationPort(u16),
    Icmp(u8, u8),
    Flags(u8),
    Class(u8),
    Hops(u8),
    /// Of the whole packet.
    Length(u16),
    SourceHardware([u8; 6]),
    DestinationHardware([u8; 6]),
    /// TCP's maximum segment size.
    SegmentSize(u16),
    /// Of an IPsec association.
    Association(u16),
    /// Extension headers of IPv6.
    Extensions(Vec<(u8, Vec<u8>)>),
    /// One more option of TCP's.
    TcpOption(u8),
    /// No segment size in a SYN.
    Sizeless,
    /// Chunks of SCTP's.
    Chunks(Vec<u8>),
    DccpType(u8),
    AuthenticationLength(u8),
    AuthenticationReserved(u16),
    /// The type of a message about mobility.
    Mobility(u8),
}

/// Packets on either side of an option.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Sides {
    pub(super) inside: Vec<Edit>,
    pub(super) outside: Vec<Edit>,
}

impl From<Vec<Edit>> for Sides {
    /// Packets of which it is not said on which side they are.
    fn from(edits: Vec<Edit>) -> Self {
        Self { inside: edits.clone(), outside: edits }
    }
}

/// What an option asks for; both sides empty for what no property of a packet decides.
pub(super) fn sides(found: &Match, is_v4: bool) -> Sides {
    let word = found.words.first().map_or("", String::as_str);
    let sides = match found.option.as_str() {
        "source" | "ctorigsrc" | "ctrepldst" => network(word, Edit::Source),
        "destination" | "ctorigdst" | "ctreplsrc" => network(word, Edit::Destination),
        "src-range" => addresses(word, Edit::Source),
        "dst-range" => addresses(word, Edit::Destination),
        "in-interface" => interface(word, Edit::Input),
        "out-interface" => interface(word, Edit::Output),
        "protocol" | "ctproto" => protocol(word),
        "sport" | "source-ports" | "ctorigsrcport" => ports(word, Edit::SourcePort),
        "dport" | "destination-ports" | "ctorigdstport" => ports(word, Edit::DestinationPort),
        "ports" => {
            let mut both = ports(word, Edit::DestinationPort);
            both.inside.extend(ports(word, Edit::SourcePort).inside);
            both
        }
        "icmp-type" | "icmpv6-type" => icmp(word, is_v4),
        "syn" => flags(0x17, 0x02),
        "tcp-flags" => flags(flag_bits(word), flag_bits(found.words.get(1).map_or("", String::as_str))),
        "ttl-eq" | "hl-eq" => numbers(word, 1, 255, |hops| Edit::Hops(hops.to_be_bytes()[1])),
        "ttl-lt" | "hl-lt" => {
            numbers(&format!("1:{}", number(word).saturating_sub(1)), 1, 255, |hops| Edit::Hops(hops.to_be_bytes()[1]))
        }
        "ttl-gt" | "hl-gt" => {
            numbers(&format!("{}:255", number(word) + 1), 1, 255, |hops| Edit::Hops(hops.to_be_bytes()[1]))
        }
        "dscp" => numbers(word, 0, 63, |value| Edit::Class(value.to_be_bytes()[1] << 2)),
        "tos" => {
            let mut sides =
                numbers(word.split('/').next().unwrap_or(word), 0, 255, |value| Edit::Class(value.to_be_bytes()[1]));
            sides.outside.extend(CLASSES.map(Edit::Class));
            sides
        }
        "ecn-tcp-cwr" => Sides { inside: vec![Edit::Flags(0x82), Edit::Flags(0xc2)], outside: vec![Edit::Flags(0x42)] },
        "ecn-tcp-ece" => Sides { inside: vec![Edit::Flags(0xc2), Edit::Flags(0x42)], outside: vec![Edit::Flags(0x82)] },
        "espspi" | "ahspi" => numbers(word, 0, u16::MAX, Edit::Association),
        "src-group" => group(word, Edit::Input),
        "dst-group" => group(word, Edit::Output),
        "ecn-ip-ect" => numbers(word, 0, 3, |value| Edit::Class(value.to_be_bytes()[1])),
        "length" => numbers(word, 80, 400, Edit::Length),
        "mss" => {
            let mut sides = numbers(word, 1, 9000, Edit::SegmentSize);
            sides.outside.push(Edit::Sizeless);
            sides
        }
        "tcp-option" => {
            let kind = number(word).to_be_bytes()[1];
            Sides { inside: vec![Edit::TcpOption(kind)], outside: vec![Edit::TcpOption(kind ^ 0x40), Edit::Sizeless] }
        }
        "rt-type" | "rt-segsleft" | "rt-len" | "hbh-len" | "dst-len" | "header" => {
            // One side as good as the other: all the kinds of headers that the routers let through.
            Sides { inside: parts::extensions(), outside: parts::extensions() }
        }
        "chunk-types" => parts::chunks(),
        "dccp-types" => (0..=10).map(Edit::DccpType).collect::<Vec<_>>().into(),
        "mh-type" => (0..=9).map(Edit::Mobility).collect::<Vec<_>>().into(),
        "ahlen" => [0, 3, 4, 5].map(Edit::AuthenticationLength).to_vec().into(),
        "ahres" => vec![Edit::AuthenticationReserved(1), Edit::AuthenticationReserved(0)].into(),
        "mac-source" => hardware(word),
        "pkt-type" => cast(word),
        _ => Sides::default(),
    };
    if found.negated { Sides { inside: sides.outside, outside: sides.inside } } else { sides }
}

/// Packets on either side of what a target changes.
pub(super) fn changed(told: &Match, is_v4: bool) -> Vec<Edit> {
    let word = told.words.first().map_or("", String::as_str);
    let Sides { inside, outside } = match told.option.as_str() {
        "set-mss" => numbers(word, 1, 9000, Edit::SegmentSize),
        // What the routers' interfaces carry: 1500 bytes with the headers.
        "clamp-mss-to-pmtu" => numbers(if is_v4 { "1460" } else { "1440" }, 1, 9000, Edit::SegmentSize),
        "set-dscp" | "set-dscp-class" | "set-tos" | "and-tos" | "or-tos" | "xor-tos" => {
            Sides { inside: CLASSES.iter().map(|class| Edit::Class(*class)).collect(), outside: Vec::new() }
        }
        "ttl-set" | "hl-set" => numbers(word, 2, 255, |hops| Edit::Hops(hops.to_be_bytes()[1])),
        _ => Sides::default(),
    };
    inside.into_iter().chain(outside).collect()
}

fn network(word: &str, edit: fn(IpAddr) -> Edit) -> Sides {
    let network = match word.split_once('/') {
        Some((address, mask)) if mask.contains(['.', ':']) => {
            let both = address.parse::<IpAddr>().ok().zip(mask.parse::<IpAddr>().ok());
            both.and_then(|(address, mask)| IpNet::with_netmask(address, mask).ok())
        }
        Some(_) => word.parse().ok(),
        None => word.parse::<IpAddr>().ok().map(IpNet::from),
    };
    let Some(network) = network else { return Sides::default() };
    let (low, high) = match network {
        IpNet::V4(network) => (network.network().into(), network.broadcast().into()),
        IpNet::V6(network) => (network.network().into(), network.broadcast().into()),
    };
    between(low, high, edit)
}

fn addresses(word: &str, edit: fn(IpAddr) -> Edit) -> Sides {
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) => between(low, high, edit),
        _ => Sides::default(),
    }
}

/// The second of a range first: the first may be a network's own address, which no packet comes from.
fn between(low: IpAddr, high: IpAddr, edit: fn(IpAddr) -> Edit) -> Sides {
    let second = step(low, 1).filter(|second| *second < high).unwrap_or(low);
    let mut inside = vec![second, low, high];
    inside.dedup();
    let outside = [step(low, -1), step(high, 1)].into_iter().flatten();
    Sides { inside: inside.into_iter().map(edit).collect(), outside: outside.map(edit).collect() }
}

fn step(address: IpAddr, by: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add_signed(by.into()).map(Ipv4Addr::from_bits).map(IpAddr::V4),
        IpAddr::V6(address) => address.to_bits().checked_add_signed(by.into()).map(Ipv6Addr::from_bits).map(IpAddr::V6),
    }
}

fn interface(word: &str, edit: fn(String) -> Edit) -> Sides {
    let matches = |name: &str| match word.strip_suffix('+') {
        Some(beginning) => name.starts_with(beginning),
        None => name == word,
    };
    let all = INTERFACES.into_iter().chain(["lo"]);
    let (inside, outside): (Vec<&str>, Vec<&str>) = all.partition(|name| matches(name));
    let few = |names: Vec<&str>| names.into_iter().take(2).map(str::to_owned).map(edit).collect();
    Sides { inside: few(inside), outside: few(outside) }
}

/// Interfaces are in groups by their place among [`INTERFACES`].
fn group(word: &str, edit: fn(String) -> Edit) -> Sides {
    let (value, mask) =
        word.split_once('/').map_or((number(word), u16::MAX), |(value, mask)| (number(value), number(mask)));
    let (inside, outside): (Vec<_>, Vec<_>) =
        (0..).zip(INTERFACES).partition(|(group, _): &(u16, &str)| group & mask == value);
    let few = |names: Vec<(u16, &str)>| names.into_iter().take(2).map(|(_, name)| edit(name.to_owned())).collect();
    Sides { inside: few(inside), outside: few(outside) }
}

fn protocol(word: &str) -> Sides {
    let Some(number) = protocol_number(word) else { return Sides::default() };
    let outside = [6, 17, 47].into_iter().filter(|other| *other != number).take(2);
    Sides { inside: vec![Edit::Protocol(number)], outside: outside.map(Edit::Protocol).collect() }
}

fn protocol_number(word: &str) -> Option<u8> {
    const NAMES: [(&str, u8); 17] = [
        ("icmp", 1),
        ("igmp", 2),
        ("ipencap", 4),
        ("tcp", 6),
        ("udp", 17),
        ("dccp", 33),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("icmpv6", 58),
        ("ipv6-icmp", 58),
        ("ospf", 89),
        ("pim", 103),
        ("vrrp", 112),
        ("sctp", 132),
        ("mh", 135),
        ("udplite", 136),
    ];
    word.parse()
        .ok()
        .filter(|number| *number != 0)
        .or_else(|| NAMES.iter().find(|(name, _)| *name == word).map(|(_, number)| *number))
}

fn ports(word: &str, edit: fn(u16) -> Edit) -> Sides {
    let mut sides = Sides::default();
    let port = |word: &str| {
        const NAMES: [(&str, u16); 7] =
            [("ssh", 22), ("smtp", 25), ("domain", 53), ("http", 80), ("ntp", 123), ("https", 443), ("syslog", 514)];
        word.parse().ok().or_else(|| NAMES.iter().find(|(name, _)| *name == word).map(|(_, port)| *port))
    };
    for part in word.split(',') {
        let (low, high) = part.split_once(':').unwrap_or((part, part));
        let low = if low.is_empty() { Some(0) } else { port(low) };
        let high = if high.is_empty() { Some(u16::MAX) } else { port(high) };
        let (Some(low), Some(high)) = (low, high) else { continue };
        sides.inside.extend([low, high].map(edit));
        sides.inside.dedup();
        sides.outside.extend([low.checked_sub(1), high.checked_add(1)].into_iter().flatten().map(edit));
    }
    sides
}

/// The types of which names are used, with their codes if they have one.
fn icmp(word: &str, is_v4: bool) -> Sides {
    const V4: [(&str, u8, Option<u8>); 14] = [
        ("any", 8, None),
        ("echo-reply", 0, None),
        ("pong", 0, None),
        ("destination-unreachable", 3, None),
        ("network-unreachable", 3, Some(0)),
        ("host-unreachable", 3, Some(1)),
        ("port-unreachable", 3, Some(3)),
        ("fragmentation-needed", 3, Some(4)),
        ("redirect", 5, None),
        ("echo-request", 8, None),
        ("ping", 8, None),
        ("time-exceeded", 11, None),
        ("ttl-zero-during-transit", 11, Some(0)),
        ("parameter-problem", 12, None),
    ];
    const V6: [(&str, u8, Option<u8>); 14] = [
        ("destination-unreachable", 1, None),
        ("no-route", 1, Some(0)),
        ("port-unreachable", 1, Some(4)),
        ("packet-too-big", 2, None),
        ("time-exceeded", 3, None),
        ("parameter-problem", 4, None),
        ("bad-header", 4, Some(0)),
        ("echo-request", 128, None),
        ("echo-reply", 129, None),
        ("router-solicitation", 133, None),
        ("router-advertisement", 134, None),
        ("neighbour-solicitation", 135, None),
        ("neighbour-advertisement", 136, None),
        ("redirect", 137, None),
    ];
    let names: &[_] = if is_v4 { &V4 } else { &V6 };
    let found = names.iter().find(|(name, ..)| *name == word).map(|(_, kind, code)| (*kind, *code)).or_else(|| {
        let (kind, code) = word.split_once('/').map_or((word, None), |(kind, code)| (kind, Some(code)));
        Some((kind.parse().ok()?, code.map(str::parse).transpose().ok()?))
    });
    let Some((kind, code)) = found else { return Sides::default() };
    let other = [kind.wrapping_add(1), kind.wrapping_sub(1)].map(|kind| Edit::Icmp(kind, code.unwrap_or(0)));
    let beside = Edit::Icmp(kind, code.unwrap_or(0).wrapping_add(1));
    let mut sides = Sides { inside: vec![Edit::Icmp(kind, code.unwrap_or(0))], outside: other.into() };
    match code {
        None => sides.inside.push(beside),
        Some(_) => sides.outside.push(beside),
    }
    sides
}

fn flag_bits(word: &str) -> u8 {
    const NAMES: [(&str, u8); 8] =
        [("FIN", 1), ("SYN", 2), ("RST", 4), ("PSH", 8), ("ACK", 16), ("URG", 32), ("ALL", 63), ("NONE", 0)];
    word.split(',').filter_map(|part| NAMES.iter().find(|(name, _)| *name == part)).fold(0, |bits, (_, bit)| bits | bit)
}

fn flags(mask: u8, wanted: u8) -> Sides {
    let beyond = !mask & 0x3f;
    let flipped = (0..6).map(|bit| 1 << bit).filter(|bit| mask & bit != 0);
    Sides {
        inside: vec![Edit::Flags(wanted), Edit::Flags(wanted | beyond)],
        outside: flipped.map(|bit| Edit::Flags(wanted ^ bit)).collect(),
    }
}

fn number(word: &str) -> u16 {
    let parsed = word.strip_prefix("0x").map_or_else(|| word.parse().ok(), |hex| u16::from_str_radix(hex, 16).ok());
    parsed.unwrap_or_default()
}

/// A number or `LOW:HIGH` within these bounds.
fn numbers(word: &str, least: u16, most: u16, edit: fn(u16) -> Edit) -> Sides {
    let (low, high) = word.split_once(':').unwrap_or((word, word));
    let low = number(low);
    let high = if high.is_empty() { most } else { number(high) };
    let is_possible = |value: &u16| (least..=most).contains(value);
    let inside = [low.max(least), high.min(most)].into_iter().filter(|value| (low..=high).contains(value));
    let outside = [low.checked_sub(1), high.checked_add(1)].into_iter().flatten();
    let mut sides = Sides {
        inside: inside.filter(is_possible).map(edit).collect(),
        outside: outside.filter(is_possible).map(edit).collect(),
    };
    sides.inside.dedup();
    sides
}

fn hardware(word: &str) -> Sides {
    let bytes: Vec<u8> = word.split(':').filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    let Ok(address) = <[u8; 6]>::try_from(bytes) else { return Sides::default() };
    let mut other = address;
    other[5] ^= 1;
    Sides { inside: vec![Edit::SourceHardware(address)], outside: vec![Edit::SourceHardware(other)] }
}

fn cast(word: &str) -> Sides {
    let kinds = [
        (["unicast", "host"], NEAR),
        (["broadcast", "bcast"], [0xff; 6]),
        (["multicast", "mcast"], [1, 0, 0x5e, 0, 0, 1]),
    ];
    let (inside, outside): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|(names, _)| names.contains(&word));
    let edits = |kinds: Vec<([&str; 2], [u8; 6])>| {
        kinds.into_iter().map(|(_, address)| Edit::DestinationHardware(address)).collect()
    };
    Sides { inside: edits(inside), outside: edits(outside) }
}
