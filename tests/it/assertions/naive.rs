//! Verdicts against the naive evaluator: random clusters as manifests, random assertions as files, and every pair of
//! pods and addresses asked one at a time.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use engine::compile::options::STANDARD;
use engine::connectivity::{Connectivity, Options, Scene};
use engine::eval::policy::{Connection, Oracle, Outcome, Transport, Way};
use engine::lint::environment::Environment;
use policy_lang::port::Protocol;
use policy_lang::source::Sources;
use watcher::analysis::Manifests;
use watcher::assertions::{self, Expect, File, Verdict};

/// How many clusters are drawn.
const WORLDS: u64 = 2_000;
const TESTS: usize = 6;

/// One address of each piece that the blocks below cut, and one of the other family.
const OUTSIDE: [&str; 4] = ["203.0.113.1", "203.0.113.200", "198.51.100.1", "2001:db8:ffff::1"];
const NODES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const BLOCKS: [&str; 4] = ["0.0.0.0/0", "203.0.113.0/25", "10.0.0.0/30", "::/0"];
/// Whatever policies say of ports, they say it of one of these.
const PORTS: [u16; 4] = [1, 80, 81, 8080];

#[test]
fn verdicts_are_those_of_the_naive_evaluator() {
    let mut counted = [[0_usize; 2]; 3];
    for seed in 0..WORLDS {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let world = World::new(&mut random);
        let asked: Vec<Asked> = (0..TESTS).map(|_| Asked::new(&mut random)).collect();
        let mut text = String::from("version: 1\ntests:\n");
        asked.iter().for_each(|asked| text.push_str(&asked.text()));
        let (file, found) = File::parse(Path::new("x.palisade-test.yaml"), &text, &mut Sources::default());
        assert!(found.is_empty(), "{found:#?}\n{text}");
        let Manifests { objects, policies, inventory, workloads, .. } = &world.manifests;
        let options = Options::default();
        let mut model = Connectivity::new(Scene { policies, inventory, workloads, options: &options });
        let verdicts = assertions::judge(&file, objects, &Environment::default(), &mut model, None);
        for (asked, verdict) in asked.iter().zip(&verdicts) {
            let expected = world.holds(asked);
            let found = match verdict {
                Verdict::Passed { .. } => Some(true),
                Verdict::Failed(_) => Some(false),
                Verdict::Nobody { .. } | Verdict::Unclear { .. } => None,
            };
            assert_eq!(found, expected, "seed {seed}\n{}{verdict:#?}\n{}", asked.text(), world.text);
            if let Some(holds) = expected {
                counted[asked.expect as usize][usize::from(holds)] += 1;
            }
        }
    }
    for [failed, passed] in counted {
        assert!(failed > 300 && passed > 300, "the clusters are dull: {counted:?}");
    }
}

/// A cluster as its text and as it is read.
struct World {
    text: String,
    manifests: Manifests,
    pods: Vec<Pod>,
}

struct Pod {
    workload: usize,
    addresses: Vec<IpAddr>,
}

/// Workloads by number: `a/w0`, `a/w1`, `b/w2`, `b/w3`; the last is a single pod that nobody owns.
const WORKLOADS: usize = 4;

fn name(workload: usize) -> String {
    format!("{}/w{workload}", if workload < 2 { "a" } else { "b" })
}

impl World {
    fn new(random: &mut Random) -> Self {
        let mut text = String::new();
        let mut pods = Vec::new();
        for namespace in ["a", "b"] {
            writeln!(
                text,
                "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{t: {namespace}}}}}"
            )
            .unwrap();
        }
        for (number, address) in NODES.iter().enumerate() {
            writeln!(text, "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{number}}}\nstatus: {{addresses: [{{type: InternalIP, address: {address}}}]}}").unwrap();
        }
        for workload in 0..WORKLOADS {
            let is_single = workload + 1 == WORKLOADS;
            let n_pods = if is_single { 1 } else { 2 + random.below(2) };
            for _ in 0..n_pods {
                let number = pods.len() + 1;
                let (v4, v6) = (format!("10.0.0.{number}"), format!("2001:db8::{number:x}"));
                let addresses = match random.below(5) {
                    0 => vec![v6],
                    1 => vec![v4, v6],
                    _ => vec![v4],
                };
                let port = [80, 81][random.below(2)];
                let owner = if is_single {
                    String::new()
                } else {
                    format!(
                        ", ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: w{workload}, uid: u, controller: true}}]"
                    )
                };
                let shown: Vec<String> = addresses.iter().map(|address| format!("{{ip: \"{address}\"}}")).collect();
                writeln!(
                    text,
                    "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {}, namespace: {}, labels: {{app: w{workload}, half: h{}}}{owner}}}\n\
                     spec: {{nodeName: n0, containers: [{{name: c, ports: [{{name: http, containerPort: {port}}}]}}]}}\n\
                     status: {{phase: Running, podIPs: [{}]}}",
                    if is_single { "w3".to_owned() } else { format!("p{number}") },
                    if workload < 2 { "a" } else { "b" },
                    workload % 2,
                    shown.join(", ")
                )
                .unwrap();
                let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
                pods.push(Pod { workload, addresses });
            }
        }
        for number in 0..1 + random.below(5) {
            policy(&mut text, number, random);
        }
        let manifests = Manifests::read(vec![("world.yaml".to_owned(), Ok(text.clone()))]);
        assert!(!manifests.has_broken_objects(), "{:#?}\n{text}", manifests.diagnostics);
        assert_eq!(manifests.workloads.entries.len(), WORKLOADS, "{text}");
        Self { text, manifests, pods }
    }

    /// Whether an assertion holds; nothing where it is about no pair.
    fn holds(&self, asked: &Asked) -> Option<bool> {
        let ports: Vec<(Protocol, u16)> = match asked.port {
            Some(port) => vec![(Protocol::Tcp, port)],
            None => PORTS.into_iter().flat_map(|port| [(Protocol::Tcp, port), (Protocol::Udp, port)]).collect(),
        };
        let (from, to) = (self.ends(&asked.from, &asked.except), self.ends(&asked.to, &[]));
        let pairs = Self::pairs(&from, &to);
        let permitted =
            |pair: &(&Vec<IpAddr>, &Vec<IpAddr>), port: &(Protocol, u16)| self.permits(pair.0, pair.1, *port);
        if pairs.is_empty() && !asked.only {
            return None;
        }
        let holds = match asked.expect {
            Expect::Allow => pairs.iter().all(|pair| ports.iter().all(|port| permitted(pair, port))),
            Expect::Deny => !pairs.iter().any(|pair| ports.iter().any(|port| permitted(pair, port))),
            Expect::Some => pairs.iter().any(|pair| ports.iter().any(|port| permitted(pair, port))),
        };
        if !asked.only {
            return Some(holds);
        }
        let meant: Vec<Who> = asked.from.iter().chain(&asked.except).copied().collect();
        let everybody: Vec<Who> = (0..WORKLOADS)
            .map(Who::Workload)
            .chain((0..NODES.len()).map(Who::Node))
            .chain((0..OUTSIDE.len()).map(Who::Outside))
            .collect();
        let others: Vec<Who> = everybody.into_iter().filter(|who| !meant.contains(who)).collect();
        let others = self.ends(&others, &[]);
        let others = Self::pairs(&others, &to);
        Some(holds && !others.iter().any(|pair| ports.iter().any(|port| permitted(pair, port))))
    }

    /// The addresses of each member, and the number of the pod.
    fn ends(&self, who: &[Who], except: &[Who]) -> Vec<(Option<usize>, Vec<IpAddr>)> {
        let mut ends = Vec::new();
        for who in who.iter().filter(|who| !except.contains(who)) {
            match who {
                Who::Workload(workload) => {
                    let members = self.pods.iter().enumerate().filter(|(_, pod)| pod.workload == *workload);
                    ends.extend(members.map(|(number, pod)| (Some(number), pod.addresses.clone())));
                }
                Who::Node(node) => ends.push((None, vec![NODES[*node].parse().unwrap()])),
                Who::Outside(outside) => ends.push((None, vec![OUTSIDE[*outside].parse().unwrap()])),
            }
        }
        ends
    }

    /// Pairs of which at least one is a pod. An address is asked for by those who have one of its family.
    fn pairs<'w>(
        from: &'w [(Option<usize>, Vec<IpAddr>)],
        to: &'w [(Option<usize>, Vec<IpAddr>)],
    ) -> Vec<(&'w Vec<IpAddr>, &'w Vec<IpAddr>)> {
        let mut pairs = Vec::new();
        for (source, from) in from {
            for (target, to) in to {
                let is_pair = match (source, target) {
                    (None, None) => false,
                    (Some(a), Some(b)) if a == b => false,
                    (Some(_), Some(_)) => true,
                    (None, Some(_)) | (Some(_), None) => {
                        let is_node = |end: &[IpAddr]| NODES.iter().any(|node| end.contains(&node.parse().unwrap()));
                        let is_like = from.iter().any(|a| to.iter().any(|b| a.is_ipv4() == b.is_ipv4()));
                        is_like || is_node(from) || is_node(to)
                    }
                };
                if is_pair {
                    pairs.push((from, to));
                }
            }
        }
        pairs
    }

    fn permits(&self, from: &[IpAddr], to: &[IpAddr], (protocol, destination): (Protocol, u16)) -> bool {
        let Manifests { policies, inventory, .. } = &self.manifests;
        let oracle = Oracle { policies, inventory, node: "n0", options: &STANDARD };
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
        pairs.filter(|(from, to)| from.is_ipv4() == to.is_ipv4()).any(|(from, to)| {
            let transport = Transport::Port { protocol, destination };
            let connection = Connection::new(from, to, transport, Way::Forwarded);
            oracle.decide(&connection).outcome == Outcome::Allowed
        })
    }
}

fn policy(text: &mut String, number: usize, random: &mut Random) {
    let namespace = ["a", "b"][random.below(2)];
    let subject = match random.below(3) {
        0 => "{}".to_owned(),
        1 => format!("{{matchLabels: {{half: h{}}}}}", random.below(2)),
        _ => format!("{{matchLabels: {{app: w{}}}}}", random.below(WORKLOADS)),
    };
    writeln!(text, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{number}, namespace: {namespace}}}\nspec:\n  podSelector: {subject}").unwrap();
    let directions: &[&str] = [&["Ingress"][..], &["Egress"], &["Ingress", "Egress"]][random.below(3)];
    writeln!(text, "  policyTypes: [{}]", directions.join(", ")).unwrap();
    for direction in directions {
        let (field, peers) = if *direction == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
        let n_rules = random.below(3);
        if n_rules > 0 {
            writeln!(text, "  {field}:").unwrap();
        }
        for _ in 0..n_rules {
            let peer = match random.below(6) {
                0 => "{podSelector: {}}".to_owned(),
                1 => format!("{{podSelector: {{matchLabels: {{half: h{}}}}}}}", random.below(2)),
                2 => format!("{{namespaceSelector: {{matchLabels: {{t: {}}}}}}}", ["a", "b"][random.below(2)]),
                3 => "{namespaceSelector: {}}".to_owned(),
                _ => format!("{{ipBlock: {{cidr: \"{}\"}}}}", BLOCKS[random.below(BLOCKS.len())]),
            };
            let ports = match random.below(4) {
                0 => "{port: http}",
                1 => "{port: 80}",
                2 => "{port: 80, endPort: 81}",
                _ => "",
            };
            let peers = if random.below(5) == 0 { String::new() } else { format!("{peers}: [{peer}]") };
            let ports = if ports.is_empty() { String::new() } else { format!("ports: [{ports}]") };
            let both = [peers, ports].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            writeln!(text, "  - {{{both}}}").unwrap();
        }
    }
}

/// Somebody in an assertion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    Workload(usize),
    Node(usize),
    Outside(usize),
}

/// An assertion.
struct Asked {
    from: Vec<Who>,
    to: Vec<Who>,
    except: Vec<Who>,
    port: Option<u16>,
    expect: Expect,
    only: bool,
    /// Whether addresses are asked for as the ranges that they stand for.
    ranges: bool,
}

impl Asked {
    fn new(random: &mut Random) -> Self {
        let who = |random: &mut Random| match random.below(6) {
            0 => Who::Outside(random.below(OUTSIDE.len())),
            1 => Who::Node(random.below(NODES.len())),
            _ => Who::Workload(random.below(WORKLOADS)),
        };
        let several = |random: &mut Random| {
            let mut found: Vec<Who> = (0..1 + random.below(2)).map(|_| who(random)).collect();
            found.dedup();
            found
        };
        let (from, to) = (several(random), several(random));
        let expect = [Expect::Allow, Expect::Deny, Expect::Some][random.below(3)];
        let except = if random.below(3) == 0 && from.len() > 1 { vec![from[0]] } else { Vec::new() };
        let port = (expect != Expect::Deny || random.below(2) == 0).then(|| PORTS[random.below(PORTS.len())]);
        let only = expect == Expect::Allow && random.below(4) == 0 && except.is_empty();
        Self { from, to, except, port, expect, only, ranges: random.below(2) == 0 }
    }

    fn text(&self) -> String {
        let words = |all: &[Who]| {
            let word = |who: &Who| match who {
                Who::Workload(workload) => format!("\"{}\"", name(*workload)),
                Who::Node(node) => format!("\"host:n{node}\""),
                // Policies tell no address of these ranges from another.
                Who::Outside(outside) if self.ranges => {
                    let ranges = ["203.0.113.0/25", "203.0.113.128/25", "198.51.100.0/24", "2001:db8:ffff::/48"];
                    format!("\"{}\"", ranges[*outside])
                }
                Who::Outside(outside) => format!("\"{}\"", OUTSIDE[*outside]),
            };
            all.iter().map(word).collect::<Vec<_>>().join(", ")
        };
        let mut text =
            format!("- {{from: [{}], to: [{}], expect: {}", words(&self.from), words(&self.to), self.expect.word());
        if !self.except.is_empty() {
            write!(text, ", except: [{}]", words(&self.except)).unwrap();
        }
        if let Some(port) = self.port {
            write!(text, ", ports: [{port}/tcp]").unwrap();
        }
        if self.only {
            text.push_str(", only: true");
        }
        text + "}\n"
    }
}

/// Numbers that are the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % limit as u64).unwrap()
    }
}
