//! What rules log, read back; and counters beside them, which are exact whatever is logged.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use engine::kernel::{Kernel, LogError, LogNotice, LoggedPacket, Netlink, PacketLog, Transport};
use engine::ruleset::Name;

use crate::fixture::{nft, ours, scratch};

const GROUP: u16 = 71;
/// Packets are handed over after a tenth of a second at the latest.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing more comes.
const SILENCE: Duration = Duration::from_millis(400);
const PLACE: &str = "pl_deny_eg_np_test";

/// A denying place of the shape that the compiler makes: the log rule, and beside it the counter and the drop.
fn deny(limit: &str) {
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    nft("add table inet palisade");
    nft(&format!("add counter inet palisade {PLACE} {{ comment \"policies.yaml:7 x/y\" ; }}"));
    nft("add chain inet palisade pl_out { type filter hook output priority 0 ; }");
    nft(&format!("add rule inet palisade pl_out udp dport 9 {limit} log prefix {PLACE} group {GROUP} snaplen 128"));
    nft(&format!(
        "add rule inet palisade pl_out udp dport 9 counter name {PLACE} drop comment \"policies.yaml:8 x/y\""
    ));
}

/// Sends datagrams, which are dropped.
fn send(to: &str, count: usize) {
    let from = if to.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" };
    let socket = UdpSocket::bind(from).unwrap();
    for _ in 0..count {
        // The output hook tells the sender.
        assert!(socket.send_to(b"x", to).is_err());
    }
}

/// Reads until nothing more comes: packets, and how many are known to be lost.
fn read(log: &mut PacketLog) -> (Vec<LoggedPacket>, u32) {
    let (mut packets, mut lost) = (Vec::new(), 0);
    while let Some(notice) = log.next(SILENCE).unwrap() {
        match notice {
            LogNotice::Packet(packet) => packets.push(packet),
            LogNotice::Lost(count) => lost += count.unwrap_or(0),
        }
    }
    (packets, lost)
}

fn counted(kernel: &mut Netlink) -> u64 {
    let counters = kernel.counters(&ours()).unwrap();
    assert_eq!(counters, kernel.observe(&[ours()]).unwrap().tables[&ours()].counters);
    let place: Name = PLACE.parse().unwrap();
    // The rule says where it is written now, the counter what was said when it was made.
    let rules = kernel.counting_rules(&ours()).unwrap();
    let lines: Vec<_> = rules.iter().map(|(name, line)| (name.as_str(), line.as_str())).collect();
    assert_eq!(lines, [(PLACE, "policies.yaml:8 x/y")]);
    let counter = &counters[&place];
    assert_eq!(counter.comment.as_ref().map(ToString::to_string).as_deref(), Some("policies.yaml:7 x/y"));
    counter.packets
}

#[test]
fn a_dropped_packet_is_read_with_its_headers_and_its_place_in_both_families() {
    scratch(|kernel| {
        assert!(kernel.counters(&ours()).unwrap().is_empty(), "there is no table");
        assert!(kernel.counting_rules(&ours()).unwrap().is_empty(), "there is no table");
        deny("");
        let mut log = PacketLog::open(GROUP).unwrap();
        for (to, address) in [("127.0.0.1:9", "127.0.0.1"), ("[::1]:9", "::1")] {
            send(to, 1);
            let Some(LogNotice::Packet(packet)) = log.next(PATIENCE).unwrap() else { panic!("nothing logged") };
            assert_eq!(&*packet.prefix, PLACE);
            assert_eq!((packet.input, packet.output), (None, Some(1)), "lo");
            let headers = packet.headers.unwrap();
            assert_eq!((headers.source.to_string(), headers.destination.to_string()), (address.into(), address.into()));
            assert_eq!(headers.protocol, 17);
            let Transport::Ports { source: _, destination: 9 } = headers.transport else { panic!("{headers:?}") };
        }
        // What is not denied is not logged.
        let open = UdpSocket::bind("127.0.0.1:0").unwrap();
        open.send_to(b"x", open.local_addr().unwrap()).unwrap();
        assert_eq!(log.next(SILENCE).unwrap(), None);
        assert_eq!(counted(kernel), 2);
    });
}

#[test]
fn a_group_has_one_reader_until_that_one_is_gone() {
    scratch(|_| {
        let log = PacketLog::open(GROUP).unwrap();
        let refused = PacketLog::open(GROUP).unwrap_err();
        assert!(matches!(refused, LogError::Taken { group: GROUP }), "{refused:?}");
        assert!(refused.to_string().contains("has another reader"));
        drop(PacketLog::open(GROUP + 1).unwrap());
        drop(log);
        // The kernel forgets a reader when its socket is closed, but only once nobody on any processor can still see it.
        let is_free = || {
            std::thread::sleep(Duration::from_millis(10));
            PacketLog::open(GROUP).is_ok()
        };
        assert!((0..500).any(|_| is_free()));
    });
}

#[test]
fn a_limit_bounds_what_is_logged_and_the_counter_counts_all() {
    scratch(|kernel| {
        deny("limit rate 1/minute burst 20 packets");
        let mut log = PacketLog::open(GROUP).unwrap();
        send("127.0.0.1:9", 5_000);
        let (packets, lost) = read(&mut log);
        assert_eq!((packets.len(), lost), (20, 0));
        assert_eq!(counted(kernel), 5_000);
    });
}

#[test]
fn packets_that_could_not_be_kept_are_counted_as_lost() {
    scratch(|kernel| {
        deny("");
        let mut log = PacketLog::with_buffer(GROUP, 16 << 10).unwrap();
        send("127.0.0.1:9", 5_000);
        let (mut packets, mut lost) = read(&mut log);
        // What comes next tells how many were lost before it.
        send("127.0.0.1:9", 1);
        let (last, lost_before) = read(&mut log);
        packets.extend(last);
        lost += lost_before;
        assert!(lost > 0, "{} packets were all read", packets.len());
        assert_eq!(packets.len() + lost as usize, 5_001);
        assert_eq!(counted(kernel), 5_001);
    });
}
