//! Client, router and server, and the traffic between them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use watcher::lab::Namespace;

use super::super::cost;
use super::rules::{CLIENT, Load, PORT, SERVER};

/// Payload of every UDP packet.
const PAYLOAD: [u8; 64] = [0x70; 64];

/// How many packets are sent between two looks at the clock.
const STRIDE: u32 = 16;

/// The most that a namespace allows by default (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// `IPPROTO_RAW`: whoever sends brings the IP header along.
const RAW: i32 = 255;

/// What connects cost.
#[derive(Debug)]
pub(super) struct Connects {
    /// Processor time of all.
    pub(super) spent: Duration,
    /// How long each took by the clock.
    pub(super) waits: Vec<Duration>,
}

/// Three namespaces in a row, the one in the middle with rules.
#[derive(Debug)]
pub(super) struct Lab {
    client: Namespace,
    server: Namespace,
    router: Namespace,
    listener: TcpListener,
    /// The source of the next new flow.
    next_source: AtomicU32,
}

impl Lab {
    /// Builds it and loads the rules.
    pub(super) fn new(load: &Load) -> Self {
        let [client, router, server] = ["client", "router", "server"].map(|label| Namespace::new(label).unwrap());
        for namespace in [&client, &router, &server] {
            namespace.sysctl(&[("ipv6/conf/all/disable_ipv6", "1"), ("ipv4/conf/all/rp_filter", "0")]).unwrap();
        }
        router.sysctl(&[("ipv4/ip_forward", "1")]).unwrap();
        router
            .ip(&format!(
                "link add c address ee:0:0:0:0:1 type veth peer name eth0 address ee:0:0:0:0:2 netns {}\n\
             link add s address ee:0:0:0:0:3 type veth peer name eth0 address ee:0:0:0:0:4 netns {}\n\
             link set c up\nlink set s up\naddr add 10.9.1.1/24 dev c\naddr add 10.9.2.1/24 dev s\n\
             neigh add {CLIENT} lladdr ee:0:0:0:0:2 dev c nud permanent\n\
             neigh add {SERVER} lladdr ee:0:0:0:0:4 dev s nud permanent\n",
                client.path(),
                server.path(),
            ))
            .unwrap();
        for (namespace, address, gateway, hardware) in
            [(&client, CLIENT, "10.9.1.1", "ee:0:0:0:0:1"), (&server, SERVER, "10.9.2.1", "ee:0:0:0:0:3")]
        {
            namespace
                .ip(&format!(
                    "addr add {address}/24 dev eth0\nlink set eth0 up\n\
                     neigh add {gateway} lladdr {hardware} dev eth0 nud permanent\nroute add default via {gateway}\n"
                ))
                .unwrap();
        }
        // Nobody answers, not even by an ICMP error.
        let silence = format!(
            "table ip silence {{ chain in {{ type filter hook prerouting priority -300; udp dport {PORT} drop; }}; }}"
        );
        server.nft(&silence).unwrap();
        load_rules(&router, load);
        forget_soon(&router);
        let listener = server.run(listen).unwrap();
        Self { client, server, router, listener, next_source: AtomicU32::new(0) }
    }

    /// The router's rules give way to others.
    pub(super) fn reload(&self, text: &str) {
        self.router.nft(&format!("flush ruleset\n{text}")).unwrap();
        forget_soon(&self.router);
    }

    /// Packets of one flow for so long, and how many.
    pub(super) fn one_flow(&self, burst: Duration) -> (Duration, u32) {
        let send = || {
            let socket = UdpSocket::bind((CLIENT, 0)).unwrap();
            socket.connect((SERVER, PORT)).unwrap();
            // The flow is known from here on.
            assert_eq!(socket.send(&PAYLOAD).unwrap(), PAYLOAD.len());
            self.counted(|count| {
                let start = cost::thread_time();
                loop {
                    for _ in 0..STRIDE {
                        socket.send(&PAYLOAD).unwrap();
                    }
                    *count += STRIDE;
                    let spent = cost::thread_time().saturating_sub(start);
                    if spent >= burst {
                        return spent;
                    }
                }
            })
        };
        self.client.run(send).unwrap()
    }

    /// So many packets, each from a source of its own, or fewer if that takes too long.
    pub(super) fn new_flows(&self, n_flows: u32, burst: Duration) -> (Duration, u32) {
        let send = || {
            let socket = raw_socket();
            let to = SocketAddr::from((SERVER, PORT)).into();
            let mut packet = udp_packet();
            self.counted(|count| {
                let start = cost::thread_time();
                loop {
                    for _ in 0..STRIDE {
                        self.give_source(&mut packet);
                        socket.send_to(&packet, &to).unwrap();
                    }
                    *count += STRIDE;
                    let spent = cost::thread_time().saturating_sub(start);
                    if *count >= n_flows || spent >= burst {
                        return spent;
                    }
                }
            })
        };
        self.client.run(send).unwrap()
    }

    /// How many of so many packets from this source to this port of the server arrive.
    pub(super) fn arriving(&self, n_packets: u32, source: Ipv4Addr, port: u16) -> u32 {
        let mut packet = udp_packet();
        packet[12..16].copy_from_slice(&source.octets());
        packet[22..24].copy_from_slice(&port.to_be_bytes());
        let send = || {
            let socket = raw_socket();
            let before = self.received();
            for number in 0..n_packets {
                packet[20..22].copy_from_slice(&u16::try_from(1024 + number).unwrap().to_be_bytes());
                socket.send_to(&packet, &SocketAddr::from((SERVER, port)).into()).unwrap();
            }
            self.received() - before
        };
        u32::try_from(self.client.run(send).unwrap()).unwrap()
    }

    /// So many connects, or fewer if that takes too long.
    pub(super) fn connects(&self, n_connects: usize, burst: Duration) -> Connects {
        let connect = || {
            let mut streams = Vec::with_capacity(n_connects);
            let mut waits = Vec::with_capacity(n_connects);
            let start = cost::thread_time();
            let mut spent = Duration::ZERO;
            while streams.len() < n_connects && spent < burst {
                let asked = Instant::now();
                streams.push(TcpStream::connect(SocketAddrV4::new(SERVER, PORT)).unwrap());
                waits.push(asked.elapsed());
                spent = cost::thread_time().saturating_sub(start);
            }
            for stream in &streams {
                SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            Connects { spent, waits }
        };
        let result = self.client.run(connect).unwrap();
        let n_accepted = std::iter::from_fn(|| self.listener.accept().ok()).count();
        assert_eq!(n_accepted, result.waits.len(), "the server does not know of every connect");
        result
    }

    /// Holds the sender's count against the server's: a packet that was lost on the way has not cost the whole way.
    fn counted(&self, send: impl FnOnce(&mut u32) -> Duration) -> (Duration, u32) {
        let before = self.received();
        let mut count = 0;
        let spent = send(&mut count);
        let arrived = self.received() - before;
        let expected = u64::from(count);
        assert!(arrived.abs_diff(expected) * 100 <= expected, "sent {expected}, arrived {arrived}");
        (spent, count)
    }

    /// Packets that have come in at the server.
    fn received(&self) -> u64 {
        let text = self.server.run(|| fs::read_to_string("/proc/thread-self/net/dev")).unwrap().unwrap();
        let line = text.lines().find_map(|line| line.trim_start().strip_prefix("eth0:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The next of 14 million sources.
    fn give_source(&self, packet: &mut [u8]) {
        let n = self.next_source.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(1024 + n % 60_000).unwrap();
        let host = u8::try_from(3 + n / 60_000 % 240).unwrap();
        packet[12..16].copy_from_slice(&Ipv4Addr::new(10, 9, 1, host).octets());
        packet[20..22].copy_from_slice(&port.to_be_bytes());
    }
}

/// Entries of one round are gone before the next.
fn forget_soon(router: &Namespace) {
    for timeout in ["nf_conntrack_udp_timeout", "nf_conntrack_tcp_timeout_close"] {
        // Without rules that ask for it there is no conntrack in the namespace.
        let _absent = router.sysctl(&[(&format!("netfilter/{timeout}"), "1")]);
    }
}

/// A server whose queue has room for every connect of a burst.
fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((SERVER, PORT)).into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

fn raw_socket() -> Socket {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW))).unwrap()
}

/// An IPv4 header whose lengths and checksum the kernel fills in, a UDP header without a checksum, and the payload.
fn udp_packet() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(CLIENT.octets());
    packet.extend(SERVER.octets());
    packet.extend([0, 0]);
    packet.extend(PORT.to_be_bytes());
    packet.extend(u16::try_from(8 + PAYLOAD.len()).unwrap().to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(PAYLOAD);
    packet
}

fn load_rules(router: &Namespace, load: &Load) {
    match load {
        Load::Nothing => {}
        Load::Nft(text) => router.nft(text).unwrap(),
        Load::Programs(steps) => {
            for (program, arguments, input) in steps {
                router.output(Command::new(program).args(*arguments), input).unwrap();
            }
        }
        Load::Ours(ruleset) => router.run(|| super::super::load::netlink(ruleset)).unwrap(),
    }
}
