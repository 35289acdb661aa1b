//! Packets and the host that they pass through, as far as rules can see them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use super::RuleRef;
use crate::ruleset::{ExtensionHeader, SctpChunk};

/// An IP packet, and what the kernel knows about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// The interface that it came in by; none if a process on the host sent it.
    pub input: Option<Arc<str>>,
    /// The interface that it leaves by, once that is known.
    pub output: Option<Arc<str>>,
    /// Its Ethernet header, where it has one.
    pub ether: Option<Ethernet>,
    /// The source address; of the same family as the destination.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// What follows the network header.
    pub transport: Transport,
    /// Extension headers of IPv6, in order.
    pub extensions: Vec<Extension>,
    /// What follows kind and length of each of TCP's options.
    pub options: BTreeMap<u8, Vec<u8>>,
    /// The chunks of SCTP's.
    pub chunks: Vec<SctpChunk>,
    /// IPv4's flags and fragment offset as they stand in the header; 0 for IPv6. With an offset there are no ports.
    pub fragment: u16,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// 0 to 63.
    pub dscp: u8,
    /// 0 to 3.
    pub ecn: u8,
    /// From the network header on, in bytes.
    pub length: u32,
    /// For whom the frame was.
    pub packet_type: PacketType,
    /// `meta mark`.
    pub mark: u32,
    /// What connection tracking says of it.
    pub conntrack: Conntrack,
    /// User and group of the socket that sent it, on this host.
    pub owner: Option<Owner>,
    /// Rules that are taken to match it in what nobody says of it; others are passed by.
    pub granted: BTreeSet<RuleRef>,
}

/// An Ethernet header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ethernet {
    /// Source address.
    pub source: [u8; 6],
    /// Destination address.
    pub destination: [u8; 6],
    /// For instance 0x0800 for IPv4.
    pub ether_type: u16,
}

/// An extension header of IPv6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extension {
    /// Which.
    pub header: ExtensionHeader,
    /// As it is written: in words of 8 bytes, one less than there are.
    pub length: u8,
    /// The type of a routing header, or of a message about mobility.
    pub kind: u8,
    /// Of a routing header.
    pub segments_left: u8,
}

/// The transport header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Its ports.
        ports: Ports,
        /// Its flags: 1 fin, 2 syn, 4 rst, 8 psh, 16 ack, 32 urg, 64 ecn, 128 cwr.
        flags: u8,
    },
    /// UDP.
    Udp(Ports),
    /// SCTP.
    Sctp(Ports),
    /// ICMP in an IPv4 packet, ICMPv6 in an IPv6 packet.
    Icmp {
        /// Its type.
        icmp_type: u8,
        /// Its code.
        code: u8,
    },
    /// Any other protocol, by its number.
    Other(u8),
}

/// Source and destination port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ports {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
}

/// For whom a frame was; the numbers are the kernel's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PacketType {
    /// For this host.
    Host,
    /// For everyone.
    Broadcast,
    /// For a group.
    Multicast,
    /// For another host.
    Other,
}

/// The socket's owner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// What connection tracking says of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Conntrack {
    /// It was told not to track it.
    Untracked,
    /// It can make nothing of it.
    Invalid,
    /// It belongs to a connection.
    Tracked(Entry),
}

/// A connection, from one packet's view.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// What the packet is to the connection.
    pub state: State,
    /// Bits of `IPS_*`: 1 expected, 2 seen-reply, 4 assured, 8 confirmed, 16 snat, 32 dnat, 512 dying.
    pub status: u32,
    /// `ct mark`.
    pub mark: u32,
    /// Which way the packet goes.
    pub direction: FlowDirection,
    /// Source address of the connection's first packet, before any translation.
    pub original_source: IpAddr,
    /// Its destination address.
    pub original_destination: IpAddr,
    /// Its ports; 0 for protocols without.
    pub original_ports: Ports,
}

/// What a packet is to its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Its first packet, or one more before any answer.
    New,
    /// Packets went both ways.
    Established,
    /// Another connection, or an error, that belongs to one.
    Related,
}

/// Which way a packet goes in its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FlowDirection {
    /// As its first packet.
    Original,
    /// The other way.
    Reply,
}

/// The host: its addresses and its routes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Host {
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Where it sends what is not for itself; the longest prefix wins.
    pub routes: Vec<Route>,
}

/// A network interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses; the first of a family is what masquerading takes.
    pub addresses: Vec<IpAddr>,
    /// Its broadcast addresses.
    pub broadcast: Vec<Ipv4Addr>,
}

/// A route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// Destinations.
    pub to: IpNet,
    /// The interface that leads there.
    pub interface: Arc<str>,
}

impl Packet {
    /// The first packet of a connection, with what is usual in the rest.
    pub fn new(source: IpAddr, destination: IpAddr, transport: Transport) -> Self {
        let entry = Entry {
            state: State::New,
            status: 0,
            mark: 0,
            direction: FlowDirection::Original,
            original_source: source,
            original_destination: destination,
            original_ports: transport.ports().unwrap_or(Ports { source: 0, destination: 0 }),
        };
        Self {
            input: None,
            output: None,
            ether: None,
            source,
            destination,
            transport,
            extensions: Vec::new(),
            options: BTreeMap::new(),
            chunks: Vec::new(),
            fragment: 0,
            ttl: 64,
            dscp: 0,
            ecn: 0,
            length: 60,
            packet_type: PacketType::Host,
            mark: 0,
            conntrack: Conntrack::Tracked(entry),
            owner: None,
            granted: BTreeSet::new(),
        }
    }

    /// The IP protocol number.
    pub fn protocol(&self) -> u8 {
        match self.transport {
            Transport::Tcp { .. } => 6,
            Transport::Udp(_) => 17,
            Transport::Sctp(_) => 132,
            Transport::Icmp { .. } if self.source.is_ipv4() => 1,
            Transport::Icmp { .. } => 58,
            Transport::Other(protocol) => protocol,
        }
    }
}

impl Transport {
    /// A TCP segment that opens a connection.
    pub fn syn(source: u16, destination: u16) -> Self {
        Self::Tcp { ports: Ports { source, destination }, flags: 2 }
    }

    /// A UDP datagram.
    pub fn udp(source: u16, destination: u16) -> Self {
        Self::Udp(Ports { source, destination })
    }

    /// The ports, of protocols that have them.
    pub fn ports(&self) -> Option<Ports> {
        match self {
            Self::Tcp { ports, .. } | Self::Udp(ports) | Self::Sctp(ports) => Some(*ports),
            Self::Icmp { .. } | Self::Other(_) => None,
        }
    }

    pub(super) fn ports_mut(&mut self) -> Option<&mut Ports> {
        match self {
            Self::Tcp { ports, .. } | Self::Udp(ports) | Self::Sctp(ports) => Some(ports),
            Self::Icmp { .. } | Self::Other(_) => None,
        }
    }
}

impl Host {
    /// Whether an address is the host's own.
    pub fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.interfaces.iter().any(|interface| interface.addresses.contains(&address))
    }

    /// The interface that leads to an address which is not the host's own.
    pub fn route(&self, destination: IpAddr) -> Option<&Arc<str>> {
        let matching = self.routes.iter().filter(|route| route.to.contains(&destination));
        matching.max_by_key(|route| route.to.prefix_len()).map(|route| &route.interface)
    }

    /// The first address of an interface in the family of another address.
    pub(super) fn first_address(&self, interface: &str, like: IpAddr) -> Option<IpAddr> {
        let loopback = match like {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let named = self.interfaces.iter().filter(|candidate| *candidate.name == *interface);
        let mut addresses = named.flat_map(|interface| &interface.addresses).copied();
        let first = addresses.find(|address| address.is_ipv4() == like.is_ipv4());
        first.or_else(|| (interface == "lo").then_some(loopback))
    }

    /// The address that masquerading takes: one of the interface, or any that is good outside the host.
    pub(super) fn masquerading_address(&self, interface: &str, like: IpAddr) -> Option<IpAddr> {
        let own = self.first_address(interface, like).filter(|address| !address.is_loopback());
        let mut all = self.interfaces.iter().flat_map(|interface| &interface.addresses).copied();
        own.or_else(|| all.find(|address| address.is_ipv4() == like.is_ipv4() && !address.is_loopback()))
    }

    /// The kernel's number for what an address is to this host (`RTN_*`), or to one of its interfaces.
    pub(super) fn address_type(&self, address: IpAddr, interface: Option<&str>) -> u32 {
        const UNICAST: u32 = 1;
        const LOCAL: u32 = 2;
        const BROADCAST: u32 = 3;
        const MULTICAST: u32 = 5;
        if address.is_multicast() {
            return MULTICAST;
        }
        let mut interfaces = self.interfaces.iter().filter(|candidate| match interface {
            Some(name) => *candidate.name == *name,
            None => true,
        });
        let loopback = address.is_loopback() && interface.is_none_or(|name| name == "lo");
        match address {
            IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0 => BROADCAST,
            _ if loopback => LOCAL,
            IpAddr::V4(v4) => interfaces
                .find_map(|interface| {
                    let local = interface.addresses.contains(&address).then_some(LOCAL);
                    local.or_else(|| interface.broadcast.contains(&v4).then_some(BROADCAST))
                })
                .unwrap_or(UNICAST),
            IpAddr::V6(_) if interfaces.any(|interface| interface.addresses.contains(&address)) => LOCAL,
            IpAddr::V6(_) => UNICAST,
        }
    }
}
