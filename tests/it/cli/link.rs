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

/// The same chains with other rules.
const OTHERS: &str = "chain INPUT { policy DROP; interface lo ACCEPT; }
domain arp chain INPUT { policy DROP; saddr 10.0.0.2 ACCEPT; }
domain eb chain FORWARD { proto ARP DROP; }
domain ip table mangle chain PREROUTING proto udp dport 9 TEE gateway 192.0.2.2;
";

#[test]
fn what_nobody_confirms_goes_from_every_table_again() {
    if !can_make_namespaces("apply --confirm of the link") {
        return;
    }
    let machine = Machine::new("linkconfirm");
    let file = machine.file("host.ferm", RULES);
    let others = machine.file("others.ferm", OTHERS);
    let (apply, soon) = (["apply", "--replace", "--host"], ["--confirm", "2"]);
    machine.palisade(&[&apply[..], &[&file], &soon].concat()).exits(0);
    assert!(machine.listing().contains("table arp palisade"));
    super::confirm::becomes(&machine, "");
    machine.palisade(&[&apply[..], &[&file]].concat()).exits(0);
    let before = machine.listing();
    machine.palisade(&[&apply[..], &[&others], &soon].concat()).exits(0);
    assert!(machine.listing().contains("192.0.2.2"));
    super::confirm::becomes(&machine, &before);
    machine.palisade(&["status"]).exits(0);
    // Tables that come, and tables that go.
    let inet = machine.file("inet.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    machine.palisade(&[&apply[..], &[&inet], &soon].concat()).exits(0);
    assert!(!machine.listing().contains("table arp palisade"));
    super::confirm::becomes(&machine, &before);
    machine.palisade(&[&apply[..], &[&others], &["--confirm", "600"]].concat()).exits(0);
    machine.palisade(&["confirm"]).exits(0);
    assert!(machine.listing().contains("192.0.2.2"));
}

#[test]
fn the_last_good_rules_of_the_link_survive_what_the_kernel_forgets() {
    if !can_make_namespaces("the last good rules of the link") {
        return;
    }
    let machine = Machine::new("linkgood");
    let file = machine.file("host.ferm", RULES);
    machine.palisade(&["apply", "--host", &file]).exits(0);
    let good = machine.listing();
    for broken in [
        RULES.replace("saddr 10.0.0.1 ACCEPT", "saddr 10.0.0.1 ACEPT"),
        RULES.replace("proto ARP ACCEPT", "proto ARP arp-opcode nonsense ACCEPT"),
        RULES.replace("gateway 192.0.2.1", "gateway nowhere"),
    ] {
        machine.file("host.ferm", &broken);
        machine.palisade(&["apply", "--host", &file]).exits(2);
        assert_eq!(machine.listing(), good);
        machine.palisade(&["apply", "--host", &file, "--keep-going"]).exits(1);
        assert_eq!(machine.listing(), good);
        machine.palisade(&["teardown"]).exits(0);
        assert_eq!(machine.listing(), "");
        machine.palisade(&["apply", "--host", &file, "--keep-going"]).exits(1);
        assert_eq!(machine.listing(), good);
    }
}

#[test]
fn what_others_do_to_tables_of_the_link_is_drift_and_is_put_right() {
    if !can_make_namespaces("drift of the link") {
        return;
    }
    let machine = Machine::new("linkdrift");
    let file = machine.file("host.ferm", RULES);
    machine.palisade(&["apply", "--host", &file]).exits(0);
    // A table that is made again is the last one that is listed.
    let listing = || {
        let listing = machine.listing();
        let mut tables: Vec<String> = listing.split("table ").map(str::to_owned).collect();
        tables.sort();
        tables
    };
    let good = listing();
    for (command, place) in [
        ("delete table arp palisade", "arp palisade"),
        ("delete table bridge palisade", "bridge palisade"),
        ("delete table ip palisade", "ip palisade"),
        ("flush chain bridge palisade pl_filter_forward", "bridge palisade pl_filter_forward"),
        ("flush chain ip palisade pl_copy_mangle_prerouting", "ip palisade pl_copy_mangle_prerouting"),
        ("insert rule arp palisade pl_input accept", "arp palisade pl_input"),
        ("add chain arp palisade other", "arp palisade other"),
        ("insert rule bridge palisade pl_filter_forward drop", "bridge palisade pl_filter_forward"),
    ] {
        machine.namespace.nft(command).unwrap();
        let status = machine.palisade(&["status", "--host", &file]).exits(1).stdout;
        assert!(status.contains("drift") && status.contains(place), "{command}: {status}");
        machine.palisade(&["apply", "--host", &file]).exits(0);
        assert_eq!(listing(), good, "{command}");
        machine.palisade(&["status", "--host", &file]).exits(0);
    }
}
