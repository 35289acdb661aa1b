//! Packets that conntrack calls invalid, and addresses of load balancers that answer directly: packets in the middle of
//! connections that nobody on the way has seen begin.

use engine::compile::options::{Invalid, PodOptions};
use engine::place::{Cause, Event, Place};
use watcher::lab::{Body, Capture, Crafted, flags};

use super::enforce::{Cluster, Family, Rules, counted, deny_all, policy};
use super::icmp::after_everything;
use crate::privilege::can_make_namespaces;

/// `lan` hangs on the node and is no pod.
const NODES: &str = "
    node     node-a     192.168.0.11  2001:db8:0:1::11
    pod      shop/web   node-a  10.244.1.11  2001:db8:244:1::11
    pod      shop/db    node-a  10.244.1.12  2001:db8:244:1::12
    pod      ops/agent  node-a  10.244.1.13  2001:db8:244:1::13
    pod      lan        node-a  10.50.0.5    2001:db8:50::5
    outside  alpha      203.0.113.10  2001:db8:ffff::10
";

/// A virtual address that `alpha` answers for, and one that the node does.
const VIPS: [&str; 4] = ["198.18.0.5", "2001:db8:18::5", "198.18.0.6", "2001:db8:18::6"];

/// What a stream has besides its first packet. A mere acknowledgement is a new connection to conntrack, the others are
/// invalid.
const MIDDLE: [(&str, u8); 4] =
    [("ack", flags::ACK), ("syn-ack", flags::SYN | flags::ACK), ("fin", flags::FIN | flags::ACK), ("rst", flags::RST)];

const WATCH: &str = "table inet watch {
    counter delivered { }
    chain in { type filter hook input priority 300; tcp dport 8080 counter name delivered; }
}";

fn cluster() -> Cluster {
    let cluster = Cluster::new(NODES, &["8080/TCP"]);
    let [alpha4, alpha6, node4, node6] = VIPS;
    let fabric = cluster.lab.fabric();
    fabric
        .ip(&format!("route add {alpha4} via 203.0.113.10 dev lk2\nroute add {alpha6} via 2001:db8:ffff::10 dev lk2\n"))
        .unwrap();
    fabric
        .ip(&format!("route add {node4} via 192.168.0.11 dev lk1\nroute add {node6} via 2001:db8:0:1::11 dev lk1\n"))
        .unwrap();
    for (host, [v4, v6]) in [("alpha", [alpha4, alpha6]), ("node-a", [node4, node6])] {
        cluster.namespace(host).ip(&format!("addr add {v4}/32 dev lo\naddr add {v6}/128 dev lo nodad\n")).unwrap();
    }
    cluster.namespace("node-a").nft(WATCH).unwrap();
    cluster
}

fn declared() -> PodOptions {
    PodOptions { virtual_addresses: VIPS.map(|vip| vip.parse().unwrap()).into(), ..PodOptions::default() }
}

/// Sends the middle of a stream and its end, and says which of these packets arrive. A datagram follows that nothing
/// forbids.
fn arriving(cluster: &Cluster, source: (&str, &str), destination: (&str, &str), round: &str) -> Vec<&'static str> {
    let mut capture = Capture::open(cluster.namespace(destination.0)).unwrap();
    let from = source.1.parse().unwrap();
    let to = destination.1.parse().unwrap();
    let data = |word: &str| format!("{round}: {word} of {source:?} to {destination:?};");
    let packets = MIDDLE.map(|(word, flags)| {
        // Each from a port of its own: the answer to one must not make the next one known.
        let port = 5000 + u16::from(flags) + u16::try_from(round.len()).unwrap() * 64;
        Crafted::new(from, to, Body::Tcp(port, 8080, flags, data(word).into())).encode()
    });
    cluster.lab.send(source.0, None, &packets).unwrap();
    let last = Crafted::new(from, to, Body::Udp(5999, 9, data("last").into())).encode();
    cluster.lab.send(source.0, None, &[last]).unwrap();
    capture.wait_for(data("last").as_bytes()).unwrap();
    let words = MIDDLE.into_iter().map(|(word, _)| word);
    words.filter(|word| capture.has(data(word).as_bytes()).unwrap()).collect()
}

const ALL: [&str; 4] = ["ack", "syn-ack", "fin", "rst"];

/// Everything that is wanted of `ops/agent` and `shop/web`; UDP to port 9 passes, so that each test has an end.
fn policies() -> String {
    let vips = "{ipBlock: {cidr: 198.18.0.5/32}}, {ipBlock: {cidr: '2001:db8:18::5/128'}}";
    deny_all("shop", "Ingress, Egress")
        + &policy(
            "shop/web",
            "Egress",
            &format!("[{{ports: [{{protocol: UDP, port: 9}}]}}, {{to: [{vips}], ports: [{{port: 8080}}]}}]"),
        )
        + &policy("shop/db", "Egress", "[{ports: [{protocol: UDP, port: 9}]}]")
        + &policy("shop/db", "Ingress", "[{ports: [{protocol: UDP, port: 9}]}]")
}

#[test]
fn dataplane_0_10_invalid_packets_are_dropped_for_local_pods_only_and_can_be_judged_instead() {
    if !can_make_namespaces("invalid_scoped") {
        return;
    }
    let cluster = cluster();
    let policies = policies();
    let node = cluster.namespace("node-a");
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    let place = Place { event: Event::Denied, cause: Cause::Invalid }.name("", "");
    let mut dropped = 0;
    let at = |name: &str, family| cluster.address(name, family).to_string();
    for family in Family::BOTH {
        let [alpha, agent, lan, own] = ["alpha", "ops/agent", "lan", "node-a"].map(|name| at(name, family));
        assert_eq!(arriving(&cluster, ("alpha", &alpha), ("ops/agent", &agent), "dropped"), ["ack"], "{family:?}");
        assert_eq!(arriving(&cluster, ("ops/agent", &agent), ("alpha", &alpha), "dropped"), ["ack"], "{family:?}");
        dropped += 6;
        assert_eq!(counted(node, "palisade", place.as_str()), dropped, "{family:?}");
        // Neither what is forwarded to others nor what is the node's own is touched.
        assert_eq!(arriving(&cluster, ("alpha", &alpha), ("lan", &lan), "others"), ALL, "{family:?}");
        assert_eq!(arriving(&cluster, ("lan", &lan), ("alpha", &alpha), "others"), ALL, "{family:?}");
        let before = counted(node, "watch", "delivered");
        assert_eq!(arriving(&cluster, ("alpha", &alpha), ("node-a", &own), "own"), ALL, "{family:?}");
        assert_eq!(counted(node, "watch", "delivered"), before + 4, "{family:?}");
    }

    let options = PodOptions { invalid: Invalid::Judge, ..PodOptions::default() };
    cluster.enforce(&Rules { policies: &policies, options, ..Rules::default() });
    for family in Family::BOTH {
        let [alpha, agent, db] = ["alpha", "ops/agent", "shop/db"].map(|name| at(name, family));
        assert_eq!(arriving(&cluster, ("alpha", &alpha), ("ops/agent", &agent), "judged"), ALL, "{family:?}");
        assert_eq!(arriving(&cluster, ("ops/agent", &agent), ("alpha", &alpha), "judged"), ALL, "{family:?}");
        assert_eq!(arriving(&cluster, ("alpha", &alpha), ("shop/db", &db), "judged"), [""; 0], "{family:?}");
        assert_eq!(arriving(&cluster, ("shop/db", &db), ("alpha", &alpha), "judged"), [""; 0], "{family:?}");
    }
}

#[test]
fn dataplane_3_7_declared_virtual_addresses_are_asked_no_conntrack() {
    if !can_make_namespaces("virtual_addresses") {
        return;
    }
    let cluster = cluster();
    let policies = policies();
    for (options, agent_gets) in [(PodOptions::default(), &ALL[..1]), (declared(), &ALL[..])] {
        let round = if options.virtual_addresses.is_empty() { "undeclared" } else { "declared one" };
        let web_gets = agent_gets;
        cluster.enforce(&Rules { policies: &policies, options, ..Rules::default() });
        for (family, vip) in Family::BOTH.into_iter().zip(VIPS) {
            let at = |name: &str| cluster.address(name, family).to_string();
            let [agent, web, db] = ["ops/agent", "shop/web", "shop/db"].map(at);
            assert_eq!(
                arriving(&cluster, ("ops/agent", &agent), ("alpha", vip), round),
                agent_gets,
                "{round} {family:?}"
            );
            assert_eq!(
                arriving(&cluster, ("alpha", vip), ("ops/agent", &agent), round),
                agent_gets,
                "{round} {family:?}"
            );
            // Policy binds all the same: one pod may reach it, the other not.
            assert_eq!(arriving(&cluster, ("shop/web", &web), ("alpha", vip), round), web_gets, "{round} {family:?}");
            assert_eq!(arriving(&cluster, ("shop/db", &db), ("alpha", vip), round), [""; 0], "{round} {family:?}");
        }
    }
}

#[test]
fn dataplane_3_7_declared_virtual_addresses_pass_the_hosts_rules_before_those_ask_conntrack() {
    if !can_make_namespaces("virtual_addresses_of_the_host") {
        return;
    }
    let cluster = cluster();
    let node = cluster.namespace("node-a");
    let host = "domain (ip ip6) table filter {
        chain INPUT { proto udp ACCEPT; mod state state INVALID DROP; }
        chain OUTPUT { proto udp ACCEPT; mod state state INVALID DROP; }
    }";
    for (options, delivered) in [(PodOptions::default(), 1), (declared(), 4)] {
        let round = if options.virtual_addresses.is_empty() { "undeclared" } else { "declared one" };
        cluster.enforce(&Rules { host, options, ..Rules::default() });
        for (family, vip) in Family::BOTH.into_iter().zip(&VIPS[2..]) {
            let at = |name: &str| cluster.address(name, family).to_string();
            let before = counted(node, "watch", "delivered");
            arriving(&cluster, ("alpha", &at("alpha")), ("node-a", vip), round);
            after_everything(&cluster, "ops/agent");
            assert_eq!(counted(node, "watch", "delivered"), before + delivered, "{round} {family:?}");
            // What the node answers with bears the virtual address too.
            let out = arriving(&cluster, ("node-a", vip), ("alpha", &at("alpha")), round);
            assert_eq!(out.len(), usize::try_from(delivered).unwrap(), "{round} {family:?} {out:?}");
            // Its other addresses are judged as before.
            let own = at("node-a");
            let before = counted(node, "watch", "delivered");
            arriving(&cluster, ("alpha", &at("alpha")), ("node-a", &own), round);
            after_everything(&cluster, "ops/agent");
            assert_eq!(counted(node, "watch", "delivered"), before + 1, "{round} {family:?}");
        }
    }
}
