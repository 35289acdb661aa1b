//! How a denial ends, and what is counted and logged where a packet is denied or only noticed.

use engine::compile::options::{Denial, Invalid, PodOptions};
use watcher::lab::{Body, Capture, Crafted};

use super::enforce::{Cluster, Family, Rules, baseline, counted, deny_all};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

const PORTS: [&str; 3] = ["8080/TCP", "8080/UDP", "8081/TCP"];

/// The packets that the counters of a node whose names begin so have counted.
fn counted_by(cluster: &Cluster, node: &str, beginning: &str) -> u64 {
    let listing = cluster.namespace(node).nft_list(&["list", "counters", "table", "inet", "palisade"]).unwrap();
    let names = listing.lines().filter_map(|line| line.trim().strip_prefix("counter ")?.split(' ').next());
    let names: Vec<&str> = names.filter(|name| name.starts_with(beginning)).collect();
    assert!(!names.is_empty(), "no counter {beginning} in {listing}");
    names.into_iter().map(|name| counted(cluster.namespace(node), "palisade", name)).sum()
}

#[test]
fn dec_15_a_denial_is_silence_unless_reject_is_asked_for() {
    if !can_make_namespaces("dec_15_reject") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let policies = deny_all("shop", "Ingress");
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    let tables = |tcp: &str, other: &str| {
        format!(
            "8080/TCP shop/web shop/api\nops/agent {tcp} {tcp}\nalpha {tcp} {tcp}\n\n\
             8080/UDP shop/web shop/api\nops/agent {other} {other}\nalpha {other} {other}\n"
        )
    };
    cluster.assert_tables("drop", &tables("drop", "drop"));

    let options = PodOptions { denial: Denial::Reject, ..PodOptions::default() };
    cluster.enforce(&Rules { policies: &policies, options, ..Rules::default() });
    cluster.assert_tables("reject", &tables("refused", "unreachable"));
}

#[test]
fn an_audited_entry_counts_and_decides_nothing_and_a_logged_one_decides_and_counts() {
    if !can_make_namespaces("audit and log") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let everybody = "\"0.0.0.0/0\", \"::/0\"";
    let text = baseline(&format!(
        "deny:\n- {{name: not-yet, to: [{everybody}], ports: [8080/TCP], audit: true}}\n\
         always:\n- {{name: seen, to: [{everybody}], ports: [8080/TCP], log: true}}\n\
         allow:\n- {{name: passed, to: [{everybody}], ports: [8080/UDP], log: true}}\n\
         default: deny\n"
    ));
    let policies = deny_all("shop", "Egress");
    cluster.enforce(&Rules { policies: &policies, baseline: &text, ..Rules::default() });
    // What is only audited goes on to the next entry; what `always` lists is open whatever the tenant says; what is
    // passed on is closed by the tenant of `shop` and nobody else; the rest is closed by the baseline.
    cluster.assert_tables(
        "audited, always, allowed, the rest",
        "8080/TCP alpha\nshop/web open\nops/agent open\n\n\
         8080/UDP alpha\nshop/web drop\nops/agent open\n\n\
         8081/TCP alpha\nshop/web drop\nops/agent drop\n",
    );
    for (beginning, at_least) in
        [("pl_audit_eg_baseline", 4), ("pl_log_eg_baseline", 6), ("pl_deny_eg_np", 2), ("pl_deny_eg_baseline", 4)]
    {
        let packets = counted_by(&cluster, "node-a", beginning);
        assert!(packets >= at_least, "{beginning}: {packets} packets");
    }
}

#[test]
fn sem_67_fragmentation_needed_is_neither_audited_nor_logged() {
    if !can_make_namespaces("sem_67_noted") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let everybody = "\"0.0.0.0/0\", \"::/0\"";
    let text = baseline(&format!(
        "deny:\n- {{name: not-yet, to: [{everybody}], audit: true}}\n\
         always:\n- {{name: seen, to: [{everybody}], log: true}}\ndefault: deny\n"
    ));
    // Nothing that conntrack knows passes by itself: it has seen nothing of what the errors are about.
    let options = PodOptions { invalid: Invalid::Judge, ..PodOptions::default() };
    cluster.enforce(&Rules { baseline: &text, options, ..Rules::default() });
    let [agent, alpha] = ["ops/agent", "alpha"].map(|name| cluster.address(name, Family::V4));
    let error = |code: u8, word: &str| {
        let about = Crafted::new(alpha, agent, Body::Udp(5000, 5001, word.into())).encode();
        Crafted::new(agent, alpha, Body::Icmp(3, code, [vec![0; 4], about].concat())).encode()
    };
    let mut capture = Capture::open(cluster.namespace("alpha")).unwrap();
    cluster.lab.send("ops/agent", None, &[error(4, "needed"), error(1, "unreachable")]).unwrap();
    for word in ["needed", "unreachable"] {
        capture.wait_for(word.as_bytes()).unwrap();
    }
    for beginning in ["pl_audit_eg_baseline", "pl_log_eg_baseline"] {
        assert_eq!(counted_by(&cluster, "node-a", beginning), 1, "{beginning}");
    }
}
