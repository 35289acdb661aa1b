//! What rules read from a packet.

use std::net::IpAddr;

use super::packet::{Conntrack, Entry, Extension, FlowDirection, Host, Packet, PacketType, Ports, State, Transport};
use crate::ruleset::{CtField, DataType, Datum, ExtensionHeader, Field, Part};

/// The value of a field; none where the packet has no such field, which ends the rule whatever is compared.
pub(super) fn load(field: Field, packet: &Packet, host: &Host) -> Option<Datum> {
    let number = |number: u32| Datum::from_u128(field.data_type(), number.into());
    match field {
        // Without an interface the kernel gives an empty name, which no interface has.
        Field::Iifname => Some(Datum::ifname(packet.input.as_deref().unwrap_or(""))),
        Field::Oifname => Some(Datum::ifname(packet.output.as_deref().unwrap_or(""))),
        Field::NfProto => Some(number(if packet.source.is_ipv4() { 2 } else { 10 })),
        Field::L4Proto => Some(number(u32::from(packet.protocol()))),
        Field::Mark => Some(number(packet.mark)),
        Field::PktType => Some(number(packet_type(packet.packet_type))),
        Field::SkUid => packet.owner.map(|owner| number(owner.uid)),
        Field::SkGid => packet.owner.map(|owner| number(owner.gid)),
        Field::Length => Some(number(packet.length)),
        // The group that interfaces are in, the class of sockets and the realm of routes unless somebody says otherwise.
        Field::Iifgroup => packet.input.is_some().then(|| number(0)),
        Field::Oifgroup => packet.output.is_some().then(|| number(0)),
        Field::Cgroup => packet.owner.map(|_| number(0)),
        Field::Realm => packet.source.is_ipv4().then(|| number(0)),
        // The first processor, and no IPsec.
        Field::Cpu | Field::Ipsec | Field::RtIpsec => Some(number(0)),
        // No socket is known.
        Field::SocketTransparent | Field::SocketWildcard => None,
        // They lie in headers that are not kept.
        Field::EspSpi | Field::AhSpi | Field::AhHdrlength | Field::AhReserved | Field::DccpType => None,
        Field::TcpOptionMaxseg => {
            let size = packet.options.get(&2)?.first_chunk()?;
            (packet.protocol() == 6).then(|| number(u32::from(u16::from_be_bytes(*size))))
        }
        Field::RtType => extension(packet, ExtensionHeader::Rt).map(|found| number(found.kind.into())),
        Field::RtSegLeft => extension(packet, ExtensionHeader::Rt).map(|found| number(found.segments_left.into())),
        Field::RtHdrlength => extension(packet, ExtensionHeader::Rt).map(|found| number(found.length.into())),
        Field::HbhHdrlength => extension(packet, ExtensionHeader::Hbh).map(|found| number(found.length.into())),
        Field::DstHdrlength => extension(packet, ExtensionHeader::Dst).map(|found| number(found.length.into())),
        Field::MhType => extension(packet, ExtensionHeader::Mh).map(|found| number(found.kind.into())),
        Field::EtherSaddr => packet.ether.map(|ether| Datum::from_bytes(field.data_type(), &ether.source)),
        Field::EtherDaddr => packet.ether.map(|ether| Datum::from_bytes(field.data_type(), &ether.destination)),
        Field::EtherType => packet.ether.map(|ether| number(u32::from(ether.ether_type))),
        // Packets are of IP, and frames have no tags.
        Field::VlanId | Field::VlanPcp | Field::VlanType | Field::Arp(_) => None,
        Field::IpSaddr => v4(packet.source),
        Field::IpDaddr => v4(packet.destination),
        Field::IpFragOff => packet.source.is_ipv4().then(|| number(u32::from(packet.fragment))),
        Field::IpDscp => packet.source.is_ipv4().then(|| number(u32::from(packet.dscp))),
        Field::IpEcn => packet.source.is_ipv4().then(|| number(u32::from(packet.ecn))),
        Field::IpTtl => packet.source.is_ipv4().then(|| number(u32::from(packet.ttl))),
        Field::Ip6Saddr => v6(packet.source),
        Field::Ip6Daddr => v6(packet.destination),
        Field::Ip6Dscp => packet.source.is_ipv6().then(|| number(u32::from(packet.dscp))),
        Field::Ip6Ecn => packet.source.is_ipv6().then(|| number(u32::from(packet.ecn))),
        Field::Ip6Hoplimit => packet.source.is_ipv6().then(|| number(u32::from(packet.ttl))),
        Field::ThSport | Field::TcpSport | Field::UdpSport | Field::SctpSport => {
            ports(packet, transport(field)).map(|ports| Datum::port(ports.source))
        }
        Field::ThDport | Field::TcpDport | Field::UdpDport | Field::SctpDport => {
            ports(packet, transport(field)).map(|ports| Datum::port(ports.destination))
        }
        Field::TcpFlags => match header(packet)? {
            Transport::Tcp { flags, .. } => Some(number(u32::from(flags))),
            Transport::Udp(_) | Transport::Sctp(_) | Transport::Icmp { .. } | Transport::Other(_) => None,
        },
        Field::IcmpType => icmp(packet, 1).map(|(icmp_type, _)| number(u32::from(icmp_type))),
        Field::IcmpCode => icmp(packet, 1).map(|(_, code)| number(u32::from(code))),
        Field::Icmpv6Type => icmp(packet, 58).map(|(icmp_type, _)| number(u32::from(icmp_type))),
        Field::Icmpv6Code => icmp(packet, 58).map(|(_, code)| number(u32::from(code))),
        Field::Ct(asked) => connection(asked, packet),
        Field::FibSaddrType => Some(number(host.address_type(packet.source, None))),
        Field::FibDaddrType => Some(number(host.address_type(packet.destination, None))),
        Field::FibDaddrIifType => Some(number(host.address_type(packet.destination, packet.input.as_deref()))),
        Field::FibSaddrIifType => Some(number(host.address_type(packet.source, packet.input.as_deref()))),
        Field::FibSaddrOifType => Some(number(host.address_type(packet.source, packet.output.as_deref()))),
        Field::FibDaddrOifType => Some(number(host.address_type(packet.destination, packet.output.as_deref()))),
        Field::FibSaddrOif | Field::FibSaddrMarkOif => Some(number(u32::from(host.route(packet.source).is_some()))),
        Field::FibSaddrIifOif | Field::FibSaddrMarkIifOif => {
            let leads_back = packet.input.is_some() && host.route(packet.source) == packet.input.as_ref();
            // The simulator's interfaces have no index; what matters is whether there is one.
            Some(number(u32::from(leads_back)))
        }
    }
}

/// Whether a packet may have a field, and nothing is known of it.
pub(super) fn is_untold(field: Field, packet: &Packet) -> bool {
    const OFFSET: u16 = 0x1fff;
    const PARTS: [(&[u8], &[Field]); 4] = [
        (&[6, 17], &[Field::SocketTransparent, Field::SocketWildcard]),
        (&[50], &[Field::EspSpi]),
        (&[51], &[Field::AhSpi, Field::AhHdrlength, Field::AhReserved]),
        (&[33], &[Field::DccpType]),
    ];
    if field == Field::Ct(CtField::Expiration) {
        return entry(packet).is_some();
    }
    let has_part =
        |(protocols, fields): &(&[u8], &[Field])| protocols.contains(&packet.protocol()) && fields.contains(&field);
    packet.fragment & OFFSET == 0 && PARTS.iter().any(has_part)
}

/// What is known of the packet's connection; none where it has none, but for its state.
fn connection(field: CtField, packet: &Packet) -> Option<Datum> {
    let number = |number: u32| Datum::from_u128(field.data_type(), number.into());
    match field {
        CtField::State => Some(number(state(packet.conntrack))),
        CtField::Status => entry(packet).map(|entry| number(entry.status)),
        CtField::Mark => entry(packet).map(|entry| number(entry.mark)),
        CtField::Direction => entry(packet).map(|entry| number(direction(entry.direction))),
        CtField::OriginalIpSaddr => v4(entry(packet)?.original_source),
        CtField::OriginalIpDaddr => v4(entry(packet)?.original_destination),
        CtField::OriginalIp6Saddr => v6(entry(packet)?.original_source),
        CtField::OriginalIp6Daddr => v6(entry(packet)?.original_destination),
        CtField::OriginalProtoSrc => entry(packet).map(|entry| Datum::port(entry.original_ports.source)),
        CtField::OriginalProtoDst => entry(packet).map(|entry| Datum::port(entry.original_ports.destination)),
        CtField::Protocol => entry(packet).map(|_| number(packet.protocol().into())),
        // Nobody says how long the connection is kept.
        CtField::Expiration => None,
        // Nor who read the connection that announced it.
        CtField::Helper => None,
        CtField::ReplyIpSaddr => v4(reply(packet)?.0),
        CtField::ReplyIpDaddr => v4(reply(packet)?.1),
        CtField::ReplyIp6Saddr => v6(reply(packet)?.0),
        CtField::ReplyIp6Daddr => v6(reply(packet)?.1),
        CtField::Bytes | CtField::Avgpkt => entry(packet).map(|_| number(packet.length)),
        CtField::Packets => entry(packet).map(|_| number(1)),
        CtField::OriginalBytes | CtField::OriginalAvgpkt => counted(packet, FlowDirection::Original, packet.length),
        CtField::OriginalPackets => counted(packet, FlowDirection::Original, 1),
        CtField::ReplyBytes | CtField::ReplyAvgpkt => counted(packet, FlowDirection::Reply, packet.length),
        CtField::ReplyPackets => counted(packet, FlowDirection::Reply, 1),
    }
}

/// Whether a packet has a part; nothing where it cannot be asked.
pub(super) fn has(part: Part, packet: &Packet) -> Option<bool> {
    match part {
        Part::ExtensionHeader(header) => packet.source.is_ipv6().then(|| extension(packet, header).is_some()),
        Part::TcpOption(kind) => {
            Some(packet.protocol() == 6 && header(packet).is_some() && packet.options.contains_key(&kind))
        }
        Part::SctpChunk(chunk) => {
            Some(packet.protocol() == 132 && header(packet).is_some() && packet.chunks.contains(&chunk))
        }
    }
}

fn extension(packet: &Packet, header: ExtensionHeader) -> Option<Extension> {
    packet.extensions.iter().find(|found| found.header == header && packet.source.is_ipv6()).copied()
}

/// Source and destination of what goes the other way, with what is translated so far.
fn reply(packet: &Packet) -> Option<(IpAddr, IpAddr)> {
    entry(packet).map(|entry| match entry.direction {
        FlowDirection::Original => (packet.destination, packet.source),
        FlowDirection::Reply => (packet.source, packet.destination),
    })
}

/// What a connection of this packet alone has counted in one direction.
fn counted(packet: &Packet, direction: FlowDirection, count: u32) -> Option<Datum> {
    let count = if entry(packet)?.direction == direction { count } else { 0 };
    Some(Datum::from_u128(DataType::Integer64, count.into()))
}

/// The connection that a packet belongs to.
pub(super) fn entry(packet: &Packet) -> Option<Entry> {
    match packet.conntrack {
        Conntrack::Tracked(entry) => Some(entry),
        Conntrack::Untracked | Conntrack::Invalid => None,
    }
}

/// The transport header; only the first fragment has one.
fn header(packet: &Packet) -> Option<Transport> {
    const OFFSET: u16 = 0x1fff;
    (packet.fragment & OFFSET == 0).then_some(packet.transport)
}

/// The transport protocol whose ports a field means, unless it means those of any.
fn transport(port: Field) -> Option<u8> {
    const OWN: [(u8, [Field; 2]); 3] = [
        (6, [Field::TcpSport, Field::TcpDport]),
        (17, [Field::UdpSport, Field::UdpDport]),
        (132, [Field::SctpSport, Field::SctpDport]),
    ];
    OWN.iter().find(|(_, ports)| ports.contains(&port)).map(|(protocol, _)| *protocol)
}

fn ports(packet: &Packet, protocol: Option<u8>) -> Option<Ports> {
    let is_wanted = protocol.is_none_or(|protocol| protocol == packet.protocol());
    if is_wanted { header(packet)?.ports() } else { None }
}

fn icmp(packet: &Packet, protocol: u8) -> Option<(u8, u8)> {
    match header(packet)? {
        Transport::Icmp { icmp_type, code } if packet.protocol() == protocol => Some((icmp_type, code)),
        Transport::Icmp { .. }
        | Transport::Tcp { .. }
        | Transport::Udp(_)
        | Transport::Sctp(_)
        | Transport::Other(_) => None,
    }
}

fn v4(address: IpAddr) -> Option<Datum> {
    match address {
        IpAddr::V4(address) => Some(Datum::ipv4(address)),
        IpAddr::V6(_) => None,
    }
}

fn v6(address: IpAddr) -> Option<Datum> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(Datum::ipv6(address)),
    }
}

fn state(conntrack: Conntrack) -> u32 {
    match conntrack {
        Conntrack::Invalid => 1,
        Conntrack::Tracked(Entry { state: State::Established, .. }) => 2,
        Conntrack::Tracked(Entry { state: State::Related, .. }) => 4,
        Conntrack::Tracked(Entry { state: State::New, .. }) => 8,
        Conntrack::Untracked => 64,
    }
}

fn direction(direction: FlowDirection) -> u32 {
    match direction {
        FlowDirection::Original => 0,
        FlowDirection::Reply => 1,
    }
}

fn packet_type(packet_type: PacketType) -> u32 {
    match packet_type {
        PacketType::Host => 0,
        PacketType::Broadcast => 1,
        PacketType::Multicast => 2,
        PacketType::Other => 3,
    }
}
