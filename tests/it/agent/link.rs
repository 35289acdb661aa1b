//! Rules of ARP and of a bridge in an agent's hands: pauses, observing, what it starts with, and what others do to them.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use watcher::lab::Namespace;

use super::node::Node;
use crate::privilege::can_make_namespaces;

/// Two machines at a bridge of the node. The node hears what only one of them asks by ARP; one port is shut between them.
const RULES: &str = "\
domain arp chain INPUT { policy DROP; saddr 10.9.0.2 ACCEPT; }
domain eb chain FORWARD proto IPv4 ip-proto udp ip-dport 53 DROP;
domain ip table mangle chain PREROUTING proto udp dport 9 TEE gateway 10.9.0.2;
";
const BROKEN: &str = "domain arp chain INPUT { policy DORP; }\n";
/// From the first to the second by the port that is shut and by another, and from each to the node.
const DENIED: [bool; 4] = [false, true, false, true];
const OPEN: [bool; 4] = [true; 4];

/// Longer than a datagram that gets through takes, and than ARP takes to ask again.
const SILENCE: Duration = Duration::from_millis(1_500);

struct Bridged {
    node: Node,
    machines: [Namespace; 2],
}

impl Bridged {
    fn new() -> Self {
        let node = Node::new();
        let machines = ["left", "right"].map(|name| Namespace::new(name).unwrap());
        let mut lines = "link add br9 type bridge\nlink set br9 up\naddr add 10.9.0.254/24 dev br9\n".to_owned();
        for (number, machine) in machines.iter().enumerate() {
            let path = machine.path();
            let wire = format!("wire{number}");
            lines.extend(["link add ", &wire, " type veth peer name eth0 netns ", &path, "\n"]);
            lines.extend(["link set ", &wire, " master br9\nlink set ", &wire, " up\n"]);
        }
        node.namespace().ip(&lines).unwrap();
        for (number, machine) in machines.iter().enumerate() {
            machine.ip(&format!("link set eth0 up\naddr add 10.9.0.{}/24 dev eth0\n", number + 1)).unwrap();
        }
        Self { node, machines }
    }

    /// With an agent that enforces [`RULES`] from the file that is returned.
    fn ruled() -> (Self, String) {
        let mut bridged = Self::new();
        let rules = bridged.node.path("node.ferm").to_str().unwrap().to_owned();
        fs::write(&rules, RULES).unwrap();
        bridged.node.start_ready(&["--host", &rules]);
        assert_eq!(bridged.seen(), DENIED, "{}", bridged.node.log());
        (bridged, rules)
    }

    /// Which datagrams arrive.
    fn seen(&self) -> [bool; 4] {
        let ([left, right], node) = (&self.machines, self.node.namespace());
        [
            arrives(left, right, "10.9.0.2:53"),
            arrives(left, right, "10.9.0.2:54"),
            arrives(left, node, "10.9.0.254:7"),
            arrives(right, node, "10.9.0.254:7"),
        ]
    }

    #[track_caller]
    fn becomes(&self, wanted: [bool; 4]) {
        self.node.wait(&format!("datagrams are {wanted:?}"), || self.seen() == wanted);
    }

    #[track_caller]
    fn palisade(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(arguments).stdin(Stdio::null());
        self.node.at_home(&mut command);
        let output = self.node.namespace().run(|| command.output()).unwrap().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Whether a datagram reaches this address of another machine, whose hardware address has to be asked for.
fn arrives(from: &Namespace, to: &Namespace, address: &str) -> bool {
    from.ip("neigh flush dev eth0\n").unwrap();
    let server = to.run(|| UdpSocket::bind(address)).unwrap().unwrap();
    server.set_read_timeout(Some(SILENCE)).unwrap();
    let client = from.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
    client.send_to(b"frame", address).unwrap();
    server.recv(&mut [0; 8]).is_ok()
}

#[test]
fn what_arp_and_bridges_deny_is_lifted_by_a_pause_and_by_observing() {
    if !can_make_namespaces("agent pause of the link") {
        return;
    }
    let (mut bridged, rules) = Bridged::ruled();
    bridged.palisade(&["pause", "--node", "--for", "2h"]);
    assert_eq!(bridged.seen(), OPEN, "{}", bridged.node.log());
    let drops = bridged.palisade(&["drops"]);
    assert!(drops.contains("would be denied, but is only observed:"), "{drops}");
    assert_eq!(drops.matches("host rules: ").count(), 2, "{drops}");
    bridged.palisade(&["resume"]);
    assert_eq!(bridged.seen(), DENIED, "{}", bridged.node.log());
    // The kernel itself ends it, with nobody there.
    bridged.palisade(&["pause", "--node", "--for", "25s"]);
    bridged.node.kill();
    assert_eq!(bridged.seen(), OPEN, "{}", bridged.node.log());
    thread::sleep(Duration::from_secs(15));
    bridged.becomes(DENIED);

    let config = bridged.node.path("config.yaml");
    fs::write(&config, "mode: observe\n").unwrap();
    bridged.node.start_ready(&["--host", &rules, "--config", config.to_str().unwrap()]);
    assert_eq!(bridged.seen(), OPEN, "{}", bridged.node.log());
    let drops = bridged.palisade(&["drops"]);
    assert_eq!(drops.matches("host rules: ").count(), 2, "{drops}");
}

#[test]
fn tables_of_the_link_come_back_from_the_snapshot_and_when_others_change_them() {
    if !can_make_namespaces("agent snapshot of the link") {
        return;
    }
    let (mut bridged, rules) = Bridged::ruled();
    let tables = ["arp", "bridge", "ip", "inet"];
    // An owned table refuses; one that is none is put right.
    for table in tables {
        drop(bridged.node.namespace().nft(&format!("delete table {table} palisade")));
    }
    bridged.becomes(DENIED);
    for table in tables {
        bridged.node.namespace().nft_list(&["list", "table", table, "palisade"]).unwrap();
    }

    assert!(bridged.node.stop().success());
    for table in tables {
        bridged.node.namespace().nft(&format!("delete table {table} palisade")).unwrap();
    }
    assert_eq!(bridged.seen(), OPEN);
    fs::write(&rules, BROKEN).unwrap();
    bridged.node.start_ready(&["--host", &rules]);
    assert_eq!(bridged.seen(), DENIED, "{}", bridged.node.log());
    for table in tables {
        bridged.node.namespace().nft_list(&["list", "table", table, "palisade"]).unwrap();
    }
    fs::write(&rules, "").unwrap();
    bridged.becomes(OPEN);
    let listing = bridged.node.namespace().nft_list(&["list", "tables"]).unwrap();
    assert!(!listing.contains("arp palisade") && !listing.contains("bridge palisade"), "{listing}");
}
