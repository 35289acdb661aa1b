//! Tables of ARP, of bridged frames and of copies, in every command that reads or changes a kernel.

use serde_json::Value;

use super::Machine;
use crate::privilege::can_make_namespaces;

const RULES: &str = "chain INPUT { policy DROP; interface lo ACCEPT; }
domain arp chain INPUT { policy DROP; saddr 10.0.0.1 ACCEPT; }
domain eb chain FORWARD { proto ARP ACCEPT; proto IPv4 ip-proto udp ip-dport 53 DROP; }
domain ip table mangle chain PREROUTING proto udp dport 9 TEE gateway 192.0.2.1;
";

#[test]
fn tables_of_arp_and_of_a_bridge_come_stay_and_go_with_the_rest() {
    if !can_make_namespaces("tables of the link") {
        return;
    }
    let machine = Machine::new("link");
    let file = machine.file("host.ferm", RULES);
    let with = |command| vec![command, "--host", &*file];
    let checked = machine.palisade(&[&with("apply")[..], &["--check"]].concat()).exits(0);
    assert_eq!(machine.listing(), "", "{}", checked.stdout);
    let planned = machine.palisade(&with("plan")).exits(1).stdout;
    for part in [
        "+ chain arp palisade pl_input",
        "+ chain bridge palisade pl_filter_forward",
        "+ chain ip palisade pl_copy_mangle_prerouting",
    ] {
        assert!(planned.contains(part), "{planned}");
    }
    machine.palisade(&with("apply")).exits(0);
    assert_eq!(machine.palisade(&with("plan")).exits(0).stdout, "nothing to change\n");
    let status = machine.palisade(&with("status")).exits(0).stdout;
    for part in [
        "in sync\n",
        "arp palisade pl_input (filter input 0): at its end ARP is dropped",
        "bridge palisade pl_filter_forward (filter forward -200): at its end bridge is accepted",
    ] {
        assert!(status.contains(part), "{status}");
    }
    let top = machine.palisade(&["top", "--host", "--format", "json"]).exits(0).stdout;
    let top: Value = serde_json::from_str(&top).unwrap();
    let lines = top["lines"].as_array().unwrap().iter();
    let lines: Vec<&str> =
        lines.map(|line| line["line"].as_str().unwrap().rsplit("host.ferm").next().unwrap()).collect();
    for line in [":1", ":1 policy DROP", ":2", ":2 policy DROP", ":3", ":4"] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }

    machine.namespace.nft("flush chain arp palisade pl_input").unwrap();
    let drifted = machine.palisade(&with("status")).exits(1).stdout;
    assert!(drifted.contains("drift") && drifted.contains("arp palisade pl_input"), "{drifted}");
    machine.palisade(&with("apply")).exits(0);
    machine.palisade(&with("status")).exits(0);

    let shorter = machine.file("host.ferm", &RULES.split_inclusive('\n').take(2).collect::<String>());
    machine.palisade(&["apply", "--host", &shorter]).exits(0);
    let listing = machine.listing();
    assert!(listing.contains("table arp palisade") && !listing.contains("table bridge"), "{listing}");
    assert!(!listing.contains("table ip palisade"), "{listing}");
    let removed = machine.palisade(&["teardown"]).exits(0).stdout;
    assert!(removed.contains("removed table arp palisade\n"), "{removed}");
    assert_eq!(machine.listing(), "");
}
