//! What reads connections for others that belong to them: whether the data connection that an FTP client announces comes
//! through as RELATED, in a router with ferm's rules and in one with palisade's.

use std::net::IpAddr;

use watcher::lab::{Body, Crafted, Segment, flags};

use super::can_compare;
use super::configurations::Configuration;
use super::event::{Event, FIRST_SEQUENCE, Hook, SEQUENCES};
use super::ferm::{self, Backend};
use super::pair::Pair;
use super::router::{FAR, NEAR, Routes, Way};

/// Where the client asks the server to connect to.
const DATA_PORT: u16 = 1234;

/// Only clients open connections, and only to FTP's port; the rest has to belong to one.
const FILTER: &str = "domain (ip ip6) table filter chain FORWARD {
    policy DROP;
    mod conntrack ctstate (ESTABLISHED RELATED) ACCEPT;
    interface eth0 proto tcp dport 21 ACCEPT;
}
";

/// A name, what stands in table raw, and whether the data connection comes through.
const CASES: [(&str, &str, bool); 5] = [
    ("helper", "chain PREROUTING proto tcp dport 21 CT helper ftp;", true),
    ("none", "chain PREROUTING NOP;", false),
    ("other port", "chain PREROUTING proto tcp dport 2121 CT helper ftp;", false),
    (
        "sources",
        "chain PREROUTING { saddr (192.0.2.1 2001:db8:2::1) DROP; proto tcp dport (20 21) CT helper ftp; }",
        true,
    ),
    (
        "untracked",
        "chain PREROUTING { saddr (203.0.113.7 2001:db8:7113::7) NOTRACK; proto tcp dport 21 CT helper ftp; ACCEPT; }",
        false,
    ),
];

/// Names that rules ask for, and whether the data connection comes through where those are let through.
const ASKED: [(&str, bool); 6] =
    [("ftp", true), ("ftp-2121", true), ("(sip ftp)", true), ("ft", false), ("tftp", false), ("(sip tftp-69)", false)];

#[test]
fn helpers_read_the_connections_that_they_are_set_for() {
    if !can_compare("helpers_read_the_connections") {
        return;
    }
    let cases = CASES
        .map(|(name, raw, is_read)| (name, format!("domain (ip ip6) table raw {{ {raw} }}\n{FILTER}"), is_read))
        .to_vec();
    compare("helpers", &cases);
}

#[test]
fn connections_are_asked_who_announced_them() {
    if !can_compare("connections_are_asked_who") {
        return;
    }
    let text = |rules: &str| {
        format!(
            "domain (ip ip6) {{
                table raw chain PREROUTING proto tcp dport 21 CT helper ftp;
                table filter chain FORWARD {{
                    policy DROP;
                    {rules}
                    mod conntrack ctstate ESTABLISHED ACCEPT;
                    interface eth0 proto tcp dport 21 ACCEPT;
                }}
            }}"
        )
    };
    let let_through = ASKED.map(|(name, is_read)| (name, text(&format!("mod helper helper {name} ACCEPT;")), is_read));
    let kept_out = ASKED.map(|(name, is_read)| {
        let rules = format!("mod helper helper {name} DROP; mod conntrack ctstate RELATED ACCEPT;");
        (name, text(&rules), !is_read)
    });
    compare("announced", &[let_through, kept_out].concat());
}

/// Loads each text into both routers, and has a client announce a connection.
fn compare(test: &str, cases: &[(&str, String, bool)]) {
    let folder = std::env::temp_dir().join(format!("palisade-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let configurations: Vec<Configuration> = (0..)
        .zip(cases)
        .map(|(index, (name, text, _)): (usize, _)| {
            let path = folder.join(format!("{index}.ferm"));
            std::fs::write(&path, text).unwrap();
            Configuration { name: (*name).to_owned(), path }
        })
        .collect();
    let paths: Vec<_> = configurations.iter().map(|configuration| configuration.path.clone()).collect();
    let expanded = ferm::expand(&paths);
    let pair = Pair::new();
    let mut number = 0;
    for backend in [Backend::Nft, Backend::Legacy] {
        for (((name, _, is_read), configuration), expanded) in cases.iter().zip(&configurations).zip(&expanded) {
            pair.load(backend, expanded.as_ref().unwrap()).unwrap();
            pair.enforce(&super::compiled(configuration).unwrap());
            pair.forget();
            pair.route(&Routes::By("eth1"));
            for is_v4 in [true, false] {
                let [ferm, palisade] = pair.send(&conversation(is_v4, number));
                let has_data =
                    |events: &[Event]| events.iter().any(|event| event.hook == Hook::Sent && event.probe == number + 2);
                assert_eq!(has_data(&ferm), *is_read, "{name}, IPv4 {is_v4}, through iptables: {ferm:#?}");
                assert_eq!(ferm, palisade, "{name}, IPv4 {is_v4}");
                number += 3;
            }
            pair.unload(backend);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A client opens a connection and announces an address, to which the server then opens another; the numbers are those
/// of the client's packets, of the server's, and of that other connection.
fn conversation(is_v4: bool, number: u32) -> Vec<(Way, Vec<u8>)> {
    let [client, server]: [IpAddr; 2] = if is_v4 {
        [[203, 0, 113, 7].into(), [203, 0, 113, 99].into()]
    } else {
        ["2001:db8:7113::7".parse().unwrap(), "2001:db8:7113::99".parse().unwrap()]
    };
    let announced = match client {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            let [high, low] = DATA_PORT.to_be_bytes();
            format!("PORT {a},{b},{c},{d},{high},{low}\r\n")
        }
        IpAddr::V6(v6) => format!("EPRT |2|{v6}|{DATA_PORT}|\r\n"),
    };
    let sequence = |of: u32| FIRST_SEQUENCE + (number + of) * SEQUENCES;
    let control = 40_000 + u16::try_from(number).unwrap();
    let greeting = b"USER x\r\n".to_vec();
    let after_greeting = sequence(0) + 1 + u32::try_from(greeting.len()).unwrap();
    let packet = |from, to, ports, flags, (sequence, acknowledgement), data: Vec<u8>| {
        let body = Body::Segment(Segment { ports, flags, sequence, acknowledgement, options: Vec::new(), data });
        let interface = if from == client { "eth0" } else { "eth1" };
        (Way::Wire { interface, source: FAR, destination: NEAR }, Crafted::new(from, to, body).encode())
    };
    let of_client = |flags, at, data| packet(client, server, (control, 21), flags, (at, sequence(1) + 1), data);
    vec![
        packet(client, server, (control, 21), flags::SYN, (sequence(0), 0), Vec::new()),
        packet(server, client, (21, control), flags::SYN | flags::ACK, (sequence(1), sequence(0) + 1), Vec::new()),
        of_client(flags::ACK, sequence(0) + 1, Vec::new()),
        of_client(flags::ACK, sequence(0) + 1, greeting),
        of_client(flags::ACK, after_greeting, announced.into_bytes()),
        packet(server, client, (20, DATA_PORT), flags::SYN, (sequence(2), 0), Vec::new()),
    ]
}
