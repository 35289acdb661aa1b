//! Pods that send from addresses that are not their own.

use std::net::{IpAddr, UdpSocket};

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

/// IPv6's hop-by-hop and destination options.
const OPTIONS: [(&str, u8); 2] = [("behind hop-by-hop options", 0), ("behind destination options", 60)];

/// In what forms a packet is sent.
fn forms(family: Family) -> Vec<&'static str> {
    let options = OPTIONS.into_iter().map(|(form, _)| form).filter(|_| family == Family::V6);
    ["whole", "in fragments"].into_iter().chain(options).collect()
}

/// Everything that could arrive: each forged source in each form.
fn every(family: Family) -> Vec<(&'static str, &'static str)> {
    FORGED.into_iter().flat_map(|source| forms(family).into_iter().map(move |form| (source, form))).collect()
}

/// Sends from `shop/web` as everybody, in every form, and says what of it arrives at `to`.
fn arriving(cluster: &Cluster, to: &str, family: Family, round: &str) -> Vec<(&'static str, &'static str)> {
    let mut capture = Capture::open(cluster.namespace(to)).unwrap();
    let data = |source: &str, form: &str| format!("{round} as {source} {form} {family:?};");
    for (idx, source) in (0..).zip(FORGED.into_iter().chain(["shop/web"])) {
        let packet = |form: &str| {
            let body = Body::Udp(4000, 8080, format!("{:-<24}{0:+<24}", data(source, form)).into());
            Crafted::new(cluster.address(source, family), cluster.address(to, family), body)
        };
        let mut packets = vec![packet("whole").encode()];
        if family == Family::V6 {
            packets.extend(OPTIONS.map(|(form, header)| behind_options(&packet(form), header)));
        }
        packets.extend(packet("in fragments").encode_in_fragments(48, 300 + idx));
        cluster.lab.send("shop/web", None, &packets).unwrap();
    }
    // The last of all, by the same way: what came before it has arrived, or never will.
    capture.wait_for(data("shop/web", "in fragments").as_bytes()).unwrap();
    for form in forms(family) {
        assert!(capture.has(data("shop/web", form).as_bytes()).unwrap(), "an honest packet {form} is lost");
    }
    let mut all = every(family);
    all.retain(|(source, form)| capture.has(data(source, form).as_bytes()).unwrap());
    all
}

/// An IPv6 packet of UDP with a header of padding between.
fn behind_options(packet: &Crafted, header: u8) -> Vec<u8> {
    const UDP: u8 = 17;
    let whole = packet.encode();
    // The next header, a length of 8 bytes, and one option that pads the rest.
    let mut rest = vec![UDP, 0, 1, 4, 0, 0, 0, 0];
    rest.extend(&whole[40..]);
    Crafted { body: Body::Other(header, rest), ..packet.clone() }.encode()
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
        assert_eq!(arriving(&cluster, "alpha", family, "unchecked"), every(family), "off by default, {family:?}");
    }

    cluster.enforce(&Rules { options: checked(), ..Rules::default() });
    for family in Family::BOTH {
        for to in ["alpha", "shop/api", "ops/agent"] {
            assert_eq!(arriving(&cluster, to, family, "checked"), [], "to {to}, {family:?}");
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
    // Every forged sender in every form to three receivers, and three to the node. Fragments are put together (-400) before
    // anything of ours looks.
    let expected: usize = Family::BOTH.into_iter().map(|family| every(family).len() * 3 + 3).sum();
    assert_eq!(counted(node, "palisade", place.as_str()), u64::try_from(expected).unwrap());

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

#[test]
fn operations_4_4_1_a_pod_that_takes_anothers_address_gets_none_of_its_packets() {
    if !can_make_namespaces("a taken address") {
        return;
    }
    let cluster = Cluster::new(NODES, &["8080/TCP", "8080/UDP"]);
    let node = cluster.namespace("node-a");
    cluster.enforce(&Rules { options: checked(), ..Rules::default() });
    let thief = cluster.namespace("shop/web");
    let place = Place { event: Event::Denied, cause: Cause::ForgedSource }.name("", "");
    // It answers for the address from now on, and says so to everybody: by ARP and neighbour advertisements of the kernel's.
    thief.sysctl(&[("ipv4/conf/eth0/arp_notify", "1"), ("ipv6/conf/eth0/ndisc_notify", "1")]).unwrap();
    for family in Family::BOTH {
        let more = if family == Family::V4 { "/32 dev eth0" } else { "/128 dev eth0 nodad" };
        thief.ip(&format!("addr add {}{more}\n", cluster.address("shop/db", family))).unwrap();
    }
    let told = counted(node, "palisade", place.as_str());
    for family in Family::BOTH {
        let (victim, alpha) = (cluster.address("shop/db", family), cluster.address("alpha", family));
        // An advertisement nobody asked for, with the bit that overrides.
        if let (IpAddr::V6(address), IpAddr::V6(router)) = (victim, cluster.address("node-a", family)) {
            let claim = [&[0x20, 0, 0, 0][..], &address.octets(), &[2, 1, 2, 0, 0, 0, 0, 9]].concat();
            let body = Body::Icmp(136, 0, claim);
            let packet = Crafted { hop_limit: 255, ..Crafted::new(victim, router.into(), body) };
            cluster.lab.send("shop/web", None, &[packet.encode()]).unwrap();
        }
        let mut owner = Capture::open(cluster.namespace("shop/db")).unwrap();
        let mut taken = Capture::open(thief).unwrap();
        let data = format!("for the owner, {family:?}");
        let packet = Crafted::new(alpha, victim, Body::Udp(4000, 8080, data.clone().into_bytes()));
        cluster.lab.send("alpha", None, &[packet.encode()]).unwrap();
        owner.wait_for(data.as_bytes()).unwrap();
        assert!(!taken.has(data.as_bytes()).unwrap(), "{family:?}");
        // And what it sends as its own goes nowhere, by an ordinary socket too.
        let mut outside = Capture::open(cluster.namespace("alpha")).unwrap();
        thief
            .run(|| {
                let socket = UdpSocket::bind((victim, 4000)).unwrap();
                socket.send_to(b"as the owner", (alpha, 8080)).unwrap();
            })
            .unwrap();
        let honest =
            Crafted::new(cluster.address("shop/web", family), alpha, Body::Udp(4000, 8080, data.clone().into()));
        cluster.lab.send("shop/web", None, &[honest.encode()]).unwrap();
        outside.wait_for(data.as_bytes()).unwrap();
        assert!(!outside.has(b"as the owner").unwrap(), "{family:?}");
    }
    assert!(counted(node, "palisade", place.as_str()) >= told + 2);
}
