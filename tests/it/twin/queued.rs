//! Packets that wait for a program, where none listens: dropped, or let through where the rule says so. And what becomes
//! of them in a kernel that has no queues.
//!
//! No twin: of the machines that run these tests one has iptables, and the other one `nft_queue`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::ops::ControlFlow;
use std::process::Command;
use std::time::Duration;

use engine::apply::apply;
use engine::kernel::{Netlink, conformance};
use engine::observed::TableFlags;
use engine::render;
use engine::ruleset::Ruleset;
use watcher::lab::Namespace;

use super::configurations::Configuration;
use crate::privilege::{can_make_namespaces, report};

/// By port: what is asked is whether a datagram arrives.
const RULES: &str = "domain (ip ip6) {
    table mangle chain INPUT {
        proto udp dport 5006 NFQUEUE queue-num 9 queue-bypass;
        proto udp dport 5007 NFQUEUE queue-num 9;
    }
    chain INPUT {
        proto udp dport 5001 NFQUEUE queue-num 7;
        proto udp dport 5002 NFQUEUE queue-num 7 queue-bypass;
        proto udp dport 5003 QUEUE;
        proto udp dport 5004 NFQUEUE queue-balance 10:13 queue-bypass queue-cpu-fanout;
        proto udp dport 5005 @nft 'queue flags fanout to 2-5';
        proto udp dport (5001 5002 5004 5006) DROP;
    }
}
";

/// Nobody listens to the queues: what passes is whom the rule lets pass, at the end of the chain that it stands in.
const ARRIVES: [(u16, bool); 8] = [
    (5000, true),
    (5001, false),
    (5002, true),
    (5003, false),
    (5004, true),
    (5005, false),
    // The next table drops it.
    (5006, false),
    (5007, false),
];

fn ruleset() -> Ruleset {
    let path = std::env::temp_dir().join(format!("palisade-queued-{}.ferm", std::process::id()));
    std::fs::write(&path, RULES).unwrap();
    let ruleset = super::compiled(&Configuration { name: "queued".to_owned(), path: path.clone() }).unwrap();
    std::fs::remove_file(path).unwrap();
    ruleset
}

fn load(ruleset: &Ruleset) -> Result<(), String> {
    let mut kernel = Netlink::open().map_err(|error| error.to_string())?;
    let outcome = apply(&mut kernel, ruleset, TableFlags::default(), &mut |_| ControlFlow::Continue(()));
    outcome.map(drop).map_err(|error| error.to_string())
}

fn has_queues(namespace: &Namespace) -> bool {
    namespace.run(|| conformance::has_queues(&mut Netlink::open().unwrap())).unwrap()
}

fn listing(namespace: &Namespace) -> String {
    let output = namespace.output(Command::new("nft").args(["list", "ruleset"]), "").unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a datagram arrives by the loopback interface.
fn arrives(address: IpAddr, port: u16) -> bool {
    let receiver = UdpSocket::bind((address, port)).unwrap();
    receiver.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    UdpSocket::bind((address, 0)).unwrap().send_to(b"?", (address, port)).unwrap();
    receiver.recv(&mut [0]).is_ok()
}

#[test]
fn nobody_listens_to_a_queue() {
    if !can_make_namespaces("nobody_listens_to_a_queue") {
        return;
    }
    let namespace = Namespace::new("queued").unwrap();
    if !has_queues(&namespace) {
        report("left out: nobody_listens_to_a_queue: this kernel has no nft_queue");
        return;
    }
    let ruleset = ruleset();
    namespace.run(|| load(&ruleset)).unwrap().unwrap();
    let by_text = Namespace::new("text").unwrap();
    by_text.nft(&render::ruleset(&ruleset)).unwrap();
    assert_eq!(listing(&namespace), listing(&by_text));
    for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let seen = ARRIVES.map(|(port, _)| (port, namespace.run(|| arrives(address, port)).unwrap()));
        assert_eq!(seen, ARRIVES, "{address}");
    }
}

#[test]
fn a_kernel_without_queues_says_so_and_keeps_what_it_has() {
    if !can_make_namespaces("a_kernel_without_queues") {
        return;
    }
    let namespace = Namespace::new("queueless").unwrap();
    if has_queues(&namespace) {
        report("left out: a_kernel_without_queues: this kernel has nft_queue");
        return;
    }
    namespace.nft("table inet other { chain c { type filter hook input priority 0; tcp dport 22 accept; }; }").unwrap();
    let before = listing(&namespace);
    let error = namespace.run(|| load(&ruleset())).unwrap().unwrap_err();
    assert!(error.contains("this kernel has no nft_queue"), "{error}");
    assert!(error.contains(".ferm:3"), "{error}");
    assert_eq!(listing(&namespace), before);
}
