//! ICMP: what never is cut, what a pod may not say, and what follows policy.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use engine::compile::options::{LocalPods, PodOptions};
use engine::place::{Cause, Event, Place};
use watcher::lab::{Body, Capture, Crafted};

use super::enforce::{Cluster, Family, Rules, baseline, counted, deny_all, policy};
use super::services::NODES;
use crate::privilege::can_make_namespaces;

const PORTS: [&str; 2] = ["8080/TCP", "8080/UDP"];
/// How much is sent where the path takes less than the first hop: many segments of the larger size.
const BULK: usize = 400_000;
/// How long a connection that stalls is waited for.
const STALLED: Duration = Duration::from_secs(8);

/// Counts what arrives at the node's own hooks behind every one of ours.
const WATCH: &str = "
table inet watch {
    counter listeners { }
    counter solicitations { }
    counter advertisements { }
    counter redirects { }
    chain in { type filter hook input priority 300;
        icmpv6 type 132 counter name listeners;
        icmpv6 type 135 counter name solicitations;
        icmpv6 type 134 counter name advertisements;
        icmpv6 type 137 counter name redirects;
    }
}
";

#[test]
fn sem_67_neighbours_are_found_and_listeners_heard_under_deny_all() {
    if !can_make_namespaces("sem_67_neighbours") {
        return;
    }
    for (plumbing, prefix) in [("routed", "cali"), ("bridge", "cni0")] {
        let cluster = Cluster::new(&format!("plumbing {plumbing}\n{NODES}"), &PORTS);
        let node = cluster.namespace("node-a");
        node.nft(WATCH).unwrap();
        let web = "[{from: [{podSelector: {matchLabels: {pod: web}}}], ports: [{port: 8080}]}]";
        let to_db = "[{to: [{podSelector: {matchLabels: {pod: db}}}], ports: [{port: 8080}]}]";
        let policies = deny_all("shop", "Ingress, Egress")
            + &policy("shop/db", "Ingress", web)
            + &policy("shop/web", "Egress", to_db);
        // The link-local addresses that listeners speak from are nobody's, so the baseline would bind them.
        let exempt =
            ["shop", "ops"].map(|ns| format!("{{namespaces: {{matchLabels: {{kubernetes.io/metadata.name: {ns}}}}}}}"));
        let baseline = baseline(&format!("exempt: [{}]\ndefault: deny", exempt.join(", ")));
        let local = LocalPods { interface_prefix: Some(prefix.into()), ..LocalPods::default() };
        let options = PodOptions { local, ..PodOptions::default() };
        cluster.enforce(&Rules { policies: &policies, baseline: &baseline, options, ..Rules::default() });
        // A pod has to ask again where everybody is; first by itself, then while others ask for it too.
        let open = "8080/TCP shop/db shop/web\nshop/web open -\nkubelet-a open open\nops/agent drop drop\n";
        for table in ["8080/TCP shop/db\nshop/web open\n", open] {
            for family in ["-4", "-6"] {
                let mut command = Command::new("ip");
                cluster.namespace("shop/web").output(command.args([family, "neigh", "flush", "all"]), "").unwrap();
            }
            cluster.assert_tables(plumbing, table);
        }
        assert!(counted(node, "watch", "solicitations") > 0, "{plumbing}");

        // A listener leaves a group; the bridge hands it to every pod, so it passes the forward hook too.
        let before = counted(node, "watch", "listeners");
        let mut capture = Capture::open(cluster.namespace("shop/db")).unwrap();
        let group = [0, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0x12, 0x34];
        let source = link_local(&cluster, "shop/web");
        let mut done = Crafted::new(source, "ff02::2".parse().unwrap(), Body::Icmp(132, 0, group.into()));
        done.hop_limit = 1;
        cluster.lab.send("shop/web", Some("eth0"), &[done.encode()]).unwrap();
        if plumbing == "bridge" {
            capture.wait_for(&group).unwrap();
        }
        after_everything(&cluster, "shop/web");
        assert!(counted(node, "watch", "listeners") > before, "{plumbing}");
    }
}

#[test]
fn sem_67_a_smaller_hop_is_found_out_under_deny_all() {
    if !can_make_namespaces("sem_67_path_mtu") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let alpha = "{ipBlock: {cidr: 203.0.113.10/32}}, {ipBlock: {cidr: '2001:db8:ffff::10/128'}}";
    let policies = deny_all("shop", "Ingress, Egress")
        + &policy("shop/web", "Egress", &format!("[{{to: [{alpha}], ports: [{{port: 9000}}]}}]"));
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    // Only the router knows: neither end's own link is the small one.
    cluster.lab.fabric().ip("link set lk3 mtu 1300\n").unwrap();
    for family in Family::BOTH {
        let to = SocketAddr::new(cluster.address("alpha", family), 9000);
        let listener = cluster.namespace("alpha").run(|| TcpListener::bind(to)).unwrap().unwrap();
        let from = cluster.namespace("shop/web");
        let mut stream = from.run(|| TcpStream::connect_timeout(&to, STALLED)).unwrap().unwrap();
        let received = thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(STALLED)).unwrap();
                let mut bytes = Vec::new();
                let _stalled = stream.read_to_end(&mut bytes);
                bytes.len()
            });
            stream.set_write_timeout(Some(STALLED)).unwrap();
            let _stalled = stream.write_all(&vec![7; BULK]);
            drop(stream);
            receiver.join().unwrap()
        });
        assert_eq!(received, BULK, "{family:?}");
    }
    // The way was found to be small, so packets did have to be told.
    for (family, word) in [("-4", "mtu 1300"), ("-6", "mtu 1300")] {
        let to = cluster.address("alpha", if family == "-4" { Family::V4 } else { Family::V6 }).to_string();
        let mut command = Command::new("ip");
        let route = cluster.namespace("shop/web").output(command.args([family, "route", "get", &to]), "").unwrap();
        let route = String::from_utf8_lossy(&route.stdout).into_owned();
        assert!(route.contains(word), "{route}");
    }
}

#[test]
fn sem_67_packet_too_big_passes_also_when_conntrack_knows_nothing_of_it() {
    if !can_make_namespaces("sem_67_too_big") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    cluster.enforce(&Rules { policies: &deny_all("shop", "Ingress, Egress"), ..Rules::default() });
    let mut capture = Capture::open(cluster.namespace("shop/web")).unwrap();
    for family in Family::BOTH {
        let web = cluster.address("shop/web", family);
        let alpha = cluster.address("alpha", family);
        // What it says that it is about: a packet of a connection that nobody on the way has seen.
        let about = |word: &str| Crafted::new(web, alpha, Body::Udp(5000, 5001, word.into())).encode();
        let error = |kind: u8, code: u8, mtu: u16, word: &str| {
            let mut rest = vec![0, 0];
            rest.extend(mtu.to_be_bytes());
            rest.extend(about(word));
            Crafted::new(alpha, web, Body::Icmp(kind, code, rest)).encode()
        };
        let (unreachable, too_big) = match family {
            Family::V4 => (error(3, 1, 0, "unreachable-4"), error(3, 4, 1400, "too-big-4")),
            Family::V6 => (error(1, 0, 0, "unreachable-6"), error(2, 0, 1400, "too-big-6")),
        };
        cluster.lab.send("alpha", None, &[unreachable, too_big]).unwrap();
        let digit = if family == Family::V4 { 4 } else { 6 };
        capture.wait_for(format!("too-big-{digit}").as_bytes()).unwrap();
        assert!(!capture.has(format!("unreachable-{digit}").as_bytes()).unwrap(), "{family:?}");
    }
}

#[test]
fn sem_67_related_errors_come_back_to_a_pod_that_nothing_else_reaches() {
    if !can_make_namespaces("sem_67_related") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let policies = deny_all("shop", "Ingress, Egress")
        + &policy("shop/web", "Egress", "[{ports: [{port: 9}, {port: 9, protocol: UDP}]}]");
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    cluster.assert_tables(
        "a closed port says so",
        "9/UDP alpha shop/db ops/agent\nshop/web refused drop refused\n\n9/TCP alpha ops/agent\nshop/web refused refused\n",
    );
    cluster.namespace("node-b").nft(
        "table inet t { chain f { type filter hook forward priority -5; udp dport 9 reject with icmpx admin-prohibited; }; }",
    )
    .unwrap();
    cluster.assert_tables(
        "a router on the way says so",
        "9/UDP 10.244.2.11 2001:db8:244:2::11\nshop/web unreachable unreachable\n",
    );
}

#[test]
fn dec_16_echo_follows_the_policy() {
    if !can_make_namespaces("dec_16_echo") {
        return;
    }
    let cluster = Cluster::new(NODES, &PORTS);
    let from_agent = "from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]";
    let policies = deny_all("shop", "Ingress")
        + &policy("shop/db", "Ingress", &format!("[{{{from_agent}}}]"))
        + &policy(
            "shop/web",
            "Ingress",
            &format!("[{{{from_agent}, ports: [{{protocol: TCP}}, {{protocol: UDP}}, {{protocol: SCTP}}]}}]"),
        );
    cluster.enforce(&Rules { policies: &policies, ..Rules::default() });
    cluster.assert_tables(
        "without ports every protocol, with ports not ICMP",
        "echo shop/db shop/web\nops/agent open drop\nalpha drop drop\nkubelet-a open open\n\n8080/TCP shop/db shop/web\nops/agent open open\n",
    );
}

/// Router advertisement: hop limit, flags, lifetime, two timers; and an option that nobody knows, to recognise it by.
fn advertisement(word: &str) -> Body {
    let mut rest = vec![64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 253, 3];
    rest.extend(format!("{word:.<22}").into_bytes());
    Body::Icmp(134, 0, rest)
}

#[test]
fn dec_16_no_pod_is_a_router() {
    if !can_make_namespaces("dec_16_routers") {
        return;
    }
    let place = Place { event: Event::Denied, cause: Cause::RouterAdvertisement }.name("", "");
    // Bridged frames come from the bridge in the eyes of the IP hooks.
    for (plumbing, prefix) in [("routed", "cali"), ("bridge", "cni0")] {
        let cluster = Cluster::new(&format!("plumbing {plumbing}\n{NODES}"), &PORTS);
        let node = cluster.namespace("node-a");
        node.nft(WATCH).unwrap();
        let web = link_local(&cluster, "shop/web");
        let all_nodes: IpAddr = "ff02::1".parse().unwrap();
        let packet =
            |source: IpAddr, body| Crafted { hop_limit: 255, ..Crafted::new(source, all_nodes, body) }.encode();
        let everything = |word| [packet(web, advertisement(word)), packet(web, redirect(web, ""))];

        // Nothing but us is in the way.
        let mut capture = Capture::open(cluster.namespace("shop/db")).unwrap();
        cluster.lab.send("shop/web", Some("eth0"), &everything("before")).unwrap();
        after_everything(&cluster, "shop/web");
        assert_eq!(
            [counted(node, "watch", "advertisements"), counted(node, "watch", "redirects")],
            [1, 1],
            "{plumbing}"
        );
        assert_eq!(capture.has(b"before").unwrap(), plumbing == "bridge");

        let local = LocalPods { interface_prefix: Some(prefix.into()), ..LocalPods::default() };
        // Whatever policy says: nothing at all here.
        cluster.enforce(&Rules { options: PodOptions { local, ..PodOptions::default() }, ..Rules::default() });
        cluster.lab.send("shop/web", Some("eth0"), &everything("after")).unwrap();
        after_everything(&cluster, "shop/web");
        assert_eq!(
            [counted(node, "watch", "advertisements"), counted(node, "watch", "redirects")],
            [1, 1],
            "{plumbing}"
        );
        assert!(!capture.has(b"after").unwrap(), "{plumbing}");
        assert!(counted(node, "palisade", place.as_str()) >= 2, "{plumbing}");

        // The node is one, on the router's side of the bridge too, and says so to its pods.
        let interface = if plumbing == "bridge" { "cni0" } else { "cali2" };
        let node_itself: IpAddr = "fe80::1".parse().unwrap();
        let [router, shorter] = ["router", "shorter way"].map(|word| format!("{plumbing} {word}"));
        let own = [advertisement(&router), redirect(web, &shorter)].map(|body| packet(node_itself, body));
        cluster.lab.send("node-a", Some(interface), &own).unwrap();
        for word in [router, shorter] {
            capture.wait_for(word.as_bytes()).unwrap();
        }
    }
}

/// A redirect to an address that is its own next hop, with a word to know it by as the packet that caused it.
fn redirect(to: IpAddr, word: &str) -> Body {
    const REDIRECTED_HEADER: u8 = 4;
    let address = match to {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(_) => [0; 16],
    };
    let option = [[REDIRECTED_HEADER, 4, 0, 0, 0, 0, 0, 0].to_vec(), format!("{word:.<24}").into_bytes()].concat();
    Body::Icmp(137, 0, [[0; 4].to_vec(), [address; 2].concat(), option].concat())
}

/// The link-local address that the kernel gave to somebody's `eth0`.
pub(super) fn link_local(cluster: &Cluster, name: &str) -> IpAddr {
    let mut command = Command::new("ip");
    let command = command.args(["-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]);
    let output = cluster.namespace(name).output(command, "").unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let address = text.split_whitespace().skip_while(|word| *word != "inet6").nth(1).unwrap();
    address.split('/').next().unwrap().parse::<Ipv6Addr>().unwrap().into()
}

/// Waits until what a pod has sent so far has been dealt with: its node deals with one packet after the other, and what
/// an unrestricted protocol asks last is answered last. A pod under deny-all is asked by its node instead.
pub(super) fn after_everything(cluster: &Cluster, pod: &str) {
    let mut capture = Capture::open(cluster.namespace("node-a")).unwrap();
    let body = Body::Udp(6000, 6001, b"the last of all".to_vec());
    let last = Crafted::new(cluster.address(pod, Family::V6), cluster.address("node-a", Family::V6), body);
    cluster.lab.send(pod, None, &[last.encode()]).unwrap();
    capture.wait_for(b"the last of all").unwrap();
    thread::sleep(Duration::from_millis(20));
}
