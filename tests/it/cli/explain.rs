//! Explanations: without a kernel what they say, and with one that it is true.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use engine::compile::ForwardMode;
use engine::compile::options::STANDARD;
use engine::eval::policy::Outcome as Judged;
use engine::kernel::{Kernel as _, LogNotice, Netlink, PacketLog, Transport};
use engine::ruleset::{Family, TableKey};
use policy_lang::port::Protocol;
use serde_json::Value;
use watcher::analysis::Manifests;
use watcher::demo::examples::{self, Examples};
use watcher::demo::{self, Party, Place, Scene, Stage};
use watcher::explain::{self, Case, Deciding, Explainer, Question, Wanted};
use watcher::lab::{Outcome, Patience, Probe, Service};
use watcher::source::{load_from, load_with_objects};

use super::{palisade, palisade_reads};
use crate::clusters::{PORTS, Random, World};
use crate::docs::describes;
use crate::privilege::{can_make_namespaces, report};

const SOURCES: [&str; 6] = [
    "--manifests",
    "examples/cluster",
    "--baseline",
    "examples/cluster/baseline.yaml",
    "--host",
    "examples/host/node.ferm",
];

fn explain(from: &str, to: &str, more: &[&str]) -> super::Ran {
    palisade(&[&["explain", from, to][..], &SOURCES, more].concat())
}

#[test]
fn a_host_rule_of_which_nobody_can_know_is_named() {
    let path = std::env::temp_dir().join(format!("palisade-it-unknown-{}.ferm", std::process::id()));
    let rules = "\
domain ip chain INPUT {
    proto tcp mod conntrack ctexpire 0:60 DROP;
    proto tcp mod socket transparent DROP;
    proto udp mod conntrack ctexpire 0:60 DROP;
    proto tcp dport 8022 ACCEPT;
    DROP;
}
";
    std::fs::write(&path, rules).unwrap();
    let host = path.to_str().unwrap();
    let asked = ["explain", "203.0.113.10", "node-a:8022", "--manifests", "examples/cluster", "--host", host];
    let told = palisade(&asked).exits(0).stdout;
    std::fs::remove_file(&path).unwrap();
    assert!(told.starts_with("ALLOWED"), "{told}");
    for (line, is_named) in [(":2", true), (":3", true), (":4", false), (":5", false)] {
        let words = format!("cannot know whether the host rule {host}{line} matches");
        assert_eq!(told.contains(&words), is_named, "{line}: {told}");
    }
}

#[test]
fn a_host_rule_that_makes_no_difference_is_no_doubt_and_an_assertion_that_depends_on_one_is_unclear() {
    let folder = std::env::temp_dir().join(format!("palisade-it-doubt-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rules = |more: &str| {
        format!(
            "domain (ip ip6) table mangle chain PREROUTING proto tcp mod socket transparent MARK set-mark 1;\n\
             domain (ip ip6) chain INPUT {{\n    policy DROP;\n    {more}proto tcp dport 8022 ACCEPT;\n\
             mod state state ESTABLISHED ACCEPT;\n}}\n"
        )
    };
    let tests = "version: 1\ntests:\n- {name: open, from: 203.0.113.10, to: \"host:node-a:8022/tcp\", expect: allow}\n";
    let tests = file("node.palisade-test.yaml", tests);
    let cases = [
        ("same.ferm", "", true),
        ("either.ferm", "proto tcp dport 8022 mod socket transparent ACCEPT; ", true),
        ("denies.ferm", "mod socket transparent DROP; ", false),
        ("accepts.ferm", "proto tcp dport 8022 mod socket transparent ACCEPT; proto tcp dport 8022 DROP; ", false),
    ];
    for (name, more, is_known) in cases {
        let host = file(name, &rules(more));
        let asked = ["explain", "203.0.113.10", "node-a:8022", "--manifests", "examples/cluster", "--host", &host];
        let told = palisade(&asked).exits(0).stdout;
        assert_eq!(!told.contains("cannot know whether the host rule"), is_known, "{name}: {told}");
        let test = ["test", &tests, "--manifests", "examples/cluster", "--host", &host];
        let told = palisade(&test).exits(i32::from(!is_known)).stdout;
        assert_eq!(told.contains("it cannot be judged: it depends on whether the host rule"), !is_known, "{told}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_layer_is_named_with_the_line_that_decides_and_its_text() {
    let denied = explain("shop/web-1", "shop/db-1:5432", &[]).exits(0).stdout;
    for part in [
        "DENIED  shop/web-1 -> shop/db-1 5432/TCP\n  10.244.1.10 -> 10.244.2.11, 2001:db8:244:1::10 -> 2001:db8:244:2::11\n",
        "decided on node-b ingress: 2 NetworkPolicies isolate the pod",
        "examples/cluster/policies.yaml:50 shop/db\n    | metadata: {name: db, namespace: shop}\n",
        "\n  node-a, forwarded:\n    egress of shop/web-1: allowed\n      baseline                       passes it on\n",
        "| - {name: cluster, to: [\"@cluster-pods\"]}\n",
        "\n  node-b, forwarded:\n    ingress of shop/db-1: denied\n",
    ] {
        assert!(denied.contains(part), "{part}\nis not in\n{denied}");
    }
    let only_a = explain("shop/web-1", "shop/db-1:5432", &["--node", "node-a"]).exits(0).stdout;
    assert!(only_a.starts_with("ALLOWED") && !only_a.contains("node-b"), "{only_a}");
    let host = explain("203.0.113.10", "node-a:9100", &[]).exits(0).stdout;
    assert!(host.starts_with("DENIED  203.0.113.10 -> node-a 9100/TCP\n"), "{host}");
    assert!(
        host.contains("a host rule denies it\n    examples/host/node.ferm:17 policy DROP\n    | policy DROP;\n"),
        "{host}"
    );
    // The same port, once no host rule may close it.
    let config = std::env::temp_dir().join(format!("palisade-explain-{}.yaml", std::process::id()));
    std::fs::write(&config, "failsafeInput: [9100/tcp]\n").unwrap();
    let open = explain("203.0.113.10", "node-a:9100", &["--config", config.to_str().unwrap()]).exits(0).stdout;
    std::fs::remove_file(&config).unwrap();
    assert!(open.starts_with("ALLOWED") && open.contains("hint: 9100/TCP is a failsafe port"), "{open}");
    let json = explain("shop/web-1", "shop/db-1", &["--format", "json"]).exits(0).stdout;
    describes("explain-json.md", &json);
    describes("explain-json.md", &explain("203.0.113.10", "node-a:9100", &["--format", "json"]).exits(0).stdout);
    let json: Value = serde_json::from_str(&json).unwrap();
    let ports: BTreeSet<_> =
        json["cases"].as_array().unwrap().iter().map(|case| case["port"].as_str().unwrap()).collect();
    assert!(ports.contains("5432/TCP") && ports.contains("icmp"), "{ports:?}");
}

#[test]
fn a_service_is_judged_on_its_backends_and_hints_say_what_people_stumble_over() {
    let through = explain("shop/web-1", "shop/cart:80", &[]).exits(0).stdout;
    assert!(
        through.starts_with("ALLOWED  shop/web-1 -> shop/cart-1 8081/TCP through Service shop/cart\n"),
        "{through}"
    );
    assert!(through.contains("hint: policy sees the backend's port 8081/TCP, not the port 80/TCP"), "{through}");
    let by_address = explain("shop/web-1", "10.96.0.20:80", &[]).exits(0).stdout;
    assert!(by_address.contains(" through Service shop/cart\n"), "{by_address}");
    // No EndpointSlice says who they are, so the selector does.
    let dns = explain("shop/web-1", "kube-system/kube-dns:53/UDP", &[]).exits(0).stdout;
    assert!(dns.starts_with("ALLOWED  shop/web-1 -> kube-system/coredns-1 53/UDP through Service"), "{dns}");
    let probe = explain("node-a", "shop/cart-1:9102", &[]).exits(0).stdout;
    assert!(probe.starts_with("ALLOWED") && probe.contains("hint: whatever runs on a node"), "{probe}");
    let echo = explain("shop/web-1", "shop/cart-1:icmp", &[]).exits(0).stdout;
    assert!(echo.starts_with("DENIED") && echo.contains("lists ports, so it permits no ICMP (sem-66)"), "{echo}");
    let name = explain("ops/prometheus-1", "shop/db-1:1", &[]).exits(0).stdout;
    assert!(name.starts_with("DENIED"), "{name}");
}

#[test]
fn who_is_not_there_is_named_and_nothing_else_is_said() {
    for (from, to, words) in [
        (
            "shop/web-1",
            "shop/db-2:1",
            "pod, workload or Service shop/db-2 is not in the manifests: did you mean shop/db-1?",
        ),
        ("node-c", "shop/db-1:1", "node node-c is not in the manifests: did you mean node-a?"),
        ("shop/web-1", "shop/db-1:0", "`0` is no port"),
        ("shop/web-1", "shop/cart:81", "Service shop/cart has no port 81/TCP: it has 80/TCP"),
        ("shop/cart", "shop/web-1:1", "shop/cart is a Service: it connects to nobody"),
        ("shop/web-1", "shop/db-1:nobody", "shop/db-1 has no port that is called nobody"),
        ("10.0.0.1", "2001:db8::1", "10.0.0.1 and 2001:db8::1 have no address family in common"),
    ] {
        let refused = explain(from, to, &[]).exits(2);
        assert_eq!(refused.stdout, "", "{from} {to}");
        assert!(refused.stderr.contains(words), "{words}\n{}", refused.stderr);
    }
    assert!(palisade(&["explain", "a/b", "c/d"]).exits(2).stderr.contains("no source is given"));
}

#[test]
fn a_workload_stands_for_one_of_its_pods() {
    let pod = |name: &str, kind: &str, app: &str, address: &str| {
        format!(
            "- apiVersion: v1\n  kind: Pod\n  metadata: {{name: {name}, namespace: shop, labels: {{app: {app}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, name: {app}, uid: u, controller: true}}]}}\n  spec: \
             {{nodeName: n, containers: [{{name: c}}]}}\n  status: {{phase: Running, podIPs: [{{ip: {address}}}]}}\n"
        )
    };
    let text = [
        "apiVersion: v1\nkind: List\nitems:\n".to_owned(),
        pod("web-0", "StatefulSet", "web", "10.0.0.1"),
        pod("web-1", "StatefulSet", "web", "10.0.0.2"),
        pod("cart-0", "StatefulSet", "cart", "10.0.0.3"),
        pod("cart-x", "DaemonSet", "cart", "10.0.0.4"),
    ];
    let explain = |from, to| palisade_reads(&["explain", from, to, "--manifests", "-"], &text.concat());
    let by_kind = explain("shop/web", "DaemonSet/shop/cart:80").exits(0).stdout;
    let headline = "ALLOWED  shop/web-0 (of StatefulSet shop/web) -> shop/cart-x (of DaemonSet shop/cart) 80/TCP\n";
    assert!(by_kind.starts_with(headline), "{by_kind}");
    let several = explain("shop/web", "shop/cart:80").exits(2).stderr;
    assert!(several.contains("shop/cart is 2 workloads"), "{several}");
    assert!(explain("Job/shop/web", "shop/web-1").exits(2).stderr.contains("Job/shop/web is not in the manifests"));
}

#[test]
fn a_policy_says_whom_it_selects_and_what_each_rule_decides() {
    let policy =
        |name: &str, more: &[&str]| palisade(&[&["explain", "--policy", name][..], &SOURCES[..2], more].concat());
    let cart = policy("shop/cart", &[]).exits(0).stdout;
    for part in [
        "shop/cart (NetworkPolicy)\n  examples/cluster/policies.yaml:30 shop/cart\n",
        "  selects 1 of 9 workloads: shop/cart-1 [Pod]\n  isolates them (ingress)",
        "  ingress: permits TCP 8081 from shop/web-1 [Pod], shop/web-2 [Pod]\n    examples/cluster/policies.yaml:35 shop/cart ingress[0]\n",
        "  ingress: permits TCP 9102 from ops/prometheus-1 [Pod]\n",
    ] {
        assert!(cart.contains(part), "{part}\n{cart}");
    }
    let json = policy("shop/db", &["--format", "json"]).exits(0).stdout;
    describes("explain-json.md", &json);
    let found: Value = serde_json::from_str(&json).unwrap();
    let found = &found["policies"][0];
    assert_eq!(found["isolates"], serde_json::json!(["ingress", "egress"]));
    assert_eq!(found["rules"][0]["others"][0]["name"], "cart-1");
    assert_eq!(found["rules"].as_array().unwrap().len(), 1);
    // Of the baseline's rules every one is told, with addresses among those whom it is about.
    let baseline = policy("standard", &[]).exits(0).stdout;
    assert!(baseline.contains("egress: denies any to 198.51.100.25/32\n"), "{baseline}");
    let missing = policy("shop/crat", &[]).exits(2).stderr;
    assert!(missing.contains("policy shop/crat is not in the manifests: did you mean shop/cart?"), "{missing}");
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: idle, namespace: shop}\nspec: {podSelector: \
                {matchLabels: {app: none}}, ingress: [{from: [{podSelector: {}}]}]}\n";
    let idle = palisade_reads(&["explain", "--policy", "shop/idle", "--manifests", "-"], text).exits(0).stdout;
    assert!(idle.contains("selects none of 0 workloads\n  a rule that decides nothing about anybody:\n"), "{idle}");
}

/// How many random clusters are explained.
const CLUSTERS: u64 = 150;

#[test]
fn explanations_agree_with_the_simulator_and_what_they_tell_to_change_changes_it() {
    let (mut n_asked, mut changed) = (0, [0, 0]);
    for seed in 0..CLUSTERS {
        let mut random = Random::new(seed);
        let world = World::new(&mut random);
        let pods: Vec<String> = world.manifests.inventory.pods.keys().map(ToString::to_string).collect();
        for _ in 0..6 {
            let from = &pods[random.below(pods.len())];
            let to = &pods[random.below(pods.len())];
            let question = Question::parse(from, &format!("{to}:{}", PORTS[random.below(PORTS.len())])).unwrap();
            // Two pods of different families have nothing to say to each other.
            let Some(case) = (from != to).then(|| explained(&world.text, &question)).flatten() else { continue };
            n_asked += 1;
            let Some(change) = case.change.as_ref().and_then(|change| change.policy.as_ref()) else { continue };
            let Deciding::Policy { direction, .. } = &case.deciding else { continue };
            let after = explained(&format!("{}---\n{change}", world.text), &question).unwrap();
            let at_that_end = |case: &Case| {
                let all = case.steps.iter().flat_map(|step| &step.decision.judgements);
                let own = all.filter(|judgement| Some(judgement.direction) == *direction);
                own.map(|judgement| judgement.outcome).collect::<Vec<_>>()
            };
            assert_ne!(at_that_end(&case), at_that_end(&after), "seed {seed}, {question:?}\n{change}\n{}", world.text);
            if case.outcome == Judged::Allowed {
                assert_eq!(after.outcome, Judged::Denied, "seed {seed}, {question:?}\n{change}\n{}", world.text);
            }
            changed[usize::from(case.outcome == Judged::Allowed)] += 1;
        }
    }
    assert!(n_asked > 400 && changed.iter().all(|count| *count > 50), "{n_asked} asked, {changed:?} changed");
}

/// The first case of a question about manifests, held against the simulator.
fn explained(text: &str, question: &Question) -> Option<Case> {
    let manifests = Manifests::read(vec![("world.yaml".to_owned(), Ok(text.to_owned()))]);
    let Manifests { policies, inventory, objects, .. } = &manifests;
    let (forward_mode, options) = (ForwardMode::default(), &STANDARD);
    let world = explain::World { policies, inventory, objects, host: None, forward_mode, options, node: None };
    let explanation = Explainer::new(world).explain(question).ok()?;
    assert!(explanation.is_sound(), "{:#?}\n{text}", explanation.cases);
    explanation.cases.into_iter().next()
}

/// The words by which a party of the demonstration is asked about.
fn word(party: &Party, like: IpAddr) -> Box<str> {
    match party.place {
        Place::Pod { .. } | Place::Node(_) => party.name.clone(),
        Place::Outside => party.address_like(like).unwrap().to_string().into(),
    }
}

fn wanted(service: Service) -> Wanted {
    match service {
        Service::Tcp(port) => Wanted::Number(port, Protocol::Tcp),
        Service::Udp(port) => Wanted::Number(port, Protocol::Udp),
        Service::Sctp(port) => Wanted::Number(port, Protocol::Sctp),
        Service::Echo => Wanted::Echo,
    }
}

/// What a logged packet is about: its ends, its protocol and the port.
type Seen = (IpAddr, IpAddr, u8, u16);

fn key(case: &Case, service: Service) -> Seen {
    let (protocol, port) = match service {
        Service::Tcp(port) => (6, port),
        Service::Udp(port) => (17, port),
        Service::Sctp(port) => (132, port),
        Service::Echo if case.destination.is_ipv4() => (1, 8),
        Service::Echo => (58, 128),
    };
    (case.source, case.destination, protocol, port)
}

/// The lines by which a node's kernel says that it denied something, packet by packet.
fn logged(log: &mut PacketLog, lines: &BTreeMap<String, String>, seen: &mut BTreeMap<Seen, String>) {
    while let Some(notice) = log.next(Duration::from_millis(300)).unwrap() {
        let LogNotice::Packet(packet) = notice else { panic!("{notice:?}") };
        let headers = packet.headers.unwrap();
        let about = match headers.transport {
            Transport::Ports { source: _, destination } => destination,
            Transport::Icmp { icmp_type, code: _ } => icmp_type.into(),
            Transport::Fragment | Transport::Unknown => panic!("{headers:?}"),
        };
        let line = lines[&*packet.prefix].clone();
        seen.insert((headers.source, headers.destination, headers.protocol, about), line);
    }
}

/// Questions for each line at once: fewer than a place logs in a burst.
const AT_ONCE: usize = 15;

#[test]
fn the_kernel_says_the_same_for_every_pair_of_the_examples() {
    if !can_make_namespaces("explain and the kernel") {
        return;
    }
    let loaded = load_from(&examples::config(), &Examples::default()).unwrap();
    let (world, _) = demo::World::compile(loaded, ForwardMode::PodsFirst);
    let scene = Scene::of(&world).unwrap();
    let stage = Stage { world: &world, scene: &scene };
    let enforced = stage.enforce(stage.build().unwrap()).unwrap();
    let answers = stage.ask(&enforced).unwrap();

    let (loaded, objects) = load_with_objects(&examples::config(), &Examples::default()).unwrap();
    let mut explainer = Explainer::new(explain::World {
        policies: &loaded.policies,
        inventory: &loaded.inventory,
        objects: &objects,
        host: loaded.host_input(),
        forward_mode: ForwardMode::PodsFirst,
        options: &STANDARD,
        node: None,
    });
    let mut by_line: BTreeMap<(String, String), Vec<(Probe, Seen)>> = BTreeMap::new();
    for cell in &answers.cells {
        let (from, to) = (&answers.parties[cell.from], &answers.parties[cell.to]);
        let is_v4 = cell.family == demo::Family::V4;
        let address = *to.addresses.iter().find(|address| address.is_ipv4() == is_v4).unwrap();
        let about = Some(wanted(cell.service));
        let question = Question { from: word(from, address), to: word(to, address), about };
        let explanation = explainer.explain(&question).unwrap();
        assert!(explanation.is_sound(), "{explanation:#?}");
        let case = explanation.cases.iter().find(|case| case.destination == address).unwrap();
        let is_open = cell.answer.outcome == Outcome::Open;
        assert_eq!(case.outcome != Judged::Denied, is_open, "{}: {case:#?}", answers.question(cell));
        if let (Judged::Denied, Deciding::Policy { node, cause, .. }) = (case.outcome, &case.deciding) {
            let line = cause.origins().first().unwrap().place.as_ref().unwrap().to_string();
            let probe = Probe { from: from.name.clone(), to: address, service: cell.service };
            by_line.entry((node.to_string(), line)).or_default().push((probe, key(case, cell.service)));
        }
    }

    // The limits of the log have tokens again after the questions above.
    std::thread::sleep(Duration::from_millis(2_100));
    let mut n_lines = 0;
    for node in ["node-a", "node-b"] {
        let namespace = enforced.lab().namespace(node).unwrap();
        let (mut log, rules) = namespace
            .run(|| {
                let mut kernel = Netlink::open().unwrap();
                let rules = kernel.counting_rules(&TableKey::ours(Family::Inet)).unwrap();
                (PacketLog::open(71).unwrap(), rules)
            })
            .unwrap();
        let lines = rules.into_iter().map(|(name, line)| (name.to_string(), line.to_string())).collect();
        let of_node = by_line.iter().filter(|((found, _), _)| found == node);
        let mut asked: BTreeMap<Seen, &str> = BTreeMap::new();
        let mut probes = Vec::new();
        for ((_, line), questions) in of_node {
            n_lines += 1;
            // Some of the whole, not its beginning only.
            for (probe, seen) in questions.iter().step_by(questions.len().div_ceil(AT_ONCE)) {
                probes.push(probe.clone());
                asked.insert(*seen, line);
            }
        }
        enforced.lab().probe(&probes, Patience::default()).unwrap();
        let mut seen = BTreeMap::new();
        logged(&mut log, &lines, &mut seen);
        for (asked, line) in &asked {
            let found =
                seen.get(asked).unwrap_or_else(|| panic!("{node} logged nothing of {asked:?}, denied by {line}"));
            assert!(found.starts_with(&format!("{line} ")), "{node} names {found} for {asked:?}, not {line}");
        }
    }
    assert!(n_lines >= 6, "only {n_lines} lines deny");
    report(&format!("explain == kernel: {} questions, {n_lines} denying lines", answers.cells.len()));
}

#[test]
fn workloads_of_a_rendered_chart_are_asked_about_without_pods() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {labels: {app: web}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, ports: [{name: sql, containerPort: 5432}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: database, namespace: shop}
spec: {selector: {app: db}, ports: [{port: 5432, targetPort: sql}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: sql}]}]
";
    let path = std::env::temp_dir().join(format!("palisade-explain-chart-{}.yaml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    let verdict = |from: &str, to: &str| {
        let ran = palisade(&["explain", from, to, "--format", "json", "--manifests", path.to_str().unwrap()]).exits(0);
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        (json["cases"][0]["verdict"].as_str().unwrap().to_owned(), ran.stderr)
    };
    for (from, to, wanted) in [
        ("shop/web", "shop/db:5432", "allowed"),
        ("shop/web", "shop/db:sql", "allowed"),
        ("Deployment/shop/web", "StatefulSet/shop/db:5432", "allowed"),
        ("shop/web", "shop/database:5432", "allowed"),
        ("shop/web", "shop/db:22", "denied"),
        ("203.0.113.1", "shop/db:5432", "denied"),
    ] {
        let (verdict, said) = verdict(from, to);
        assert_eq!(verdict, wanted, "{from} {to}: {said}");
        assert!(said.contains("note: shop/db has no pod with an address"), "{from} {to}: {said}");
    }
    std::fs::remove_file(&path).unwrap();
}
