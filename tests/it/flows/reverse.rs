//! The other direction of a flow that was cut: its packets open nothing, and what they keep alive stands in the way of a
//! permitted flow of the same ports, which is counted and named.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use engine::compile::options::REVOKED_BIT;

use super::node::{Node, client_reaches, server_admits};
use super::stream::{Link, Speaker};
use crate::dataplane::enforce::Family;
use crate::privilege::can_make_namespaces;

/// W13, last sentence: the server may reach the client on every port, so what it sends in the middle of the old flow
/// would be a permitted new flow if its entry had been deleted.
#[test]
fn w13_packets_in_the_middle_of_a_cut_flow_are_never_admitted_as_the_reverse_flow() {
    if !can_make_namespaces("w13 reverse direction") {
        return;
    }
    for link in Link::BOTH {
        for family in Family::BOTH {
            let mut node = Node::new();
            node.policies(&server_admits(&["client"]));
            let mut talk = node.open(link, "shop/client", "shop/server", family);
            // Nobody may reach the server; the server may reach everybody.
            node.policies(&server_admits(&[]));
            for _ in 0..3 {
                assert!(talk.is_cut(Speaker::Server), "{link:?} {family:?}");
            }
            let server = node.cluster.address("shop/server", family);
            let of_server = node.entries(|entry| entry.original.source == server);
            assert_eq!(of_server, [], "the server's packets made a flow of their own");
            assert_eq!(node.entry(&talk).map(|entry| entry.mark), Some(REVOKED_BIT));
        }
    }
}

/// The documented limit: while packets of the old flow come, from either side, a permitted flow of the same addresses and
/// ports in reverse is taken for a part of it.
#[test]
fn dec_14_a_permitted_reverse_flow_of_the_same_ports_waits_for_the_end_of_the_cut_one() {
    if !can_make_namespaces("dec_14 reverse flow") {
        return;
    }
    for family in Family::BOTH {
        let mut node = Node::new();
        node.policies(&[server_admits(&["client"]), client_reaches(&["server"])].concat());
        let [client, server] = ["shop/client", "shop/server"].map(|pod| {
            let at: SocketAddr = (node.cluster.address(pod, family), 8080).into();
            let socket = node.cluster.namespace(pod).run(|| UdpSocket::bind(at)).unwrap().unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            (socket, at)
        });
        let send = |from: &(UdpSocket, SocketAddr), to: &(UdpSocket, SocketAddr)| {
            from.0.send_to(b"x", to.1).unwrap();
            to.0.recv_from(&mut [0]).is_ok()
        };
        assert!(send(&client, &server) && send(&server, &client));
        // Now the server may reach the client, and not the other way round.
        assert_eq!(node.policies(&[server_admits(&[]), client_reaches(&[])].concat()).n_revoked, 1);
        let before = node.dropped_as_revoked();
        assert!(!send(&server, &client), "the reverse flow is its own: tell the documentation");
        assert_eq!(node.dropped_as_revoked(), before + 1);
        // From another port it is a flow of its own.
        let (_, to) = client;
        let at = SocketAddr::from((server.1.ip(), 8081));
        let other = node.cluster.namespace("shop/server").run(|| UdpSocket::bind(at)).unwrap().unwrap();
        assert!(send(&(other, at), &client), "nothing from {at} to {to}");
    }
}
