//! `palisade doctor` in network namespaces that have something wrong.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{Machine, Ran, program};
use crate::docs::describes;
use crate::privilege::{can_make_namespaces, report, skip};

/// What is of the machine that the test runs on, and not of its namespace.
const OF_MACHINE: [&str; 3] = ["clock-unsynchronised", "kernel-without-owner", "conntrack-small"];

/// A machine that forwards, and an interface.
fn machine(label: &str) -> Machine {
    let machine = Machine::new(label);
    let forwards = [("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"), ("ipv4/conf/all/rp_filter", "0")];
    machine.namespace.sysctl(&forwards).unwrap();
    machine.namespace.ip("link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\n").unwrap();
    let loose = [("ipv4/conf/v0/rp_filter", "0"), ("ipv4/conf/v1/rp_filter", "0")];
    machine.namespace.sysctl(&loose).unwrap();
    machine
}

/// Runs it where `/sys` shows the namespace, and `/etc` is an empty one of a whole system.
fn doctor(machine: &Machine, arguments: &[&str]) -> Ran {
    let script =
        "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /etc && mkdir -p /etc/systemd/system && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_palisade"), "doctor", "--node", "node-a"]);
    machine.run(command.args(arguments))
}

fn json(machine: &Machine, code: i32) -> Value {
    let ran = doctor(machine, &["--format", "json"]).exits(code);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// The codes that were found, without those of the machine.
fn codes(found: &Value) -> BTreeSet<String> {
    let findings = found["findings"].as_array().unwrap();
    let codes = findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    codes.filter(|code| !OF_MACHINE.contains(&code.as_str())).collect()
}

#[track_caller]
fn finds(machine: &Machine, exit: i32, expected: &[&str]) -> Value {
    let found = json(machine, exit);
    let expected: BTreeSet<String> = expected.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(codes(&found), expected, "{found:#}");
    found
}

#[test]
fn a_clean_node_has_no_finding_and_is_left_as_it_is() {
    if !can_make_namespaces("doctor on a clean node") {
        return;
    }
    let machine = machine("doctor-clean");
    let before = machine.listing();
    let found = finds(&machine, 0, &[]);
    describes("doctor.md", &found.to_string());
    assert_eq!(found["summary"]["error"], 0);
    assert_eq!(machine.listing(), before);
    // What palisade itself makes is no finding, and neither is an accept of somebody else's.
    machine.palisade(&super::live::with("apply", &[])).exits(0);
    machine.namespace.nft("table inet theirs { chain c { type filter hook forward priority -5; accept; }; }").unwrap();
    finds(&machine, 0, &[]);
    let text = doctor(&machine, &[]).exits(0).stdout;
    assert!(text.starts_with("node node-a: "), "{text}");
    assert!(text.contains("out of sight: eBPF programs of tcx links and of cgroups: "), "{text}");
}

#[test]
fn what_keeps_packets_from_the_hooks_is_named_with_what_was_read() {
    if !can_make_namespaces("doctor and forwarding") {
        return;
    }
    let machine = machine("doctor-forwarding");
    machine.namespace.sysctl(&[("ipv4/conf/all/rp_filter", "1")]).unwrap();
    finds(&machine, 0, &["reverse-path-strict"]);
    machine.namespace.sysctl(&[("ipv4/conf/all/rp_filter", "0"), ("ipv4/conf/v0/forwarding", "0")]).unwrap();
    finds(&machine, 1, &["interface-forwarding-off"]);
    machine.namespace.sysctl(&[("ipv4/ip_forward", "0")]).unwrap();
    let found = finds(&machine, 1, &["forwarding-off"]);
    let finding = &found["findings"][0];
    assert_eq!(finding["read"][0]["place"], "/proc/sys/net/ipv4/ip_forward");
    assert_eq!(finding["read"][0]["value"], "0");
    // The fix is what mends it.
    let fix = finding["fix"][0].as_str().unwrap();
    machine.run(Command::new("sh").args(["-c", fix])).exits(0);
    machine.namespace.sysctl(&[("ipv4/conf/v0/forwarding", "1"), ("ipv4/conf/v1/forwarding", "1")]).unwrap();
    finds(&machine, 0, &[]);

    // A node without pods need not forward.
    machine.namespace.sysctl(&[("ipv4/ip_forward", "0")]).unwrap();
    machine.file("node.ferm", "chain INPUT ACCEPT;\n");
    let config = machine.file("palisade.yaml", "host: node.ferm\n");
    doctor(&machine, &["--config", &config]).exits(0);
    doctor(&machine, &["--config", "/nothing/there.yaml"]).exits(2);
}

#[test]
fn a_bridge_that_hands_its_frames_to_nobody_is_named() {
    if !can_make_namespaces("doctor and bridges") {
        return;
    }
    let machine = machine("doctor-bridge");
    machine
        .namespace
        .ip("link add cni0 type bridge\nlink set cni0 up\nlink set v0 master cni0\nlink set v1 master cni0\n")
        .unwrap();
    let calls = |value| [("bridge/bridge-nf-call-iptables", value), ("bridge/bridge-nf-call-ip6tables", value)];
    machine.namespace.sysctl(&calls("1")).unwrap();
    finds(&machine, 0, &[]);
    machine.namespace.sysctl(&calls("0")).unwrap();
    finds(&machine, 1, &["bridge-hides-pods"]);
}

#[test]
fn base_chains_of_others_are_named_by_what_they_do() {
    if !can_make_namespaces("doctor and base chains") {
        return;
    }
    let machine = machine("doctor-chains");
    let rules = "
        table inet theirs {
            set big { type ipv4_addr; }
            chain before { type filter hook forward priority -5; ip saddr 192.0.2.1 drop; }
            chain raw { type filter hook prerouting priority raw; udp dport 53 notrack; }
            chain after { type filter hook postrouting priority 0; ip saddr 192.0.2.1 drop; }
        }
        table ip theirs { chain in { type filter hook input priority 0; policy drop; }; }
        table netdev theirs { chain in { type filter hook ingress device v0 priority 0; fwd to v1; }; }
    ";
    machine.namespace.nft(rules).unwrap();
    let expected = ["foreign-drop-policy", "foreign-drops", "foreign-steals", "foreign-untracks"];
    let found = finds(&machine, 1, &expected);
    let subjects: BTreeSet<&str> =
        found["findings"].as_array().unwrap().iter().filter_map(|finding| finding["subject"].as_str()).collect();
    for subject in ["inet theirs before", "inet theirs raw", "ip theirs in", "netdev theirs in"] {
        assert!(subjects.contains(subject), "{subject}: {subjects:?}");
    }
    assert!(!subjects.contains("inet theirs after"), "{subjects:?}");
    // The fix of a policy is what mends it.
    let of_policy = found["findings"].as_array().unwrap().iter().find(|f| f["code"] == "foreign-drop-policy").unwrap();
    machine.run(Command::new("sh").args(["-c", of_policy["fix"][0].as_str().unwrap()])).exits(0);
    finds(&machine, 1, &expected[1..]);
}

#[test]
fn a_flowtable_of_anybody_is_named() {
    if !can_make_namespaces("doctor and flowtables") {
        return;
    }
    let machine = machine("doctor-flowtable");
    let flowtable = "table inet theirs { flowtable f { hook ingress priority 0; devices = { v0 }; }; }";
    if let Err(error) = machine.namespace.nft(flowtable) {
        report(&format!("left out: doctor and flowtables: this kernel has none (NF_FLOW_TABLE): {error}"));
        return;
    }
    finds(&machine, 1, &["flowtable"]);
}

#[test]
fn a_program_of_tc_is_named_as_long_as_it_is_there() {
    if !can_make_namespaces("doctor and tc") {
        return;
    }
    let machine = machine("doctor-tc");
    let tc = |arguments: &str| machine.run(Command::new("tc").args(arguments.split(' ')));
    tc("qdisc add dev v0 clsact").exits(0);
    finds(&machine, 0, &[]);
    let mut command = Command::new("tc");
    command.args(["filter", "add", "dev", "v0", "egress", "bpf", "da", "bytecode", "1,6 0 0 4294967295"]);
    let added = machine.run(&mut command);
    if added.code != 0 {
        return skip("doctor and tc", &format!("this kernel takes no program: {}", added.stderr));
    }
    let found = finds(&machine, 1, &["tc-program"]);
    assert!(found.to_string().contains("v0 egress"), "{found:#}");
    tc("filter del dev v0 egress").exits(0);
    finds(&machine, 0, &[]);
}

/// Rules in the shape that others leave, with names of their kind; the older iptables' are only known by their tables.
#[test]
fn leftovers_are_named_by_whose_they_are_and_the_fix_removes_them() {
    if !can_make_namespaces("doctor and leftovers") {
        return;
    }
    let machine = machine("doctor-leftovers");
    let calico = "*filter\n:FORWARD ACCEPT [0:0]\n:cali-FORWARD - [0:0]\n:cali-fw-cali0a1b2c - [0:0]\n\
                  -A FORWARD -j cali-FORWARD\n-A cali-FORWARD -o cali+ -j cali-fw-cali0a1b2c\n\
                  -A cali-fw-cali0a1b2c -j DROP\nCOMMIT\n";
    let kube_router = "*filter\n:FORWARD ACCEPT [0:0]\n:KUBE-ROUTER-FORWARD - [0:0]\n:KUBE-POD-FW-A1B2 - [0:0]\n\
                       :KUBE-NWPLCY-A1B2 - [0:0]\n:KUBE-SERVICES - [0:0]\n-A FORWARD -j KUBE-ROUTER-FORWARD\n\
                       -A FORWARD -j KUBE-SERVICES\n\
                       -A KUBE-ROUTER-FORWARD -j KUBE-POD-FW-A1B2\n-A KUBE-POD-FW-A1B2 -j KUBE-NWPLCY-A1B2\n\
                       -A KUBE-POD-FW-A1B2 -j REJECT\nCOMMIT\n";
    let knp =
        "table inet kube-network-policies { chain postrouting { type filter hook postrouting priority 0; accept; }; }";
    let restore = |program: &str, rules: &str| {
        machine.namespace.output(Command::new(program).arg("-n"), rules).unwrap();
    };
    let steps: [(&str, &dyn Fn()); 4] = [
        ("calico-rules", &|| restore("iptables-nft-restore", calico)),
        ("kube-router-rules", &|| restore("iptables-nft-restore", kube_router)),
        ("kube-router-rules", &|| {
            machine.run(Command::new("ipset").args(["create", "KUBE-SRC-A1B2", "hash:ip"])).exits(0);
        }),
        ("kube-network-policies-rules", &|| machine.namespace.nft(knp).unwrap()),
    ];
    let mut expected = BTreeSet::new();
    for (code, leave) in steps {
        leave();
        expected.insert(code);
        finds(&machine, 1, &expected.iter().copied().collect::<Vec<_>>());
    }
    let found = json(&machine, 1);
    let text = found.to_string();
    for name in ["cali-FORWARD", "KUBE-NWPLCY-A1B2", "KUBE-SRC-A1B2", "inet kube-network-policies"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    for finding in
        found["findings"].as_array().unwrap().iter().filter(|f| f["code"].as_str().unwrap().ends_with("-rules"))
    {
        // The first is what to do with whoever made them, which nobody did here.
        for fix in finding["fix"].as_array().unwrap().iter().skip(1) {
            machine.run(Command::new("sh").args(["-c", fix.as_str().unwrap()])).exits(0);
        }
    }
    finds(&machine, 0, &[]);
    let rest = machine.listing();
    assert!(rest.contains("chain KUBE-SERVICES"), "kube-proxy's rules went too: {rest}");

    let old = machine.run(Command::new("iptables-legacy").args(["-t", "filter", "-L", "-n"]));
    if old.code != 0 {
        return skip("doctor and the older iptables", &old.stderr);
    }
    finds(&machine, 0, &["legacy-tables"]);
}

#[test]
fn what_cannot_be_looked_at_is_said_and_does_not_pass() {
    if !can_make_namespaces("doctor without rights") {
        return;
    }
    let machine = machine("doctor-rights");
    let mut command = Command::new("setpriv");
    let plain = program();
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"]).arg(plain.get_program());
    let ran = machine.run(command.args(["doctor", "--format", "json"]));
    // Whatever the machine's own /sys and /etc show may be a finding of its own.
    assert!(matches!(ran.code, 1 | 3), "{}{}", ran.stdout, ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let gaps = found["notLookedAt"].as_array().unwrap();
    let refused: BTreeSet<&str> =
        gaps.iter().filter(|gap| gap["refused"] == true).filter_map(|gap| gap["what"].as_str()).collect();
    assert!(refused.contains("nf_tables") && refused.contains("names of ipsets"), "{refused:?}");
    assert_eq!(ran.code == 3, found["summary"]["error"] == 0 && found["summary"]["warning"] == 0);
}

#[test]
fn more_chains_than_are_read_are_said_to_be_more() {
    use std::fmt::Write as _;
    if !can_make_namespaces("doctor and many chains") {
        return;
    }
    let machine = machine("doctor-many");
    let mut rules = "add table inet theirs\n".to_owned();
    for n in 0..=20_000 {
        writeln!(rules, "add chain inet theirs c{n}").unwrap();
    }
    machine.namespace.nft(&rules).unwrap();
    finds(&machine, 0, &["more-than-read"]);
}
