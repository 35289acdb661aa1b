//! The oracle against the kernel: drawn clusters, one after the other in one laboratory, asked with real packets.
//!
//! Each cluster is compiled for both nodes and applied over the one before, so that changes are tried as well. The
//! laboratory's addresses stay; which pods the API knows at them, and what it says of them, is drawn.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use engine::apply::{Step, apply};
use engine::eval::policy::{Connection, Decision, Outcome as Verdict, PodInterfaces, Transport, Way};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use engine::render;
use policy_lang::port::Protocol;
use watcher::lab::{Lab, Outcome, Patience, Probe, Service, Topology};

use super::draw::Cluster;
use super::plan::{self, NODES, OUTSIDE, Spot};
use super::{BYTES_MAX, noise};
use crate::privilege::{can_make_namespaces, report};

/// How many clusters `make test` asks about, and `make test-long`.
const CLUSTERS: u64 = 100;
const CLUSTERS_LONG: u64 = 1_000;
/// How many questions each cluster is asked.
const QUESTIONS: usize = 160;
/// What is denied costs this once for each cluster. What should have been answered and was not is asked again with more
/// patience.
const PATIENCE: Patience = Patience { quiet: Duration::from_millis(100) };

const SERVICES: [Service; 10] = [
    Service::Tcp(53),
    Service::Tcp(79),
    Service::Tcp(80),
    Service::Tcp(81),
    Service::Tcp(8080),
    Service::Udp(53),
    Service::Udp(80),
    Service::Udp(8080),
    Service::Sctp(80),
    Service::Echo,
];

/// Virtual addresses, each with its port and the pod behind it: by them a pod also reaches itself.
const VIRTUAL: [(Spot, Service, Spot); 2] = [
    (Spot { name: "web", v4: "198.18.0.1", v6: "2001:db8:5e::1" }, Service::Tcp(80), NODES[0].pods[0]),
    (Spot { name: "dns", v4: "198.18.0.2", v6: "2001:db8:5e::2" }, Service::Udp(53), NODES[1].pods[0]),
];

/// Where somebody is; nodes by their place in the plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Pod(usize),
    Node(usize),
    Outside,
}

/// One probe, and what the oracle has to know of it.
#[derive(Clone, Debug)]
struct Question {
    probe: Probe,
    source: IpAddr,
    /// Behind a virtual address.
    destination: IpAddr,
    from: Place,
    to: Place,
}

#[test]
fn oracle_and_kernel() {
    if !can_make_namespaces("oracle_and_kernel") {
        return;
    }
    let clusters = if std::env::var_os("PALISADE_LONG").is_some() { CLUSTERS_LONG } else { CLUSTERS };
    let lab = laboratory();
    let mut kernels = NODES.map(|node| lab.namespace(node.host.name).unwrap().run(Netlink::open).unwrap().unwrap());
    let all = questions();
    let start = Instant::now();
    let (mut n_open, mut n_denied) = (0, 0);
    let mut differences = Vec::new();
    for seed in 0..clusters {
        let cluster = Cluster::draw(&noise(seed)[..length(seed)]);
        for (node, kernel) in NODES.iter().zip(&mut kernels) {
            let watch = &mut |_: Step<'_>| ControlFlow::Continue(());
            let ruleset = cluster.compile(node.host.name);
            if let Err(error) = apply(kernel, &ruleset, TableFlags::default(), watch) {
                panic!("cluster {seed}, {}: {error}\n{}", node.host.name, render::ruleset(&ruleset));
            }
        }
        let asked = some(&all, seed);
        let passed = ask(&lab, &cluster, &asked);
        for (question, passed) in asked.iter().zip(passed) {
            *(if passed { &mut n_open } else { &mut n_denied }) += 1;
            let decision = question.decide(&cluster);
            if passed != (decision.outcome != Verdict::Denied) {
                differences.push(difference(seed, &cluster, question, &decision, passed));
            }
        }
    }
    let probes = n_open + n_denied;
    report(&format!(
        "oracle == kernel: {clusters} clusters, {probes} probes, {n_open} open, {n_denied} denied, {} differences, {:?}",
        differences.len(),
        start.elapsed()
    ));
    assert!(differences.is_empty(), "{} differences, the first:\n{}", differences.len(), differences[0]);
    assert!(
        n_open * 10 > probes && n_denied * 10 > probes,
        "a draw that hardly permits or hardly denies proves little"
    );
}

/// Some clusters end early, and have what the first choices give.
fn length(seed: u64) -> usize {
    const LEAST: usize = 300;
    LEAST + usize::try_from(seed * 997).unwrap_or(0) % (BYTES_MAX - LEAST)
}

fn laboratory() -> Lab {
    let mut text = plan::topology();
    for (Spot { v4, v6, .. }, service, backend) in VIRTUAL {
        let port = match service {
            Service::Tcp(port) | Service::Udp(port) | Service::Sctp(port) => port,
            Service::Echo => 0,
        };
        let _infallible = writeln!(text, "service {v4} {v6} {service} {}:{port}", backend.name);
    }
    let topology: Topology = text.parse().unwrap();
    let mut lab = Lab::up(&topology).unwrap();
    lab.listen(&SERVICES).unwrap();
    lab
}

/// Everything that can be asked: every pair by every service, and the virtual addresses from pods and nodes.
fn questions() -> Vec<Question> {
    let mut places = Vec::new();
    for (index, node) in NODES.iter().enumerate() {
        places.push((Place::Node(index), node.host));
        places.extend(node.pods.iter().map(|pod| (Place::Pod(index), *pod)));
    }
    places.extend(OUTSIDE.map(|spot| (Place::Outside, spot)));
    let mut questions = Vec::new();
    let mut ask = |(from, asker): (Place, Spot), to: Place, address: Spot, behind: Spot, service| {
        for family in 0..2 {
            let probe = Probe { from: asker.name.into(), to: address.addresses()[family], service };
            let [source, destination] = [asker, behind].map(|spot| spot.addresses()[family]);
            questions.push(Question { probe, source, destination, from, to });
        }
    };
    for asker in &places {
        for (to, answerer) in places.iter().filter(|(_, answerer)| answerer.name != asker.1.name) {
            for service in SERVICES {
                ask(*asker, *to, *answerer, *answerer, service);
            }
        }
        // Hosts outside have no way to virtual addresses.
        for (address, service, backend) in VIRTUAL.into_iter().filter(|_| asker.0 != Place::Outside) {
            let place = places.iter().find(|(_, spot)| spot.name == backend.name).map(|(place, _)| *place);
            ask(*asker, place.unwrap(), address, backend, service);
        }
    }
    questions
}

/// Some of them, other ones for other clusters.
fn some(all: &[Question], seed: u64) -> Vec<Question> {
    /// A prime, so that multiples of it come to every index.
    const STRIDE: usize = 7919;
    let first = usize::try_from(seed).unwrap_or(0) * QUESTIONS;
    (first..first + QUESTIONS).map(|n| all[n * STRIDE % all.len()].clone()).collect()
}

/// Which of them pass.
fn ask(lab: &Lab, cluster: &Cluster, asked: &[Question]) -> Vec<bool> {
    let probe = |questions: &[&Question], patience| {
        let probes: Vec<_> = questions.iter().map(|question| question.probe.clone()).collect();
        let answers = lab.probe(&probes, patience).unwrap();
        let passed = answers.iter().zip(&probes).map(|(answer, probe)| match answer.outcome {
            // Nobody listens at a node's or a pod's every port: who refuses has been reached.
            Outcome::Open | Outcome::Refused => true,
            Outcome::Dropped => false,
            Outcome::Unreachable => panic!("{probe:?} is unreachable: nothing that is denied here is answered"),
        });
        passed.collect::<Vec<_>>()
    };
    let mut passed = probe(&asked.iter().collect::<Vec<_>>(), PATIENCE);
    let is_late = |index: &usize| {
        let passes = asked[*index].decide(cluster).outcome != Verdict::Denied;
        passes && !passed[*index]
    };
    let late: Vec<usize> = (0..asked.len()).filter(is_late).collect();
    if !late.is_empty() {
        let again = probe(&late.iter().map(|index| &asked[*index]).collect::<Vec<_>>(), Patience::LONG);
        for (index, outcome) in late.into_iter().zip(again) {
            passed[index] = outcome;
        }
    }
    passed
}

impl Question {
    /// What the nodes on the way make of it together.
    fn decide(&self, cluster: &Cluster) -> Decision {
        let decisions = self.ways().into_iter().map(|(node, way, interfaces)| {
            let connection = Connection::new(self.source, self.destination, self.transport(), way);
            cluster.oracle(NODES[node].host.name).decide(&Connection { interfaces, ..connection })
        });
        decisions.reduce(Decision::and).expect("one of the two is on a node, or a node lies between")
    }

    fn ways(&self) -> Vec<(usize, Way, PodInterfaces)> {
        let is_pod_of = |place: Place, node: usize| place == Place::Pod(node);
        let at = |node: usize, way| {
            let interfaces = PodInterfaces { input: is_pod_of(self.from, node), output: is_pod_of(self.to, node) };
            (node, way, interfaces)
        };
        let here = match self.from {
            Place::Pod(node) if self.to == Place::Node(node) => return vec![at(node, Way::ToNode)],
            Place::Pod(node) => Some(at(node, Way::Forwarded)),
            Place::Node(node) => Some(at(node, Way::FromNode)),
            Place::Outside => None,
        };
        let there = match self.to {
            Place::Pod(node) => Some(at(node, Way::Forwarded)),
            Place::Node(node) => Some(at(node, Way::ToNode)),
            Place::Outside => None,
        };
        let ways: Vec<_> = here.into_iter().chain(there.filter(|(node, ..)| self.from.node() != Some(*node))).collect();
        // Between two hosts outside no node lies; any node's opinion is that it has none.
        if ways.is_empty() { vec![at(0, Way::FromNode)] } else { ways }
    }

    fn transport(&self) -> Transport {
        const ECHO: u8 = 8;
        const ECHO_V6: u8 = 128;
        let port = |protocol, destination| Transport::Port { protocol, destination };
        match self.probe.service {
            Service::Tcp(number) => port(Protocol::Tcp, number),
            Service::Udp(number) => port(Protocol::Udp, number),
            Service::Sctp(number) => port(Protocol::Sctp, number),
            Service::Echo => {
                let icmp_type = if self.source.is_ipv4() { ECHO } else { ECHO_V6 };
                Transport::Icmp { icmp_type, code: 0, hop_limit: 64 }
            }
        }
    }
}

impl Place {
    fn node(self) -> Option<usize> {
        match self {
            Self::Pod(node) | Self::Node(node) => Some(node),
            Self::Outside => None,
        }
    }
}

fn difference(seed: u64, cluster: &Cluster, question: &Question, decision: &Decision, passed: bool) -> String {
    let rulesets: Vec<_> = NODES.iter().map(|node| render::ruleset(&cluster.compile(node.host.name))).collect();
    format!(
        "cluster {seed}, {question:?}: {}\noracle: {decision:#?}\n{:#?}\n{:?}\n{:#?}\n{}",
        if passed { "passed" } else { "dropped" },
        cluster.policies,
        cluster.options,
        cluster.inventory,
        rulesets.join("\n")
    )
}
