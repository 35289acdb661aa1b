//! What is denied, over real packets between the pods of the examples.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use watcher::demo::Scene;
use watcher::demo::examples::{self, Examples};
use watcher::lab::{Lab, Patience, Probe, Service};
use watcher::source::load_from;

use super::{Machine, Ran, palisade, program};
use crate::docs::describes;
use crate::privilege::can_make_namespaces;

/// How long anything may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster of the examples, of which nodes enforce what they are told.
struct Cluster {
    lab: Lab,
    folder: std::path::PathBuf,
}

impl Cluster {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let loaded = load_from(&examples::config(), &Examples::default()).unwrap();
        let (world, _) = watcher::demo::World::compile(loaded, engine::compile::ForwardMode::PodsFirst);
        let scene = Scene::of(&world).unwrap();
        let mut lab = Lab::up(&scene.topology).unwrap();
        lab.listen(&scene.services).unwrap();
        let folder = std::env::temp_dir().join(format!("palisade-drops-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { lab, folder }
    }

    fn command(&self, node: &str, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).env("PALISADE_RUN_DIR", self.folder.join(node));
        command
    }

    fn palisade(&self, node: &str, arguments: &[&str]) -> Ran {
        let mut command = self.command(node, arguments);
        self.lab.namespace(node).unwrap().run(|| command.output()).unwrap().unwrap().into()
    }

    fn apply(&self, node: &str, manifests: &str) {
        let baseline = ["--baseline", "examples/cluster/baseline.yaml"];
        let arguments = [&["apply", "--manifests", manifests, "--node", node][..], &baseline].concat();
        self.palisade(node, &arguments).exits(0);
    }

    /// Starts to follow, and returns when the kernel hands packets over.
    fn follow(&self, node: &str, arguments: &[&str]) -> Follower {
        let mut command = self.command(node, &[&["drops", "--follow", "--format", "json"][..], arguments].concat());
        command.stdout(Stdio::piped());
        let namespace = self.lab.namespace(node).unwrap();
        let mut child = namespace.spawn(&mut command).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let begun = Instant::now();
        let groups = || std::fs::read_to_string("/proc/thread-self/net/netfilter/nfnetlink_log").unwrap();
        while !namespace.run(groups).unwrap().contains("71") {
            assert!(begun.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(), "nobody reads the group");
            thread::sleep(Duration::from_millis(20));
        }
        Follower { child, stdout }
    }

    fn probe(&self, from: &str, to: &str, services: &[Service]) {
        let addresses = self.lab.addresses(to).unwrap();
        let probe = |service: &Service| {
            addresses.iter().map(move |to| Probe { from: from.into(), to: *to, service: *service }).collect::<Vec<_>>()
        };
        let probes: Vec<_> = services.iter().flat_map(probe).collect();
        self.lab.probe(&probes, Patience::default()).unwrap();
    }

    /// Packets that each place of a node has counted, by its line.
    fn counted(&self, node: &str, line: &str) -> u64 {
        let found: Value =
            serde_json::from_str(&self.palisade(node, &["drops", "--format", "json"]).exits(0).stdout).unwrap();
        let places = found["places"].as_array().unwrap().iter();
        let of_line = places.filter(|place| place["line"].as_str().unwrap().contains(line));
        of_line.map(|place| place["packets"].as_u64().unwrap()).sum()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A running `palisade drops --follow`.
struct Follower {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Follower {
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no more lines: `{line}`"))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const ALL_KINDS: [Service; 4] = [Service::Tcp(5432), Service::Udp(53), Service::Sctp(3868), Service::Echo];

#[test]
fn a_dropped_packet_names_both_pods_and_the_policy_in_every_protocol_and_family() {
    if !can_make_namespaces("drops of every protocol") {
        return;
    }
    let cluster = Cluster::new();
    cluster.apply("node-b", "examples/cluster");
    let mut follower = cluster.follow("node-b", &["--count", "8"]);
    // Somebody follows already.
    let refused = cluster.palisade("node-b", &["drops", "--follow"]).exits(3).stderr;
    assert!(refused.contains("NFLOG group 71 has another reader"), "{refused}");

    cluster.probe("shop/web-1", "shop/db-1", &ALL_KINDS);
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let event = follower.next();
        describes("drops-json.md", &event.to_string());
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(text("/event"), "denied", "{event}");
        assert_eq!((text("/from/kind"), text("/from/name")), ("pod".into(), "shop/web-1".into()), "{event}");
        assert_eq!((text("/to/kind"), text("/to/name")), ("pod".into(), "shop/db-1".into()), "{event}");
        assert_eq!((text("/tier"), text("/direction")), ("NetworkPolicy".into(), "ingress".into()), "{event}");
        assert_eq!(text("/policy"), "shop/db", "{event}");
        assert_eq!(text("/line"), "examples/cluster/policies.yaml:50 shop/db and 1 more: isolate ingress");
        assert!(text("/time").ends_with('Z') && text("/time").starts_with("20"), "{event}");
        assert_eq!((text("/input"), text("/output").starts_with("cali")), ("eth0".into(), true), "{event}");
        let is_v4 = text("/to/address").contains('.');
        let about = match event.pointer("/to/port").and_then(Value::as_u64) {
            Some(port) => port.to_string(),
            None => format!("type {} code {}", event["icmpType"], event["icmpCode"]),
        };
        seen.insert((is_v4, text("/protocol"), about));
    }
    let expected = [
        (false, "ICMPv6", "type 128 code 0"),
        (false, "SCTP", "3868"),
        (false, "TCP", "5432"),
        (false, "UDP", "53"),
        (true, "ICMP", "type 8 code 0"),
        (true, "SCTP", "3868"),
        (true, "TCP", "5432"),
        (true, "UDP", "53"),
    ];
    let expected: BTreeSet<_> = expected.into_iter().map(|(v4, name, about)| (v4, name.into(), about.into())).collect();
    assert_eq!(seen, expected);
    // It was to stop after eight.
    assert!(follower.child.wait().unwrap().success());
}

#[test]
fn an_allowed_packet_never_appears_and_an_unknown_end_stays_an_address() {
    if !can_make_namespaces("drops of what is allowed") {
        return;
    }
    let cluster = Cluster::new();
    cluster.apply("node-a", "examples/cluster");
    let mut follower = cluster.follow("node-a", &["--count", "1"]);
    for _ in 0..3 {
        cluster.probe("shop/web-1", "shop/cart-1", &[Service::Tcp(8081)]);
    }
    cluster.probe("admin", "shop/cart-1", &[Service::Tcp(8081)]);
    let event = follower.next();
    let address = cluster.lab.addresses("admin").unwrap();
    assert!(address.iter().any(|address| event["from"]["address"] == address.to_string()), "{event}");
    assert!(event["from"].get("name").is_none(), "{event}");
    assert_eq!((&event["to"]["name"], &event["policy"]), (&"shop/cart-1".into(), &"shop/cart".into()));
    let text = cluster.palisade("node-a", &["drops"]).exits(0).stdout;
    assert!(text.contains("examples/cluster/policies.yaml:30 shop/cart and 1 more: isolate ingress"), "{text}");
    assert!(text.starts_with("denied:\n"), "{text}");
}

#[test]
fn a_flood_is_counted_to_the_last_packet_and_logged_at_a_bounded_rate() {
    const FLOOD: u64 = 5_000;
    /// What the ruleset says: 10 a second after 20 at once.
    const BURST: u64 = 20;
    const PER_SECOND: u64 = 10;
    if !can_make_namespaces("drops under a flood") {
        return;
    }
    let cluster = Cluster::new();
    cluster.apply("node-b", "examples/cluster");
    let mut follower = cluster.follow("node-b", &[]);
    let target =
        cluster.lab.addresses("shop/db-1").unwrap().iter().find(|address| address.is_ipv4()).unwrap().to_owned();
    let begun = Instant::now();
    let sender = cluster.lab.namespace("shop/web-1").unwrap();
    sender
        .run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for number in 0..FLOOD {
                socket.send_to(b"x", (target, 9)).unwrap();
                if number % 50 == 0 {
                    // The queue of received packets has room for a thousand.
                    thread::sleep(Duration::from_millis(1));
                }
            }
        })
        .unwrap();
    let line = "shop/db and 1 more";
    while cluster.counted("node-b", line) < FLOOD {
        assert!(begun.elapsed() < PATIENCE, "{} counted", cluster.counted("node-b", line));
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(cluster.counted("node-b", line), FLOOD);
    // Of the flood that came in this time, so many may have been logged at most; they are there by now.
    let bound = BURST + PER_SECOND * (begun.elapsed().as_secs() + 1);
    thread::sleep(Duration::from_millis(300));
    follower.child.kill().unwrap();
    let mut logged = 0;
    let mut text = String::new();
    while follower.stdout.read_line(&mut text).unwrap() > 0 {
        logged += 1;
        text.clear();
    }
    assert!((BURST..=bound).contains(&logged), "{logged} of {FLOOD} logged, at most {bound} may be");
}

#[test]
fn counters_outlive_a_change_of_rules_and_a_follower_learns_the_new_lines() {
    if !can_make_namespaces("drops over a change") {
        return;
    }
    let cluster = Cluster::new();
    let folder = cluster.folder.join("manifests");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["namespaces", "nodes", "pods", "policies"] {
        let from = format!("{}/examples/cluster/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, folder.join(format!("{name}.yaml"))).unwrap();
    }
    let manifests = folder.to_str().unwrap();
    cluster.apply("node-b", manifests);
    let mut follower = cluster.follow("node-b", &[]);
    cluster.probe("shop/web-1", "shop/db-1", &[Service::Udp(53)]);
    assert_eq!(follower.next()["policy"], "shop/db");
    assert_eq!(follower.next()["policy"], "shop/db");
    let line = "shop/db and 1 more";
    assert_eq!(cluster.counted("node-b", line), 2);

    // A line more at the top, and one policy more: the same place stands elsewhere, and there is a new one.
    let policies = std::fs::read_to_string(folder.join("policies.yaml")).unwrap();
    let more = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: ops}\n\
                spec: {podSelector: {}, policyTypes: [Ingress]}\n";
    std::fs::write(folder.join("policies.yaml"), format!("# A line more.\n{policies}{more}")).unwrap();
    cluster.apply("node-b", manifests);
    assert_eq!(cluster.counted("node-b", line), 2, "the value survives");
    cluster.probe("shop/web-1", "shop/db-1", &[Service::Udp(53)]);
    assert_eq!(cluster.counted("node-b", line), 4);
    let totals = cluster.palisade("node-b", &["drops"]).exits(0).stdout;
    assert!(totals.contains("policies.yaml:51 shop/db and 1 more: isolate ingress"), "{totals}");
    assert_eq!((&follower.next()["policy"], &follower.next()["policy"]), (&"shop/db".into(), &"shop/db".into()));
    cluster.probe("shop/web-1", "ops/toolbox-1", &[Service::Udp(53)]);
    let event = follower.next();
    assert_eq!(event["policy"], "ops/closed", "{event}");
    assert!(event["line"].as_str().unwrap().contains("policies.yaml:"), "{event}");
    assert_eq!(event["to"]["name"], "ops/toolbox-1");

    let top: Value =
        serde_json::from_str(&cluster.palisade("node-b", &["top", "--format", "json"]).exits(0).stdout).unwrap();
    describes("top-json.md", &top.to_string());
    assert_eq!(
        (&top["policies"][0]["policy"], &top["policies"][0]["denied"]["packets"]),
        (&"shop/db".into(), &4.into())
    );
    let top = cluster.palisade("node-b", &["top"]).exits(0).stdout;
    assert!(top.lines().nth(1).unwrap().ends_with("NetworkPolicy shop/db"), "{top}");
}

#[test]
fn nothing_loaded_is_said_and_wrong_flags_are_refused() {
    palisade(&["drops", "--count", "3"]).exits(2);
    palisade(&["top", "--interval", "0"]).exits(2);
    if !can_make_namespaces("drops of nothing") {
        return;
    }
    let machine = Machine::new("nothing");
    for command in ["drops", "top"] {
        assert_eq!(machine.palisade(&[command]).exits(1).stdout, "not loaded\n");
        assert_eq!(machine.palisade(&[command, "--format", "json"]).exits(1).stdout, "null\n");
    }
    let rules = machine.file("node.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    machine.palisade(&["apply", "--host", &rules, "--node", "node-a"]).exits(0);
    let totals = machine.palisade(&["drops", "--format", "json"]).exits(0).stdout;
    describes("drops-json.md", &totals);
    machine.palisade(&["drops"]).exits(0);
}
