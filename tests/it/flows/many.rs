//! 100,000 connections.

use std::net::UdpSocket;
use std::time::Instant;

use engine::compile::options::REVOKED_BIT;

use super::node::{Node, server_admits};
use crate::dataplane::enforce::Family;
use crate::privilege::{can_make_namespaces, report};

/// Flows of each of two clients.
const EACH: u16 = 50_000;
/// The first port that they go to.
const FIRST: u16 = 10_000;

/// Opens that many flows from each of two pods to ports of the server, which answers nothing.
pub(super) fn send(node: &Node, each: u16) {
    let silence =
        "table inet silence { chain c { type filter hook prerouting priority -300; udp dport >= 10000 drop; }; }";
    node.cluster.namespace("shop/server").nft(silence).unwrap();
    let to = node.cluster.address("shop/server", Family::V4);
    for pod in ["shop/client", "shop/other"] {
        let from = node.cluster.address(pod, Family::V4);
        let socket = node.cluster.namespace(pod).run(|| UdpSocket::bind((from, 0)).unwrap()).unwrap();
        for port in FIRST..FIRST + each {
            // The queue of received packets, which all namespaces share, has no room now and then.
            while socket.send_to(b".", (to, port)).is_err() {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn a_hundred_thousand_flows_are_judged_and_only_those_of_affected_pods() {
    if !can_make_namespaces("100,000 flows") {
        return;
    }
    let mut node = Node::new();
    // Nothing answers, so nothing but these is what keeps the entries: longer than a slow machine takes.
    let long = [("netfilter/nf_conntrack_udp_timeout", "600")];
    node.cluster.namespace("node-a").sysctl(&long).unwrap();
    node.policies(&server_admits(&["client", "other"]));
    send(&node, EACH);
    let there = node.entries(|_| true).len();
    assert!(there >= 99_000, "only {there} of 100,000 flows are tracked");

    let mut judge = |about: &str, policies: &str| {
        let begun = Instant::now();
        let outcome = node.policies(policies);
        report(&format!("100,000 flows, {about}: {outcome:?}, {:?} with compile and swap", begun.elapsed()));
        outcome
    };
    // A pod that has none of them is concerned.
    let idle = [server_admits(&["client", "other"]), crate::dataplane::enforce::policy("shop/remote", "Ingress", "[]")];
    assert_eq!(judge("none of an affected pod", &idle.concat()).n_judged, 0);
    let half = judge("half of them are cut", &server_admits(&["client"]));
    assert_eq!((half.n_judged, half.n_revoked, half.n_restored), (there, there / 2, 0));
    let all = judge("all of them are cut", &server_admits(&[]));
    assert_eq!((all.n_judged, all.n_revoked, all.n_restored), (there, there - there / 2, 0));
    let again = judge("all of them go on", &server_admits(&["client", "other"]));
    assert_eq!((again.n_judged, again.n_revoked, again.n_restored), (there, 0, there));
    node.is_taken_over();
    let taken_over = node.policies(&server_admits(&["client"]));
    assert_eq!((taken_over.n_judged, taken_over.n_revoked, taken_over.n_gone), (there, there / 2, 0));
    assert_eq!(node.entries(|entry| entry.mark == REVOKED_BIT).len(), there / 2);
    assert_eq!(node.entries(|_| true).len(), there);
}
