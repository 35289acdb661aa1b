//! Three opinions on random small clusters: the oracle over the policies, the simulator over what they compile to, and
//! the kernel by real packets.

mod depth;
mod draw;
mod kernel;
mod places;
mod plan;
mod traffic;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use engine::compile::options::PodOptions;
use engine::compile::{ForwardMode, Input, compile};
use engine::eval::policy::{Answer, Cause, Connection, Decision, Oracle, Outcome};
use engine::eval::ruleset::{self as simulator, Host, Layer};
use engine::inventory::{Inventory, NamedPort, Pod};
use engine::render;
use engine::ruleset::Ruleset;
use policy_lang::name::{Labels, NamespacedName};
use policy_lang::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, Ports, Protocol};
use policy_lang::source::Origin;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use self::draw::{Cluster, everyone};
use crate::privilege::report;

/// The node that is judged.
const NODE: &str = "node-a";
/// Longest string of bytes that a cluster is drawn from.
const BYTES_MAX: usize = 1200;
/// Longest time that shrinking a failing cluster may take, in milliseconds.
const SHRINKING_MAX: u32 = 120_000;

/// How much is asked.
#[derive(Clone, Copy)]
struct Effort {
    clusters: u32,
    /// Connections of each cluster.
    connections: usize,
}

/// Of `make test`, and of `make test-long`.
const SHORT: Effort = Effort { clusters: 5_000, connections: 120 };
const LONG: Effort = Effort { clusters: 1_000_000, connections: 40 };

/// What came of it.
#[derive(Default)]
struct Figures {
    allowed: AtomicU64,
    denied: AtomicU64,
    /// One that differs is enough: the other threads may stop.
    has_failed: AtomicBool,
}

#[test]
fn oracle_and_simulator() {
    let effort = if std::env::var_os("PALISADE_LONG").is_some() { LONG } else { SHORT };
    let n_threads = thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
    let figures = Figures::default();
    thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| run(effort.clusters.div_ceil(n_threads), effort.connections, &figures));
        }
    });
    let [allowed, denied] = [&figures.allowed, &figures.denied].map(|count| count.load(Ordering::Relaxed));
    report(&format!("oracle == simulator: {} clusters, {allowed} allowed, {denied} denied", effort.clusters));
}

fn run(n_clusters: u32, n_connections: usize, figures: &Figures) {
    let config = ProptestConfig {
        cases: n_clusters,
        failure_persistence: None,
        max_shrink_time: SHRINKING_MAX,
        ..ProptestConfig::default()
    };
    // While a failing cluster shrinks, every connection is asked about: the sample would be another one.
    let has_failed = Cell::new(false);
    let result = TestRunner::new(config).run(&prop::collection::vec(any::<u8>(), 0..BYTES_MAX), |bytes| {
        if figures.has_failed.load(Ordering::Relaxed) && !has_failed.get() {
            return Ok(());
        }
        let cluster = Cluster::draw(&bytes);
        let all = traffic::connections(&cluster.inventory, NODE);
        let result = if has_failed.get() {
            check(&cluster, &all, figures)
        } else {
            check(&cluster, &sample(&all, n_connections, &bytes), figures)
        };
        has_failed.set(has_failed.get() || result.is_err());
        if result.is_err() {
            figures.has_failed.store(true, Ordering::Relaxed);
        }
        result
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Some of the connections, other ones for other clusters.
fn sample(all: &[Connection], count: usize, bytes: &[u8]) -> Vec<Connection> {
    /// A prime, so that multiples of it come to every index.
    const STRIDE: usize = 7919;
    let offset = bytes.iter().fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    (0..count).map(|n| all[(offset % all.len() + n * STRIDE) % all.len()]).collect()
}

#[test]
fn a_named_port_is_the_subjects_own_where_a_pod_of_another_node_claims_its_address() {
    let cluster = shared_address();
    check(&cluster, &traffic::connections(&cluster.inventory, NODE), &Figures::default()).unwrap();
}

/// A pod that declares the port `http`, one of another node with the same address that does not, and a baseline that
/// denies that port.
fn shared_address() -> Cluster {
    let http = NamedPort { name: "http".into(), protocol: Protocol::Tcp, port: 80 };
    let pod = |node: &str, ports: Vec<NamedPort>| Pod {
        node: Some(node.into()),
        addresses: vec!["10.244.1.11".parse().unwrap()],
        ports,
        ..Pod::default()
    };
    let mut inventory = Inventory::default();
    inventory.namespaces.insert("x".into(), Labels::new());
    inventory.pods.insert(NamespacedName::new("x", "here"), pod(NODE, vec![http]));
    inventory.pods.insert(NamespacedName::new("x", "there"), pod("node-b", Vec::new()));
    let ports = PortMatches::AnyOf(vec![PortMatch { protocol: Protocol::Tcp, ports: Ports::Named("http".into()) }]);
    let deny = Rule::new(Origin::default(), Action::Deny, Peers::Any, ports);
    let policy = Policy {
        origin: Origin::default(),
        name: NamespacedName::new("x", "no-http"),
        tier: Tier::ConfigMapAdmin,
        priority: 0,
        subject: Subject { pods: everyone(), exempt: [].into() },
        ingress: Some(vec![deny]),
        egress: None,
    };
    let options = PodOptions::default();
    Cluster { policies: vec![policy], inventory, forward_mode: ForwardMode::PodsFirst, options }
}

/// Over a few hundred clusters, everything that a decision can say is said.
#[test]
fn the_draw_leaves_nothing_out() {
    let mut said = BTreeSet::new();
    for seed in 0..400 {
        let bytes = noise(seed);
        let cluster = Cluster::draw(&bytes);
        for connection in sample(&traffic::connections(&cluster.inventory, NODE), 200, &bytes) {
            words(&cluster.oracle(NODE).decide(&connection), &mut said);
        }
    }
    let rules = Tier::ALL.into_iter().flat_map(|tier| match tier {
        Tier::NetworkPolicy => vec![format!("{tier}: Accept")],
        Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline => {
            ["Accept", "Deny", "Pass"].map(|action| format!("{tier}: {action}")).to_vec()
        }
    });
    let others = [
        "isolated",
        "quarantined",
        "counted",
        "audited",
        "hairpin",
        "no rule",
        "no pod",
        "own node",
        "own node open",
        "vital",
        "routing from a pod",
        "two at one address",
        "observed",
        "observed and denied",
    ];
    let missing: Vec<_> = rules.chain(others.map(str::to_owned)).filter(|expected| !said.contains(expected)).collect();
    assert!(missing.is_empty(), "never said: {missing:?}; said: {said:?}");
}

/// As many bytes as a cluster may take, the same for the same seed (Steele, Lea and Flood's `SplitMix64`).
fn noise(seed: u64) -> Vec<u8> {
    let next = |n: u64| {
        let z = (seed.wrapping_mul(1 << 20).wrapping_add(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_be_bytes()[0]
    };
    (1..=u64::try_from(BYTES_MAX).unwrap_or(u64::MAX)).map(next).collect()
}

fn words(decision: &Decision, said: &mut BTreeSet<String>) {
    for judgement in &decision.judgements {
        for layer in &judgement.layers {
            if !layer.audited.is_empty() {
                said.insert("audited".into());
            }
            said.insert(match &layer.answer {
                Answer::Rule(action, _) => format!("{}: {action:?}", layer.tier),
                Answer::Isolated { .. } => "isolated".into(),
                Answer::Quarantined { .. } => "quarantined".into(),
                Answer::QuarantineCounted { .. } => "counted".into(),
                Answer::Unbound | Answer::NoMatch => "nothing".into(),
            });
        }
    }
    let says = |outcome| decision.judgements.iter().any(|judgement| judgement.outcome == outcome);
    if decision.outcome == Outcome::Observed {
        said.insert("observed".into());
    }
    if says(Outcome::Observed) && decision.outcome == Outcome::Denied {
        said.insert("observed and denied".into());
    }
    if decision.judgements.windows(2).any(|pair| pair[0].direction == pair[1].direction) {
        said.insert("two at one address".into());
    }
    said.insert(
        match decision.cause {
            Cause::Rule { .. } | Cause::Isolated { .. } | Cause::Quarantine => "policy",
            Cause::Hairpin => "hairpin",
            Cause::NoRule => "no rule",
            Cause::NoPod => "no pod",
            Cause::OwnNode => "own node",
            Cause::OwnNodeOpen => "own node open",
            Cause::Vital => "vital",
            Cause::RoutingFromPod => "routing from a pod",
        }
        .into(),
    );
}

fn check(cluster: &Cluster, connections: &[Connection], figures: &Figures) -> Result<(), TestCaseError> {
    let ruleset = cluster.compile(NODE);
    for table in ruleset.tables.values() {
        let deepest = depth::jumps(table);
        prop_assert!(deepest <= depth::JUMPS_MAX, "{deepest} jumps\n{}", render::ruleset(&ruleset));
    }
    let oracle = cluster.oracle(NODE);
    for connection in connections {
        let decision = oracle.decide(connection);
        let (hook, packet) = (traffic::hook(connection.way), traffic::packet(connection));
        let evaluation = simulator::hook(&ruleset, &Host::default(), Layer::Network, hook, packet);
        let passed = evaluation.outcome == simulator::Outcome::Accept;
        prop_assert_eq!(
            passed,
            decision.outcome != Outcome::Denied,
            "{:?}\noracle: {:#?}\nsimulator: {:?}\n{:#?}\n{:?}\n{:#?}\n{}",
            connection,
            decision,
            evaluation.decided_by,
            cluster.policies,
            cluster.options,
            cluster.inventory,
            render::ruleset(&ruleset)
        );
        prop_assert_eq!(
            places::counted(&evaluation),
            places::expected(&decision),
            "{:?}\n{:#?}\n{:#?}",
            connection,
            decision,
            cluster.policies
        );
        let count = if passed { &figures.allowed } else { &figures.denied };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

impl Cluster {
    fn oracle<'a>(&'a self, node: &'a str) -> Oracle<'a> {
        Oracle { policies: &self.policies, inventory: &self.inventory, node, options: &self.options }
    }

    fn compile(&self, node: &str) -> Ruleset {
        let input = Input {
            policies: &self.policies,
            host: None,
            inventory: &self.inventory,
            node,
            forward_mode: self.forward_mode,
            pods: &self.options,
            sources: &[],
        };
        compile(&input).0
    }
}
