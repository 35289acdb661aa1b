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

use crate::clusters::{NODES, OUTSIDE, PORTS, Random, WORKLOADS, World, name};

/// How many clusters are drawn.
const WORLDS: u64 = 2_000;
const TESTS: usize = 6;

#[test]
fn verdicts_are_those_of_the_naive_evaluator() {
    let mut counted = [[0_usize; 2]; 3];
    for seed in 0..WORLDS {
        let mut random = Random::new(seed);
        let world = World::new(&mut random);
        let asked: Vec<Asked> = (0..TESTS).map(|_| Asked::new(&mut random)).collect();
        let mut text = String::from("version: 1\ntests:\n");
        for asked in &asked {
            text.push_str(&asked.text());
        }
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

impl World {
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
        let everybody = (0..WORKLOADS).map(Who::Workload).chain((0..NODES.len()).map(Who::Node));
        let everybody = everybody.chain((0..OUTSIDE.len()).map(Who::Outside));
        let others: Vec<Who> = everybody.filter(|who| !meant.contains(who)).collect();
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
            let mut found: Vec<Who> = (0..=random.below(2)).map(|_| who(random)).collect();
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
