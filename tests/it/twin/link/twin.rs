//! One of the twins: a host with two wires or a bridge with two ports, and what arrives where.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::ruleset::Family;
use nix::errno::Errno;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, send};
use socket2::{Domain, Protocol, Socket, Type};
use watcher::lab::Namespace;

use super::super::router::bind_to;
use super::frames::BRIDGE;

/// Something that is observed, and the wire that is beside all rules.
const CLOCK: &str = "clock";
/// The type of the frames on it: IEEE's second number for experiments.
const CLOCK_TYPE: u16 = 0x88b6;
/// A frame takes as many turns through the queue of a processor as there are wires on its way, and one more to be safe.
const TURNS: u32 = 4;
/// Longer than any turn takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;

/// What came through, where it was seen, and how much was sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Arrived {
    pub(super) sent: usize,
    pub(super) passed: usize,
    seen: BTreeSet<(String, Vec<u8>)>,
}

pub(super) struct Twin {
    pub(super) namespace: Namespace,
    /// The far ends, and the bridge itself.
    ends: Vec<(&'static str, Socket)>,
    clock: [Socket; 2],
    /// Holds the far ends.
    _world: Namespace,
}

impl Arrived {
    /// What only one of the twins let through.
    pub(super) fn difference(&self, other: &Self) -> String {
        let mut text = String::new();
        for (who, one, two) in [("ferm", self, other), ("palisade", other, self)] {
            for (place, bytes) in one.seen.difference(&two.seen).take(5) {
                writeln!(text, "  only by {who}'s rules, at {place}: {bytes:02x?}").unwrap();
            }
        }
        text
    }
}

impl Twin {
    pub(super) fn new(label: &str, family: Family) -> Self {
        let namespace = Namespace::new(label).unwrap();
        let world = Namespace::new(&format!("world of {label}")).unwrap();
        let silent = [("ipv6/conf/all/disable_ipv6", "1"), ("ipv6/conf/default/disable_ipv6", "1")];
        world.sysctl(&silent).unwrap();
        namespace.sysctl(&silent).unwrap();
        // Frames are the bridge's business alone.
        for calls in ["iptables", "ip6tables", "arptables"] {
            // Of kernels that have it.
            let _absent = namespace.sysctl(&[(&format!("bridge/bridge-nf-call-{calls}"), "0")]);
        }
        let path = world.path();
        let names: &[&'static str] = if family == Family::Arp { &["eth0", "eth1"] } else { &["p0", "p1"] };
        let mut lines = String::new();
        for (idx, name) in names.iter().chain([&CLOCK]).enumerate() {
            let near = format!("{name} address 02:00:5e:00:53:f{idx}");
            writeln!(lines, "link add name {near} type veth peer name {name} netns {path}\nlink set dev {name} up")
                .unwrap();
        }
        if family == Family::Arp {
            lines.push_str("addr add 10.0.0.9/8 dev eth0\naddr add 10.0.0.10/32 dev eth1\n");
        } else {
            let bridge = BRIDGE.map(|byte| format!("{byte:02x}")).join(":");
            writeln!(
                lines,
                "link add name br0 address {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
            )
            .unwrap();
            for name in names {
                writeln!(lines, "link set dev {name} master br0").unwrap();
            }
            lines.push_str("link set dev br0 up\n");
        }
        namespace.ip(&lines).unwrap();
        let up = |name: &&str| format!("link set dev {name} arp off\nlink set dev {name} up\n");
        world.ip(&names.iter().chain([&CLOCK]).map(up).collect::<String>()).unwrap();
        if family == Family::Bridge {
            // Otherwise what is sent by one port is taken for being behind it.
            for name in names {
                let mut unlearn = Command::new("bridge");
                namespace.output(unlearn.args(["link", "set", "dev", name, "learning", "off"]), "").unwrap();
            }
        } else {
            namespace.nft(OBSERVER).unwrap();
            // One question without an answer is enough.
            for name in names {
                namespace.sysctl(&[(&format!("ipv4/neigh/{name}/mcast_solicit"), "1")]).unwrap();
            }
        }
        let mut ends: Vec<_> = names.iter().map(|name| (*name, world.run(|| raw(name)).unwrap().unwrap())).collect();
        if family == Family::Bridge {
            ends.push(("br0", namespace.run(|| raw("br0")).unwrap().unwrap()));
        }
        let clock = [world.run(|| raw(CLOCK)).unwrap().unwrap(), namespace.run(|| raw(CLOCK)).unwrap().unwrap()];
        Self { namespace, ends, clock, _world: world }
    }

    /// What a bridge makes of frames that come by a port, and of its own.
    pub(super) fn ask_bridge(&self, wire: &[(&'static str, Vec<u8>)], own: &[Vec<u8>]) -> Arrived {
        let mut arrived = Arrived { sent: wire.len() + own.len(), ..Arrived::default() };
        let all = wire.iter().map(|(port, frame)| (*port, frame)).chain(own.iter().map(|frame| ("br0", frame)));
        for (count, (port, frame)) in all.enumerate() {
            self.send(port, frame);
            // Before the readers have no room left.
            if count % 64 == 63 {
                self.collect(&mut arrived);
            }
        }
        self.collect(&mut arrived);
        let number = |frame: &[u8]| frame.last_chunk::<4>().copied();
        arrived.passed = arrived.seen.iter().filter_map(|(_, frame)| number(frame)).collect::<BTreeSet<_>>().len();
        arrived
    }

    /// Which messages of ARP a host takes, what it answers, and what it asks.
    pub(super) fn ask_arp(&self, frames: &[(&'static str, Vec<u8>)]) -> Arrived {
        let questions = 50..54_u8;
        let mut arrived = Arrived { sent: frames.len() + questions.len(), ..Arrived::default() };
        let asker = self.namespace.run(|| UdpSocket::bind("10.0.0.9:0")).unwrap().unwrap();
        for host in questions {
            // It waits for an answer that never comes.
            let _queued = asker.send_to(&[0], format!("10.0.0.{host}:9"));
        }
        for (count, (interface, frame)) in frames.iter().enumerate() {
            self.send(interface, frame);
            if count % 64 == 63 {
                self.collect(&mut arrived);
            }
        }
        self.collect(&mut arrived);
        let taken = self.namespace.nft_list(&["list", "set", "arp", "observer", "taken"]).unwrap();
        let addresses = taken.split([' ', ',', '\n']).filter(|word| word.starts_with("02:01:"));
        arrived.seen.extend(addresses.map(|address| ("input".to_owned(), address.as_bytes().to_vec())));
        let is_taken = |(place, _): &&(String, Vec<u8>)| place == "input";
        let is_question = |(place, frame): &&(String, Vec<u8>)| place == "eth0" && frame.get(21) == Some(&1);
        arrived.passed = arrived.seen.iter().filter(|seen| is_taken(seen) || is_question(seen)).count();
        arrived
    }

    fn send(&self, end: &str, frame: &[u8]) {
        let (_, socket) = self.ends.iter().find(|(name, _)| *name == end).unwrap();
        match send(socket.as_raw_fd(), frame, MsgFlags::empty()) {
            // What the rules drop at once is refused to the sender.
            Ok(_) | Err(Errno::ENOBUFS | Errno::EPERM) => {}
            Err(errno) => panic!("{errno}"),
        }
    }

    /// Waits until everything has arrived that will, and reads it.
    fn collect(&self, arrived: &mut Arrived) {
        for turn in 0..TURNS {
            let frame = [&[0xff; 6][..], &[2, 2, 0, 0, 0, 0], &CLOCK_TYPE.to_be_bytes(), &turn.to_be_bytes()].concat();
            send(self.clock[0].as_raw_fd(), &frame, MsgFlags::empty()).unwrap();
            let start = Instant::now();
            while !received(&self.clock[1]).iter().any(|found| found.ends_with(&turn.to_be_bytes())) {
                assert!(start.elapsed() < PATIENCE, "the clock stands still");
            }
        }
        for (name, socket) in &self.ends {
            arrived.seen.extend(received(socket).into_iter().map(|frame| ((*name).to_owned(), frame)));
        }
    }
}

/// Notes who sent what passed every rule of INPUT; what it keeps of a frame is the number of the message.
const OBSERVER: &str = "table arp observer {
    set taken { type ether_addr; size 65535; flags dynamic; }
    chain input { type filter hook input priority 1000; policy accept; add @taken { ether saddr }; }
}";

/// A socket for whole frames of an interface.
fn raw(name: &str) -> io::Result<Socket> {
    const BUFFER: usize = 8 << 20;
    /// `ETH_P_ALL`.
    const ALL: u16 = 3;
    let protocol = i32::from(ALL.to_be());
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(protocol)))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(BUFFER)?;
    bind_to(&socket, name)?;
    Ok(socket)
}

/// What is there to be read, without what was only sent.
fn received(socket: &Socket) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut buffer = vec![0; 4096];
    loop {
        match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok((length, from)) => {
                if from.is_none_or(|from| from.pkttype() != OUTGOING) {
                    found.push(buffer[..length].to_vec());
                }
            }
            Err(Errno::EAGAIN | Errno::ENETDOWN) => return found,
            Err(Errno::EINTR) => {}
            Err(errno) => panic!("{errno}"),
        }
    }
}
