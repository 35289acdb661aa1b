//! One of the twins: a router with many wires, and the world at their other ends.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{MsgFlags, bind, send};
use socket2::{Domain, Protocol, Socket, Type};
use watcher::lab::Namespace;

use super::event::Event;
use super::observer::{LAST_PROTOCOL, Observer};

/// The router's interfaces besides `lo`; a rule about another one never matches.
pub(super) const INTERFACES: [&str; 8] = ["eth0", "eth1", "eth2", "eth10", "ppp0", "a", "b", "br0"];

/// The hardware addresses of every wire's ends: the router's, and the usual one of the world.
pub(super) const NEAR: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 1];
pub(super) const FAR: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 2];

/// How a packet comes to the router.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// By an interface, with these hardware addresses.
    Wire { interface: &'static str, source: [u8; 6], destination: [u8; 6] },
    /// The router sends it.
    Own,
}

/// Where packets go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Routes {
    /// These addresses are the router's own; everything else leaves by its first interface.
    Local(BTreeSet<IpAddr>),
    /// Everything leaves by this interface.
    By(&'static str),
}

/// A router.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) namespace: Namespace,
    observer: Observer,
    wires: Vec<(&'static str, Socket)>,
    own: [Socket; 2],
    indices: Vec<u32>,
    /// How long after each other packets are sent.
    pub(super) pace: Option<Duration>,
    /// Holds the other ends of the wires.
    _world: Namespace,
}

/// Nothing is autoconfigured, filtered by reverse path, taken for a martian or rationed.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/forwarding", "1"),
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/accept_local", "1"),
    ("ipv4/conf/default/accept_local", "1"),
    ("ipv4/conf/all/route_localnet", "1"),
    ("ipv4/conf/default/route_localnet", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv4/icmp_ratemask", "0"),
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv6/icmp/ratemask", "255"),
];

impl Router {
    pub(super) fn new(label: &str) -> Self {
        let namespace = Namespace::new(label).unwrap();
        let world = Namespace::new(&format!("world of {label}")).unwrap();
        namespace.sysctl(SETTINGS).unwrap();
        world.sysctl(&[("ipv6/conf/default/disable_ipv6", "1")]).unwrap();
        let observer = Observer::open(&namespace);
        let (near, far, path) = (hardware(NEAR), hardware(FAR), world.path());
        let mut lines = String::new();
        for (idx, name) in INTERFACES.iter().enumerate() {
            let link = format!("{name} address {near} type veth peer name {name} address {far} netns {path}");
            writeln!(lines, "link add name {link}\nlink set dev {name} arp off up").unwrap();
            writeln!(lines, "link set dev {name} group {idx}").unwrap();
            writeln!(lines, "addr add 10.99.{idx}.1/24 dev {name}").unwrap();
            writeln!(lines, "addr add fd99:{idx}::1/64 dev {name} nodad").unwrap();
        }
        namespace.ip(&lines).unwrap();
        world.ip(&INTERFACES.map(|name| format!("link set dev {name} up\n")).concat()).unwrap();
        let wires = INTERFACES.map(|name| (name, world.run(|| wire(name)).unwrap().unwrap())).into();
        let own = [Domain::IPV4, Domain::IPV6].map(|domain| namespace.run(|| raw(domain)).unwrap().unwrap());
        let index = |name: &str| if_nametoindex(name).unwrap();
        let indices = namespace.run(|| INTERFACES.map(index).to_vec()).unwrap();
        Self { namespace, observer, wires, own, indices, pace: None, _world: world }
    }

    /// Sends packets, each on its way, and says what all of them caused.
    pub(super) fn send<'a>(&self, packets: impl Iterator<Item = (&'a Way, &'a [u8])>) -> Vec<Event> {
        for (way, packet) in packets {
            self.pace.into_iter().for_each(std::thread::sleep);
            match way {
                Way::Wire { interface, source, destination } => {
                    let kind: [u8; 2] = if packet[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
                    let frame = [&destination[..], source, &kind, packet].concat();
                    self.send_frame(interface, &frame);
                }
                Way::Own => self.send_own(packet),
            }
        }
        let mut last = [2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 8, 0].to_vec();
        last[..6].copy_from_slice(&NEAR);
        let body = watcher::lab::Body::Other(LAST_PROTOCOL, b"last".to_vec());
        let (source, destination) = ([10, 99, 0, 2].into(), [10, 99, 0, 1].into());
        last.extend(watcher::lab::Crafted::new(source, destination, body).encode());
        self.send_frame("eth0", &last);
        self.observer.until_last()
    }

    /// The indices of [`INTERFACES`].
    pub(super) fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Sets the routes for both families.
    pub(super) fn route(&self, routes: &Routes) {
        let by = match routes {
            Routes::Local(_) => "eth0",
            Routes::By(interface) => interface,
        };
        for (option, is_v4) in [("-4", true), ("-6", false)] {
            let mut lines = format!("route replace default dev {by}\nroute flush table local proto 77\n");
            if let Routes::Local(addresses) = routes {
                let of_family = addresses.iter().filter(|address| address.is_ipv4() == is_v4);
                for address in of_family.filter(|address| can_be_added(**address)) {
                    writeln!(lines, "route replace local {address} dev lo table local proto 77").unwrap();
                }
            }
            self.namespace.output(Command::new("ip").args([option, "-batch", "-"]), &lines).unwrap();
        }
    }

    fn send_frame(&self, interface: &str, frame: &[u8]) {
        let (_, socket) = self.wires.iter().find(|(name, _)| *name == interface).unwrap();
        send(socket.as_raw_fd(), frame, MsgFlags::empty()).unwrap();
    }

    fn send_own(&self, packet: &[u8]) {
        let (socket, destination) = if packet[0] >> 4 == 4 {
            (&self.own[0], IpAddr::from(<[u8; 4]>::try_from(&packet[16..20]).unwrap()))
        } else {
            (&self.own[1], IpAddr::from(<[u8; 16]>::try_from(&packet[24..40]).unwrap()))
        };
        // What the rules drop is refused to the sender; what has no route is sent by neither twin.
        let _dropped = socket.send_to(packet, &SocketAddr::new(destination, 0).into());
    }
}

/// Whether an address can be made the router's own: not what it has anyway, and no multicast.
fn can_be_added(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            (first, second) != (10, 99) && (1..224).contains(&first) && first != 127
        }
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            first != 0xfd99 && first >> 8 != 0xff && !address.is_loopback() && !address.is_unspecified()
        }
    }
}

fn hardware(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

/// A socket that sends frames by one interface.
fn wire(name: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    bind_to(&socket, name)?;
    Ok(socket)
}

/// Binds a socket of whole frames to an interface; it receives what it was made for.
pub(super) fn bind_to(socket: &Socket, name: &str) -> io::Result<()> {
    let address = getifaddrs()?
        .filter(|found| found.interface_name == name)
        .find_map(|found| found.address.and_then(|address| address.as_link_addr().copied()))
        .ok_or(io::ErrorKind::NotFound)?;
    bind(socket.as_raw_fd(), &address)?;
    Ok(())
}

/// A socket whose packets bring their network header.
fn raw(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(255)))?;
    socket.set_broadcast(true)?;
    Ok(socket)
}
