//! How one flow is judged, and what becomes of its mark.

use engine::compile::ForwardMode;
use engine::compile::options::{Established, LocalPods, PodOptions, REVOKED_BIT};
use engine::kernel::conntrack::Fake;
use engine::revoke::{Affected, Cut, Judge, Outcome, enforce, revoked_bit};

use crate::node::{Node, cut, db_admits, enforce_all, flow, host, ip, policy, with};

#[track_caller]
fn check(node: &Node, flows: &[(&str, bool)]) {
    let texts: Vec<&str> = flows.iter().map(|(text, _)| *text).collect();
    let found: Vec<_> = texts.iter().copied().zip(cut(&node.ruleset(), &texts)).collect();
    assert_eq!(found, flows);
}

#[test]
fn a_flow_is_judged_where_it_goes_after_translation_whoever_it_was_sent_to() {
    check(
        &with(&db_admits(&["web"])),
        &[
            ("tcp 10.0.0.1 10.0.0.2:80", false),
            ("tcp fd00::1 [fd00::2]:80", false),
            ("tcp 10.0.0.1 10.0.0.2:81", true),
            ("udp 10.0.0.1 10.0.0.2:80", true),
            ("sctp fd00::1 [fd00::2]:80", true),
            ("gre 10.0.0.1 10.0.0.2:0", true),
            ("icmp 10.0.0.1 10.0.0.2:0", true),
            ("icmp 10.0.0.1 10.0.0.3:0", false),
            ("tcp 10.0.1.1 10.0.0.2:80", true),
            // To a virtual address: the port that counts is the one behind it.
            ("tcp 10.0.0.1 10.96.0.1:443->10.0.0.2:80", false),
            ("tcp 10.0.0.1 10.96.0.1:80->10.0.0.2:443", true),
            ("tcp 10.0.0.3 10.96.0.1:80->10.0.0.2:80", true),
            // Through a Service to itself.
            ("tcp 10.0.0.2 10.96.0.1:80->10.0.0.2:80", false),
            // What the isolated pod itself has opened is none of its ingress.
            ("tcp 10.0.0.2 203.0.113.1:443", false),
            ("udp fd00::2 [2001:db8::1]:53", false),
        ],
    );
}

#[test]
fn the_nodes_own_flows_are_not_judged_and_those_to_it_by_egress() {
    let isolated =
        policy("web", "web", "policyTypes: [Ingress, Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]");
    check(
        &with(&isolated),
        &[
            ("tcp 192.168.0.1 10.0.0.1:80", false),
            ("tcp fd01::1 [fd00::1]:80", false),
            ("tcp 10.0.0.1 192.168.0.1:10250", true),
            ("udp fd00::1 [fd01::1]:53", false),
            ("tcp 10.0.0.2 192.168.0.1:10250", false),
        ],
    );
}

/// What the host's own rules say to first packets is no reason to cut.
#[test]
fn the_hosts_rules_cut_nothing() {
    let rules = "domain (ip ip6) chain FORWARD { policy DROP; proto tcp dport 81 REJECT; }
                 domain (ip ip6) chain INPUT { policy DROP; }";
    for mode in [ForwardMode::PodsFirst, ForwardMode::HostRules] {
        let node = Node { host: rules, mode, ..with(&db_admits(&["web"])) };
        check(
            &node,
            &[
                ("tcp 10.0.0.1 203.0.113.1:81", false),
                ("tcp 203.0.113.1 203.0.113.2:80", false),
                ("tcp 10.0.0.1 192.168.0.1:22", false),
                ("tcp 10.0.0.3 10.0.0.2:80", true),
            ],
        );
    }
}

/// decisions.md 17: what nobody knows yet.
#[test]
fn flows_of_unknown_local_pods_are_cut_while_a_pod_that_is_isolated_has_no_address() {
    let awaited = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: new, namespace: x, labels: {app: db}}\n\
                   spec: {nodeName: n}\nstatus: {phase: Pending}\n";
    for local in [
        LocalPods { interface_prefix: Some("cali".to_owned()), ..LocalPods::default() },
        LocalPods { ranges: vec!["10.0.0.0/24".parse().unwrap()], ..LocalPods::default() },
    ] {
        let mut node = with(&db_admits(&["web"]));
        node.pods.push_str(awaited);
        node.options = PodOptions { local, ..PodOptions::default() };
        check(
            &node,
            &[
                ("tcp 203.0.113.1 10.0.0.5:80", true),
                ("tcp 203.0.113.1 10.0.0.3:80", false),
                ("tcp 10.0.0.1 10.0.1.1:80", false),
            ],
        );
    }
}

#[test]
fn a_flow_that_shows_after_the_first_reading_is_judged_by_the_second() {
    let mut fake = Fake::default();
    let (original, reply) = flow(40_000, "tcp 10.0.0.3 10.0.0.2:80");
    let late = fake.begin_late(1, original, reply);
    let ruleset = with(&db_admits(&["web"])).ruleset();
    // One reading would not have seen it.
    let (host, affected) = (host(), Affected::all(&ruleset));
    let outcome = enforce(&mut fake, &mut Judge::new(&ruleset, &host, REVOKED_BIT), &affected).unwrap();
    assert_eq!((fake.mark_of(late), outcome.n_revoked), (Some(REVOKED_BIT), 1));
}

#[test]
fn only_the_bit_is_touched_and_only_where_it_is_wrong() {
    let mut fake = Fake::default();
    let [denied, allowed, denied_already, allowed_always] = [
        "tcp 10.0.0.3 10.0.0.2:80",
        "tcp 10.0.0.1 10.0.0.2:80",
        "tcp fd00::3 [fd00::2]:80",
        "tcp fd00::1 [fd00::2]:80",
    ]
    .map(|text| {
        let (original, reply) = flow(40_000, text);
        fake.begin(original, reply)
    });
    fake.set_mark(denied, 0x4000);
    fake.set_mark(allowed, 0x8000 | REVOKED_BIT);
    fake.set_mark(denied_already, REVOKED_BIT);
    let outcome = enforce_all(&mut fake, &with(&db_admits(&["web"])).ruleset());
    assert_eq!(outcome.cut.len(), 2);
    let counts = Outcome { cut: Cut::default(), ..outcome };
    assert_eq!(counts, Outcome { n_read: 4, n_judged: 4, n_revoked: 1, n_restored: 1, ..Outcome::default() });
    let marks = [denied, allowed, denied_already, allowed_always].map(|id| fake.mark_of(id).unwrap());
    assert_eq!(marks, [0x4000 | REVOKED_BIT, 0x8000, REVOKED_BIT, 0]);
}

#[test]
fn the_bit_is_that_of_the_rule_in_force() {
    let mut node = with(&db_admits(&["web"]));
    assert_eq!(revoked_bit(&node.ruleset()), Some(REVOKED_BIT));
    node.options.revoked_bit = 0x100;
    assert_eq!(revoked_bit(&node.ruleset()), Some(0x100));
    node.options.established = Established::Keep;
    assert_eq!(revoked_bit(&node.ruleset()), None);
    // A host rule that asks for a mark is no such rule.
    node.host = "domain ip chain FORWARD mod connmark mark 0x40/0x40 DROP;";
    assert_eq!(revoked_bit(&node.ruleset()), None);
    assert_eq!(revoked_bit(&engine::ruleset::Ruleset::default()), None);
}

/// decisions.md 14: a CONNMARK rule that touches the bit.
#[test]
fn a_host_rule_that_touches_the_bit_is_found_when_it_is_compiled() {
    let found = |host| {
        let (_, findings) = Node { host, ..with("") }.compile();
        findings.into_iter().any(|finding| finding.message.contains("which mark revoked flows"))
    };
    assert!(found("domain ip table mangle chain PREROUTING CONNMARK set-mark 0x41/0xff;"));
    assert!(found("domain ip table mangle chain PREROUTING CONNMARK set-mark 1;"));
    assert!(!found("domain ip table mangle chain PREROUTING CONNMARK set-mark 0x8000/0xc000;"));
    assert!(!found("domain ip table mangle chain PREROUTING CONNMARK or-mark 0x4000;"));
}

#[test]
fn nothing_is_read_where_nothing_is_affected() {
    let mut fake = Fake::default();
    let (original, reply) = flow(40_000, "tcp 10.0.0.3 10.0.0.2:80");
    fake.begin(original, reply);
    let (ruleset, host) = (with(&db_admits(&[])).ruleset(), host());
    let same = Affected::between(&ruleset, &ruleset);
    let outcome = enforce(&mut fake, &mut Judge::new(&ruleset, &host, REVOKED_BIT), &same).unwrap();
    assert_eq!((outcome, fake.n_calls()), (Outcome::default(), 0));
    assert!(!same.contains(ip("10.0.0.2")));
}
