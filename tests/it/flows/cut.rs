//! What is no longer permitted stops, both ways, and goes on when it is permitted again.

use engine::compile::options::REVOKED_BIT;
use engine::revoke::Outcome;

use super::node::{Node, VIRTUAL, client_admits, client_reaches, server_admits};
use super::stream::{Link, Speaker, Talk};
use crate::dataplane::enforce::Family;
use crate::privilege::can_make_namespaces;

#[track_caller]
fn assert_cut(node: &Node, talk: &mut Talk, about: &str) {
    let before = node.dropped_as_revoked();
    assert!(talk.is_cut(Speaker::Server), "{about}: the server is still heard");
    assert!(talk.is_cut(Speaker::Client), "{about}: the client is still heard");
    assert!(node.dropped_as_revoked() > before, "{about}: nothing was counted as revoked");
}

#[track_caller]
fn assert_open(talk: &mut Talk, about: &str) {
    assert!(talk.arrives(Speaker::Client), "{about}: the client is not heard");
    assert!(talk.arrives(Speaker::Server), "{about}: the server is not heard");
}

/// sem-101, sem-102, W13: both protocols, both families, straight and translated, tightened at either end.
#[test]
fn sem_101_a_flow_that_is_no_longer_permitted_stops_both_ways_and_goes_on_when_it_is_again() {
    if !can_make_namespaces("sem_101 cut and restored") {
        return;
    }
    let mut node = Node::new();
    let permitted = [server_admits(&["client", "other"]), client_reaches(&["server", "remote"])].concat();
    assert_eq!(node.policies(&permitted), Outcome { n_read: 0, n_judged: 0, ..Outcome::default() });
    let tightened = [
        ("at the server", [server_admits(&["other"]), client_reaches(&["server", "remote"])].concat()),
        ("at the client", [server_admits(&["client", "other"]), client_reaches(&["remote"])].concat()),
    ];
    for link in Link::BOTH {
        for family in Family::BOTH {
            let [v4, v6] = VIRTUAL;
            let virtual_address = if family == Family::V4 { v4 } else { v6 };
            let straight = node.cluster.address("shop/server", family);
            for to in [straight, virtual_address.parse().unwrap()] {
                let mut talk = node.open_to(link, "shop/client", to, "shop/server", family);
                let mut untouched = node.open_to(
                    link,
                    "shop/client",
                    node.cluster.address("shop/remote", family),
                    "shop/remote",
                    family,
                );
                let entry = node.entry(&talk).unwrap();
                for (where_, policies) in &tightened {
                    let about = format!("{link:?} to {to}, tightened {where_}");
                    let outcome = node.policies(policies);
                    // Flows of the rounds before, which are over, are judged with it as long as they have entries.
                    assert!(outcome.n_revoked > 0 && outcome.n_restored == 0, "{about}: {outcome:?}");
                    assert_cut(&node, &mut talk, &about);
                    assert_open(&mut untouched, &about);
                    let kept = node.entry(&talk).unwrap_or_else(|| panic!("{about}: its entry is gone"));
                    assert_eq!((kept.flow.id, kept.mark), (entry.flow.id, REVOKED_BIT), "{about}");

                    let outcome = node.policies(&permitted);
                    assert!(outcome.n_revoked == 0 && outcome.n_restored > 0, "{about}: {outcome:?}");
                    assert_open(&mut talk, &about);
                    assert_eq!(node.entry(&talk).map(|entry| (entry.flow.id, entry.mark)), Some((entry.flow.id, 0)));
                }
            }
        }
    }
}

/// sem-102: UDP that was not answered yet. Its first answer would make it an established flow.
#[test]
fn sem_102_an_answer_to_what_is_no_longer_permitted_does_not_pass() {
    if !can_make_namespaces("sem_102 unanswered") {
        return;
    }
    for family in Family::BOTH {
        let mut node = Node::new();
        node.policies(&server_admits(&["client"]));
        let at = (node.cluster.address("shop/server", family), 8080).into();
        let (client, server) = (node.cluster.namespace("shop/client"), node.cluster.namespace("shop/server"));
        let mut talk = Talk::ask(client, at, server, at);
        assert_eq!(node.policies(&server_admits(&["other"])).n_revoked, 1);
        assert_cut(&node, &mut talk, "unanswered");
        assert_eq!(node.policies(&server_admits(&["client"])).n_restored, 1);
        assert_open(&mut talk, "unanswered, permitted again");
    }
}

/// sem-103: flows from before palisade, from the window in which a pod was not known, and from before a take-over.
#[test]
fn sem_103_flows_from_before_the_rules_are_judged_too() {
    if !can_make_namespaces("sem_103 early flows") {
        return;
    }
    for link in Link::BOTH {
        for family in Family::BOTH {
            let mut node = Node::new();
            let mut denied = node.open(link, "shop/client", "shop/server", family);
            let mut allowed = node.open(link, "shop/client", "shop/remote", family);
            let outcome = node.policies(&server_admits(&["other"]));
            assert_eq!((outcome.n_judged, outcome.n_revoked), (2, 1), "{outcome:?}");
            assert_cut(&node, &mut denied, "first install");
            assert_open(&mut allowed, "first install");

            // The table stays, whoever loaded it is another, and somebody has cleared the mark.
            node.clear_mark(&denied);
            assert!(denied.arrives(Speaker::Server), "the mark was not what cut it");
            node.is_taken_over();
            assert_eq!(node.policies(&server_admits(&["other"])).n_revoked, 1);
            assert_cut(&node, &mut denied, "taken over");
        }
    }
}

/// Of a flow that nothing tracked, the next packet is its first, whichever side it comes from.
#[test]
fn sem_103_a_flow_that_nothing_tracked_is_judged_by_its_next_packet() {
    if !can_make_namespaces("sem_103 untracked flows") {
        return;
    }
    for link in Link::BOTH {
        for family in Family::BOTH {
            let mut node = Node::without_tracking();
            let mut talk = node.open(link, "shop/client", "shop/server", family);
            let outcome = node.policies(&server_admits(&["other"]));
            assert_eq!(outcome.n_judged, 0, "{outcome:?}");
            assert!(talk.is_cut(Speaker::Client), "the client is let in");
            // The server may speak to the client, and what it says opens the flow as its own.
            assert_open_by_the_server(&mut talk);
            let both = [server_admits(&["other"]), client_admits(&["other"])].concat();
            assert_eq!(node.policies(&both).n_revoked, 1);
            assert_cut(&node, &mut talk, "closed both ways");
        }
    }
}

#[track_caller]
fn assert_open_by_the_server(talk: &mut Talk) {
    assert!(talk.arrives(Speaker::Server), "the server is not heard");
    assert!(talk.arrives(Speaker::Client), "the client does not answer");
}

#[test]
fn sem_103_a_flow_from_before_a_pod_was_known_is_cut_when_it_is() {
    if !can_make_namespaces("sem_103 unknown pod") {
        return;
    }
    let mut node = Node::new();
    let known = node.cluster.inventory.clone();
    node.cluster.pending("shop/server");
    let policies = server_admits(&["other"]);
    node.policies(&policies);
    let mut early = node.open(Link::Tcp, "shop/client", "shop/server", Family::V4);
    node.cluster.inventory = known;
    let outcome = node.policies(&policies);
    assert_eq!((outcome.n_judged, outcome.n_revoked), (1, 1), "{outcome:?}");
    assert_cut(&node, &mut early, "early");
}

/// decisions.md 14: an address that gets a new owner.
#[test]
fn dec_14_the_flows_of_an_address_with_a_new_owner_are_judged_again() {
    if !can_make_namespaces("dec_14 new owner") {
        return;
    }
    let mut node = Node::new();
    let policies = server_admits(&["client", "remote"]);
    node.policies(&policies);
    let mut local = node.open(Link::Tcp, "shop/client", "shop/server", Family::V4);
    let mut remote = node.open(Link::Tcp, "shop/remote", "shop/server", Family::V4);
    let unconcerned = node.open(Link::Tcp, "shop/other", "alpha", Family::V4);
    // The same addresses, and nobody of that label.
    for old in ["client", "remote"] {
        node.relabel(&format!("shop/{old}"), &format!("new-{old}"));
    }
    let outcome = node.policies(&policies);
    assert_eq!((outcome.n_judged, outcome.n_revoked), (2, 2), "{outcome:?}");
    assert_cut(&node, &mut local, "a local pod");
    assert_cut(&node, &mut remote, "a pod elsewhere");
    assert_eq!(node.entry(&unconcerned).map(|entry| entry.mark), Some(0));
}

/// sem-83: the node itself reaches its pods, so its flows are not judged; what it answers to a pod's flow is.
#[test]
fn sem_83_the_nodes_own_flows_to_its_pods_go_on() {
    if !can_make_namespaces("sem_83 own node") {
        return;
    }
    let mut node = Node::new();
    let mut probe = node.open(Link::Tcp, "kubelet", "shop/server", Family::V4);
    let mut to_node = node.open(Link::Tcp, "shop/client", "kubelet", Family::V6);
    let outcome = node.policies(&[server_admits(&[]), client_reaches(&["server"])].concat());
    assert_eq!((outcome.n_judged, outcome.n_revoked), (2, 1), "{outcome:?}");
    assert_open(&mut probe, "from the node");
    assert_cut(&node, &mut to_node, "to the node");
}
