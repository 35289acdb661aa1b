//! Pods that send from addresses that are not their own.

use engine::compile::options::{LocalPods, PodOptions, SourceCheck};
use engine::place::{Cause, Event, Place};
use watcher::lab::{Body, Capture, Crafted};

use super::enforce::{Cluster, Family, Rules, counted};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

/// Whose address a pod might say it has: another pod's of the node, another node's pod's, the node's, a host's outside.
const FORGED: [&str; 4] = ["shop/db", "shop/api", "node-a", "beta"];

/// Counts what reaches the node's own processes.
const WATCH: &str = "table inet watch {
    counter delivered { }
    chain in { type filter hook input priority 300; udp dport 8080 counter name delivered; udp sport 4001 counter name delivered; }
}";

fn checked() -> PodOptions {
    PodOptions {
        source_check: SourceCheck::ByRoute,
        local: LocalPods { interface_prefix: Some("cali".into()), ..LocalPods::default() },
        ..PodOptions::default()
    }
}

/// Sends from `shop/web` as everybody, whole and in fragments, and says of whom something arrives at `to`.
fn arriving(cluster: &Cluster, to: &str, family: Family, round: &str) -> Vec<&'static str> {
    let mut capture = Capture::open(cluster.namespace(to)).unwrap();
    let data = |source: &str, form: &str| format!("{round} as {source} {form} {family:?};");
    for (idx, source) in (0..).zip(FORGED.into_iter().chain(["shop/web"])) {
        let packet = |form: &str| {
            let body = Body::Udp(4000, 8080, format!("{:-<24}{0:+<24}", data(source, form)).into());
            Crafted::new(cluster.address(source, family), cluster.address(to, family), body)
        };
        let mut packets = vec![packet("whole").encode()];
        packets.extend(packet("in fragments").encode_in_fragments(48, 300 + idx));
        cluster.lab.send("shop/web", None, &packets).unwrap();
    }
    // The last of all, by the same way: what came before it has arrived, or never will.
    capture.wait_for(data("shop/web", "in fragments").as_bytes()).unwrap();
    let arrived = |source: &&str| {
        ["whole", "in fragments"].into_iter().any(|form| capture.has(data(source, form).as_bytes()).unwrap())
    };
    FORGED.into_iter().filter(arrived).collect()
}

#[test]
fn operations_4_4_1_forged_sources_are_dropped_where_they_are_checked() {
    if !can_make_namespaces("forged_sources") {
        return;
    }
    let cluster = Cluster::new(NODES, &["8080/TCP", "8080/UDP"]);
    let node = cluster.namespace("node-a");
    // The kernel's own check of IPv4 sources is out of the way, so that what drops is ours.
    for interface in ["all", "cali1", "cali2", "cali3"] {
        node.sysctl(&[(&format!("ipv4/conf/{interface}/accept_local"), "1")]).unwrap();
    }
    node.nft(WATCH).unwrap();
    let place = Place { event: Event::Denied, cause: Cause::ForgedSource }.name("", "");

    cluster.enforce(&Rules::default());
    for family in Family::BOTH {
        assert_eq!(arriving(&cluster, "alpha", family, "unchecked"), FORGED, "off by default, {family:?}");
    }

    cluster.enforce(&Rules { options: checked(), ..Rules::default() });
    for family in Family::BOTH {
        for to in ["alpha", "shop/api", "ops/agent"] {
            assert_eq!(arriving(&cluster, to, family, "checked"), [""; 0], "to {to}, {family:?}");
        }
        let packet = |source: &str| {
            let body = Body::Udp(4000, 8080, b"to the node".to_vec());
            Crafted::new(cluster.address(source, family), cluster.address("node-a", family), body).encode()
        };
        let before = counted(node, "watch", "delivered");
        let forged: Vec<_> = ["shop/db", "shop/api", "beta"].map(packet).into();
        cluster.lab.send("shop/web", None, &forged).unwrap();
        cluster.lab.send("shop/web", None, &[packet("shop/web")]).unwrap();
        super::icmp::after_everything(&cluster, "shop/web");
        assert_eq!(counted(node, "watch", "delivered"), before + 1, "{family:?}");
    }
    // Four forged senders by two forms to three receivers, and three to the node; each family. Fragments are put
    // together (-400) before anything of ours looks.
    assert_eq!(counted(node, "palisade", place.as_str()), 2 * (4 * 2 * 3 + 3));

    // Everybody who is who he says he is goes on as before.
    cluster.assert_tables(
        "honest",
        "8080/TCP   shop/web  shop/db  shop/api  node-a  node-b  alpha
         shop/web   -         open     open      open    open    open
         shop/api   open      open     -         open    open    open
         alpha      open      open     open      open    open    -
         kubelet-a  open      open     open      -       open    open\n",
    );
}
