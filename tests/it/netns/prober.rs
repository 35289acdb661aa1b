//! The prober tells apart what it has to tell apart, before anything is proven with it.

use std::time::Instant;

use watcher::lab::{Answer, Matrix, Outcome, Patience, Probe, Service};

use super::{TWO_NODES, assert_matrix, lab};
use crate::privilege::{can_make_namespaces, report};

const ALL: [Service; 4] = [Service::Tcp(80), Service::Udp(80), Service::Sctp(80), Service::Echo];

/// A node, two pods on it, a process on it and a host outside.
const ONE_NODE: &str = "
    node     n      192.168.0.11  2001:db8:0:1::11
    pod      a      n  10.244.1.11  2001:db8:244:1::11
    pod      b      n  10.244.1.12  2001:db8:244:1::12
    process  sshd   n
    outside  far    203.0.113.10  2001:db8:ffff::10
";

#[test]
fn everybody_reaches_everybody_where_nothing_filters() {
    if !can_make_namespaces("everybody_reaches_everybody") {
        return;
    }
    let start = Instant::now();
    let lab = lab(TWO_NODES, &ALL);
    let built = start.elapsed();
    let mut names = Vec::new();
    for node in ["a", "b"] {
        names.push(format!("node-{node}").into());
        names.extend((1..=6).map(|pod| format!("{node}/p{pod}").into()));
    }
    names.extend(["alpha".into(), "beta".into()]);
    let mut tables = ALL.map(|service| Matrix::unknown(service, &names, &names));
    for cell in tables.iter_mut().flat_map(|table| &mut table.rows).flat_map(|(_, cells)| cells) {
        cell.v4 = cell.v4.map(|_| Outcome::Open);
        cell.v6 = cell.v6.map(|_| Outcome::Open);
    }
    let start = Instant::now();
    let (_, mismatches) = lab.compare(&tables).unwrap();
    let took = start.elapsed();
    assert_eq!(mismatches, []);
    let probes = 2 * ALL.len() * names.len() * (names.len() - 1);
    report(&format!("built in {built:?}; {probes} open probes in {took:?}"));
}

#[test]
fn each_way_to_deny_is_told_apart() {
    if !can_make_namespaces("each_way_to_deny") {
        return;
    }
    let lab = lab(ONE_NODE, &[Service::Tcp(80), Service::Udp(80), Service::Sctp(80), Service::Tcp(81)]);
    let deny = |how: &str| {
        format!("flush ruleset; table inet t {{ chain f {{ type filter hook forward priority 0; {how} }}; }}")
    };
    let node = lab.namespace("n").unwrap();

    node.nft(&deny("drop;")).unwrap();
    assert_matrix(
        &lab,
        &["80/TCP", "80/UDP", "80/SCTP", "echo"].map(|service| format!("{service} b n\na drop open\n\n")).concat(),
    );

    node.nft(&deny("reject with icmpx admin-prohibited;")).unwrap();
    assert_matrix(
        &lab,
        &["80/TCP", "80/UDP", "80/SCTP", "echo"]
            .map(|service| format!("{service} b n\na unreachable open\n\n"))
            .concat(),
    );

    node.nft(&deny("meta l4proto tcp reject with tcp reset; reject with icmpx port-unreachable;")).unwrap();
    assert_matrix(
        &lab,
        &["80/TCP", "80/UDP", "80/SCTP"].map(|service| format!("{service} b n\na refused open\n\n")).concat(),
    );

    // A port on which nobody listens is refused by its host, and a policy that drops comes first.
    node.nft("flush ruleset; table inet t { chain f { type filter hook forward priority 0; tcp dport 83 drop; }; }")
        .unwrap();
    assert_matrix(&lab, "82/TCP b n\na refused refused\n\n83/TCP b n\na drop refused\n\n81/TCP b\nfar open\n");
}

#[test]
fn families_are_asked_apart() {
    if !can_make_namespaces("families_are_asked_apart") {
        return;
    }
    let lab = lab(ONE_NODE, &ALL);
    let node = lab.namespace("n").unwrap();
    node.nft("table ip6 t { chain f { type filter hook forward priority 0; drop; }; }").unwrap();
    assert_matrix(
        &lab,
        &["80/TCP", "80/UDP", "80/SCTP", "echo"]
            .map(|s| format!("{s} b far n\na open|drop open|drop open\n\n"))
            .concat(),
    );
}

#[test]
fn a_process_on_the_node_is_not_forwarded() {
    if !can_make_namespaces("a_process_on_the_node") {
        return;
    }
    let lab = lab(ONE_NODE, &ALL);
    let node = lab.namespace("n").unwrap();
    node.nft(
        "table inet t { chain f { type filter hook forward priority 0; drop; };
                        chain i { type filter hook input priority 0; tcp dport 80 iifname eth0 drop; }; }",
    )
    .unwrap();
    assert_matrix(&lab, "80/TCP a b n sshd\na - drop open open\nfar drop drop drop drop\nsshd open open - -\n");
}

#[test]
fn a_bridge_without_calls_is_past_the_ip_hooks() {
    if !can_make_namespaces("a_bridge_without_calls") {
        return;
    }
    let drop = "table inet t { chain f { type filter hook forward priority 0; drop; }; }";
    for (plumbing, cell) in [("bridge", "drop"), ("bridge-without-calls", "open")] {
        let lab = lab(&format!("plumbing {plumbing}\n{ONE_NODE}"), &ALL);
        assert_matrix(&lab, "80/TCP a b n far\na - open open open\nfar open open open -\n");
        lab.namespace("n").unwrap().nft(drop).unwrap();
        assert_matrix(&lab, &format!("80/TCP b n far\na {cell} open drop\n"));
    }
}

#[test]
fn a_virtual_service_is_answered_by_its_pod() {
    if !can_make_namespaces("a_virtual_service") {
        return;
    }
    let description =
        format!("{ONE_NODE}\nservice 198.18.0.1 2001:db8:5e::1 80/TCP b:8080\nservice 198.18.0.1 53/UDP b:53\n");
    let lab = lab(&description, &[Service::Tcp(8080), Service::Udp(53)]);
    let ask = |from: &str, to: &str, service| Probe { from: from.into(), to: to.parse().unwrap(), service };
    let probes = [
        ask("a", "198.18.0.1", Service::Tcp(80)),
        ask("a", "2001:db8:5e::1", Service::Tcp(80)),
        ask("n", "198.18.0.1", Service::Tcp(80)),
        ask("b", "198.18.0.1", Service::Tcp(80)),
        ask("a", "198.18.0.1", Service::Udp(53)),
    ];
    for (probe, answer) in probes.iter().zip(lab.probe(&probes, Patience::LONG).unwrap()) {
        assert_eq!(answer, Answer { outcome: Outcome::Open, by: Some("b".into()) }, "{probe:?}");
    }
}

#[test]
fn drops_cost_one_wait_for_many_probes() {
    if !can_make_namespaces("drops_cost_one_wait") {
        return;
    }
    let lab = lab(TWO_NODES, &[]);
    for node in ["node-a", "node-b"] {
        let drop = "table inet t { chain f { type filter hook forward priority 0; drop; }; }";
        lab.namespace(node).unwrap().nft(drop).unwrap();
    }
    let mut probes = Vec::new();
    for from in 1..=6 {
        for to in lab.addresses("b/p1").unwrap() {
            let ask = |port| Probe { from: format!("a/p{from}").into(), to: *to, service: Service::Tcp(port) };
            probes.extend((1..=100).map(ask));
        }
    }
    let start = Instant::now();
    let answers = lab.probe(&probes, Patience::default()).unwrap();
    let took = start.elapsed();
    assert!(answers.iter().all(|answer| answer.outcome == Outcome::Dropped));
    let count = u32::try_from(probes.len()).unwrap();
    let rate = f64::from(count) / took.as_secs_f64();
    report(&format!("{count} dropped probes in {took:?}: {rate:.0} a second"));
    assert!(rate > 200.0, "only {rate:.0} probes a second");
}
