//! Connections that a router takes over, where somebody listens and where the client answers: in a router with ferm's
//! rules and in one with palisade's.

use std::net::IpAddr;

use socket2::{Domain, SockAddr, Socket, Type};
use watcher::lab::{Body, Crafted, Segment, flags};

use super::can_compare;
use super::configurations::Configuration;
use super::event::{Event, FIRST_SEQUENCE, Hook, SEQUENCES};
use super::ferm::{self, Backend};
use super::pair::Pair;
use super::router::{FAR, NEAR, Routes, Way};

/// The port on which somebody listens for whatever address, and one on which nobody does.
const LISTENING: u16 = 3128;

const TAKEN: &str = "domain (ip ip6) table mangle chain PREROUTING {
    proto tcp dport 80 TPROXY on-port 3128 tproxy-mark 0x1/0x1;
    proto tcp dport 81 TPROXY on-port 3129 tproxy-mark 0x1/0x1;
}
";

const OPENED: &str = "domain ip chain FORWARD {
    proto tcp dport 80 SYNPROXY mss 1400 wscale 3 sack-perm;
    proto tcp dport 81 DROP;
}
";

/// Each bit of the mark says what one question was answered.
const ASKED: &str = "domain (ip ip6) table mangle chain PREROUTING {
    mod socket MARK set-mark 1/1;
    mod socket nowildcard MARK set-mark 2/2;
    mod socket transparent MARK set-mark 4/4;
    mod socket transparent nowildcard MARK set-mark 8/8;
}
";

/// Ports of sockets that are bound to the server's address: of one that takes packets to any address, and of one that does
/// not.
const TRANSPARENT: u16 = 3129;
const PLAIN: u16 = 3130;

/// Loads a text into both routers by either backend, and asks each family.
fn each(text: &str, test: &str, families: &[bool], mut ask: impl FnMut(&Pair, u32, bool)) {
    let folder = std::env::temp_dir().join(format!("palisade-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("t.ferm");
    std::fs::write(&path, text).unwrap();
    let configuration = Configuration { name: test.to_owned(), path: path.clone() };
    let expanded = ferm::expand(&[path]).remove(0).unwrap();
    let pair = Pair::new();
    for (backend, first) in [(Backend::Nft, 1), (Backend::Legacy, 101)] {
        pair.load(backend, &expanded).unwrap();
        pair.enforce(&super::compiled(&configuration).unwrap());
        pair.forget();
        pair.route(&Routes::By("eth1"));
        for (is_v4, number) in families.iter().zip([first, first + 50]) {
            ask(&pair, number, *is_v4);
        }
        pair.unload(backend);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The addresses of a client and a server.
fn ends(is_v4: bool) -> [IpAddr; 2] {
    if is_v4 {
        [[203, 0, 113, 7].into(), [203, 0, 113, 99].into()]
    } else {
        ["2001:db8:7113::7".parse().unwrap(), "2001:db8:7113::99".parse().unwrap()]
    }
}

/// A segment of a client.
fn segment(number: u32, is_v4: bool, port: u16, flags: u8, (after, acknowledgement): (u32, u32)) -> (Way, Vec<u8>) {
    let [client, server] = ends(is_v4);
    let body = Body::Segment(Segment {
        ports: (40_000 + u16::try_from(number).unwrap(), port),
        flags,
        sequence: FIRST_SEQUENCE + number * SEQUENCES + after,
        acknowledgement,
        options: if flags == flags::SYN { vec![2, 4, 5, 180] } else { Vec::new() },
        data: Vec::new(),
    });
    let way = Way::Wire { interface: "eth0", source: FAR, destination: NEAR };
    (way, Crafted::new(client, server, body).encode())
}

/// What both routers made of a packet, which is the same.
fn ask(pair: &Pair, packet: (Way, Vec<u8>), what: &str) -> Vec<Event> {
    let [ferm, palisade] = pair.send(&[packet]);
    assert_eq!(ferm, palisade, "{what}");
    ferm
}

/// A socket that takes connections to any address.
fn listen(domain: Domain) -> Socket {
    let socket = Socket::new(domain, Type::STREAM, None).unwrap();
    if domain == Domain::IPV6 {
        socket.set_only_v6(true).unwrap();
    }
    socket.set_ip_transparent_v4(true).unwrap();
    let any: IpAddr = if domain == Domain::IPV6 { [0; 16].into() } else { [0; 4].into() };
    socket.bind(&SockAddr::from(std::net::SocketAddr::new(any, LISTENING))).unwrap();
    socket.listen(1).unwrap();
    socket
}

/// Sockets of the server's own address.
fn bound(is_v4: bool) -> [Socket; 2] {
    [(TRANSPARENT, true), (PLAIN, false)].map(|(port, is_transparent)| {
        let domain = if is_v4 { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::STREAM, None).unwrap();
        // The server is not here.
        if is_transparent {
            socket.set_ip_transparent_v4(true).unwrap();
        } else {
            socket.set_freebind_v4(true).unwrap();
        }
        let [_, server] = ends(is_v4);
        socket.bind(&SockAddr::from(std::net::SocketAddr::new(server, port))).unwrap();
        socket.listen(1).unwrap();
        socket
    })
}

#[test]
fn sockets_are_told_apart() {
    if !can_compare("sockets_are_told_apart") {
        return;
    }
    let mut listening = None;
    each(ASKED, "sockets", &[true, false], |pair, number, is_v4| {
        listening.get_or_insert_with(|| {
            let of_any = || [Domain::IPV4, Domain::IPV6].map(listen);
            pair.in_both(|| (of_any(), [true, false].map(bound)), "")
        });
        for (place, (port, mark)) in (0..).zip([(LISTENING, 0xa), (TRANSPARENT, 0xf), (PLAIN, 3), (81, 0)]) {
            let seen = ask(pair, segment(number + place, is_v4, port, flags::SYN, (0, 0)), "a connection");
            assert!(
                matches!(&seen[..], [Event { hook: Hook::Sent, mark: found, .. }, ..] if *found == mark),
                "IPv4 {is_v4}, port {port}: {seen:#?}"
            );
        }
    });
}

#[test]
fn packets_go_to_whoever_listens() {
    if !can_compare("packets_go_to_whoever_listens") {
        return;
    }
    let mut listening = None;
    each(TAKEN, "taken-over", &[true, false], |pair, number, is_v4| {
        listening.get_or_insert_with(|| {
            let lines = "rule add fwmark 1 lookup 100\nroute add local default dev lo table 100\n";
            pair.in_both(|| [Domain::IPV4, Domain::IPV6].map(listen), lines)
        });
        let opens = |number, port| ask(pair, segment(number, is_v4, port, flags::SYN, (0, 0)), "a connection");
        let delivered = opens(number, 80);
        assert!(
            matches!(&delivered[..], [Event { hook: Hook::Delivered, mark: 1, .. }, ..]),
            "IPv4 {is_v4}: {delivered:#?}"
        );
        assert_eq!(opens(number + 1, 81), [], "nobody listens");
        assert!(opens(number + 2, 82).iter().any(|event| event.hook == Hook::Sent), "another port");
    });
}

#[test]
fn a_connection_is_opened_with_the_client_first() {
    if !can_compare("a_connection_is_opened_with_the_client") {
        return;
    }
    each(OPENED, "opened", &[true], |pair, number, is_v4| {
        let answered = ask(pair, segment(number, is_v4, 80, flags::SYN, (0, 0)), "SYN");
        let answer = answered.iter().find_map(|event| event.transport()).unwrap().1;
        assert_eq!(answer[13], flags::SYN | flags::ACK, "{answered:#?}");
        let cookie = u32::from_be_bytes(answer[4..8].try_into().unwrap());
        let wrong = ask(pair, segment(number, is_v4, 80, flags::ACK, (1, cookie.wrapping_add(2))), "a wrong ACK");
        assert_eq!(wrong, [], "no cookie");
        let opened = ask(pair, segment(number, is_v4, 80, flags::ACK, (1, cookie.wrapping_add(1))), "ACK");
        let is_first = |event: &Event| event.transport().unwrap().1[13] == flags::SYN;
        assert!(opened.iter().any(is_first), "the server is asked: {opened:#?}");
        for of_flags in [flags::SYN | flags::ACK, flags::RST, flags::RST | flags::ACK, flags::ACK | 1] {
            let passed = ask(pair, segment(number + 1, is_v4, 80, of_flags, (0, 0)), "no handshake");
            assert!(passed.iter().any(|event| event.hook == Hook::Sent), "{of_flags:#04x} goes on");
        }
        assert_eq!(ask(pair, segment(number + 2, is_v4, 81, flags::SYN, (0, 0)), "another port"), []);
    });
}
