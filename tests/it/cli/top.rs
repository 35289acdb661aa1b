//! `palisade top --host`: what each line of the host rules has counted, and which lines nothing ever meets.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use super::Machine;

use crate::docs::describes;
use crate::privilege::can_make_namespaces;

/// So many rules of one shape are one rule and a set.
const FOLDED: u16 = 40;

#[test]
fn each_line_of_the_host_rules_has_counted_its_packets() {
    if !can_make_namespaces("top --host") {
        return;
    }
    let machine = Machine::new("top");
    assert_eq!(machine.palisade(&["top", "--host"]).exits(1).stdout, "not loaded\n");
    let mut rules = "domain (ip ip6) chain INPUT {\n policy DROP;\n proto udp dport (7001 7002) ACCEPT;\n".to_owned();
    for port in 8000..8000 + FOLDED {
        writeln!(rules, " proto udp dport {port} DROP;").unwrap();
    }
    rules.push_str(" proto tcp ACCEPT;\n}\n");
    let file = machine.file("host.ferm", &rules);
    machine.palisade(&["apply", "--host", &file]).exits(0);
    let listing = machine.listing();
    assert!(!listing.contains(&format!("udp dport {} ", 8000 + FOLDED - 1)), "the rules are folded: {listing}");
    assert_eq!(
        machine.palisade(&["top", "--host", "--unused"]).exits(0).stdout.lines().count(),
        usize::from(FOLDED) + 3
    );

    let script = "ip link set lo up
        for to in 127.0.0.1/7001 ::1/7002 127.0.0.1/8003 127.0.0.1/8003 ::1/8004 127.0.0.1/9 127.0.0.1/9; do
            echo -n four > /dev/udp/$to
        done";
    machine.run(Command::new("bash").args(["-ec", script])).exits(0);
    let top: Value =
        serde_json::from_str(&machine.palisade(&["top", "--host", "--format", "json"]).exits(0).stdout).unwrap();
    describes("top-json.md", &top.to_string());
    let counted: Vec<(String, u64, u64)> = top["lines"].as_array().unwrap()[..5]
        .iter()
        .map(|line| {
            let text = line["line"].as_str().unwrap().rsplit_once("host.ferm").unwrap().1;
            (text.to_owned(), line["packets"].as_u64().unwrap(), line["bytes"].as_u64().unwrap())
        })
        .collect();
    // Nobody listens on the two ports that are open, which ICMP says.
    let expected = [(":2 policy DROP", 4, 224), (":3", 2, 84), (":7", 2, 64), (":8", 1, 52), (":4", 0, 0)];
    assert_eq!(counted, expected.map(|(line, packets, bytes)| (line.to_owned(), packets, bytes)));

    let text = machine.palisade(&["top", "--host", "--lines", "2"]).exits(0).stdout;
    assert!(text.contains("\nand 2 more\n39 others have counted nothing"), "{text}");
    let unused = machine.palisade(&["top", "--host", "--unused"]).exits(0).stdout;
    assert_eq!(unused.lines().count(), usize::from(FOLDED) - 1, "{unused}");
    assert!(unused.ends_with("host.ferm:44\n") && !unused.contains(":7\n"), "{unused}");
    machine.palisade(&["top", "--unused"]).exits(2);
}
