//! What is still permitted loses nothing, and `keepEstablished` cuts nothing.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use engine::compile::options::{Established, PodOptions};
use engine::revoke::Outcome;

use super::node::{Node, client_reaches, server_admits};
use super::stream::{Link, Speaker};
use crate::dataplane::enforce::{Family, Rules, counted};
use crate::privilege::can_make_namespaces;

/// Where the counted flows go.
const PORT: u16 = 7_000;
/// Flows that are counted, of each family.
const FLOWS: usize = 16;
/// Datagrams of each flow in one round, and rounds a second.
const PAUSE: Duration = Duration::from_millis(2);
/// How often policy changes meanwhile.
const CHANGES: usize = 20;

/// What comes in from the client and what goes out to the remote pod, counted by the node's kernel: sockets lose what
/// their buffers do not hold.
const ACCOUNT: &str = "table inet account {
    counter came { }
    counter went { }
    chain before { type filter hook prerouting priority -500; iifname cali1 udp dport 7000 counter name came; }
    chain after { type filter hook postrouting priority 500; iifname cali1 udp dport 7000 counter name went; }
}
";

#[test]
fn sem_101_a_flow_that_is_still_permitted_loses_no_packet_while_others_are_cut() {
    if !can_make_namespaces("sem_101 nothing lost") {
        return;
    }
    let mut node = Node::new();
    node.cluster.namespace("node-a").nft(ACCOUNT).unwrap();
    let permitted = [client_reaches(&["server", "remote"]), server_admits(&["client"])].concat();
    let tightened = [client_reaches(&["remote"]), server_admits(&["other"])].concat();
    node.policies(&permitted);
    let mut cut = node.open(Link::Tcp, "shop/client", "shop/server", Family::V4);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for family in Family::BOTH {
            let (client, remote) = (node.cluster.namespace("shop/client"), node.cluster.namespace("shop/remote"));
            let (from, to) = (node.cluster.address("shop/client", family), node.cluster.address("shop/remote", family));
            let (sockets, server) = (
                client.run(|| (0..FLOWS).map(|_| UdpSocket::bind((from, 0)).unwrap()).collect::<Vec<_>>()).unwrap(),
                remote.run(|| UdpSocket::bind((to, PORT)).unwrap()).unwrap(),
            );
            // Each flow is answered once, so that it is an established one.
            for socket in &sockets {
                socket.connect((to, PORT)).unwrap();
                socket.send(b"?").unwrap();
                let (_, asker) = server.recv_from(&mut [0]).unwrap();
                server.send_to(b"!", asker).unwrap();
                socket.recv(&mut [0]).unwrap();
            }
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    for socket in &sockets {
                        assert_eq!(socket.send(b".").unwrap(), 1);
                    }
                    thread::sleep(PAUSE);
                }
                drop(server);
            });
        }
        for _ in 0..CHANGES {
            assert_eq!(node.policies(&tightened).n_revoked, 1);
            assert_eq!(node.policies(&permitted).n_restored, 1);
        }
        assert_eq!(node.policies(&tightened).n_revoked, 1);
        assert!(cut.is_cut(Speaker::Server));
        over.store(true, Ordering::Relaxed);
    });
    let router = node.cluster.namespace("node-a");
    // Between namespaces packets wait for nothing but the processor.
    thread::sleep(Duration::from_millis(200));
    let [came, went] = ["came", "went"].map(|counter| counted(router, "account", counter));
    assert!(came > 2_000, "only {came} packets were counted");
    assert_eq!(came, went, "{} packets were lost", came - went);
}

#[test]
fn sem_101_keep_established_keeps_and_cuts_new_flows_only() {
    if !can_make_namespaces("sem_101 keepEstablished") {
        return;
    }
    let keeping = || PodOptions { established: Established::Keep, ..PodOptions::default() };
    for family in Family::BOTH {
        let mut node = Node::new();
        let (before, after) = (server_admits(&["client"]), server_admits(&["other"]));
        node.enforce(&Rules { policies: &before, options: keeping(), ..Rules::default() });
        let mut flows = Link::BOTH.map(|link| node.open(link, "shop/client", "shop/server", family));
        let outcome = node.enforce(&Rules { policies: &after, options: keeping(), ..Rules::default() });
        assert_eq!(outcome, Outcome::default());
        for flow in &mut flows {
            assert!(flow.arrives(Speaker::Server) && flow.arrives(Speaker::Client), "{flow:?}");
        }
        // Who changes the mind later cuts what was kept.
        assert_eq!(node.policies(&after).n_revoked, 2);
        for flow in &mut flows {
            assert!(flow.is_cut(Speaker::Server), "{flow:?}");
        }
        // And the other way round what was cut goes on.
        node.enforce(&Rules { policies: &after, options: keeping(), ..Rules::default() });
        for flow in &mut flows {
            assert!(flow.arrives(Speaker::Server), "{flow:?}");
        }
    }
}
