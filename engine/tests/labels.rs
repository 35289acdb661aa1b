//! What labels that nobody else has cost: their own bytes, and nothing in any index.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::print_stdout, reason = "the figures are what the test is about")]

use std::alloc::System;
use std::sync::Arc;

use engine::compile::ForwardMode;
use engine::compile::options::STANDARD;
use engine::incremental::{Incremental, Surroundings};
use engine::inventory::{Inventory, Pod};
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::share::Pool;
use policy_lang::source::Origin;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// Counts bytes.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Labels of a pod that no other has.
const LABELS: usize = 20;

/// Pods; ten times as many with `PALISADE_LONG`.
const PODS: usize = 15_000;

/// Bytes of a pod's facts, of which the texts of its labels are 700: two words more for each text that is held by itself,
/// its pointers in the labels, and its place in the pool of texts.
const FACTS_MAX: usize = 5_000;

/// Bytes that a pod with such labels adds to what a pod without labels adds, when everything is compiled.
const INDEX_MAX: usize = 100;

const NODE: &str = "node-a";

/// One test, so that nobody else's bytes are counted.
#[test]
fn operations_4_4_5_labels_that_nobody_else_has_cost_their_own_bytes_only() {
    let n = if std::env::var_os("PALISADE_LONG").is_some() { 10 * PODS } else { PODS };
    let (bare, bare_index) = bytes_of_a_pod(n, 0);
    let (facts, index) = bytes_of_a_pod(n, LABELS);
    let (quarter, _) = bytes_of_a_pod(n / 4, LABELS);
    println!("{n} pods: {bare} bytes each and {bare_index} compiled, {facts} and {index} with {LABELS} labels");
    assert!(facts <= FACTS_MAX, "{facts} bytes of facts for a pod");
    assert!(index <= bare_index + INDEX_MAX, "{index} bytes for a pod when compiled, {bare_index} without labels");
    assert!(facts * 10 <= quarter * 13, "{facts} bytes for each of {n} pods, {quarter} of a quarter as many");
}

/// Of its facts, and of what is compiled beside them.
fn bytes_of_a_pod(n: usize, n_labels: usize) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    let kept = |region: &Region<'_, System>| {
        let change = region.change();
        change.bytes_allocated.saturating_sub(change.bytes_deallocated)
    };
    let mut pool = Pool::default();
    let inventory = inventory(n, n_labels, &mut pool);
    let facts = kept(&region);
    let surroundings =
        Surroundings { host: None, node: NODE, forward_mode: ForwardMode::default(), pods: &STANDARD, sources: &[] };
    let compiled = Incremental::new(vec![policy()], inventory, surroundings);
    let all = kept(&region);
    drop((compiled, pool));
    (facts / n, (all - facts) / n)
}

fn inventory(n: usize, n_labels: usize, pool: &mut Pool) -> Inventory {
    let mut inventory = Inventory::default();
    let namespace: Arc<str> = "x".into();
    inventory.namespaces.insert(Arc::clone(&namespace), Labels::from([(NAMESPACE_NAME_LABEL.into(), "x".into())]));
    for each in 0..n {
        let label = |label| (format!("example.org/{each}-{label}"), format!("value-{each}-{label}"));
        let labels = (0..n_labels).map(label).map(|(key, value)| (key.into(), value.into())).collect::<Labels>();
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(each).unwrap());
        let node = if each < 110 { NODE } else { "node-b" };
        let node = Some(pool.text(node.into()));
        let labels = pool.labels(&labels);
        let pod = Pod { labels, node, addresses: vec![address.into()], ..Pod::default() };
        inventory.pods.insert(NamespacedName::new(Arc::clone(&namespace), format!("pod-{each}")), pod);
    }
    inventory
}

/// About one of the labels; nobody speaks of the others.
fn policy() -> Policy {
    let key = "example.org/7-7".into();
    let one = Selector::new([Requirement { key, operator: Operator::Exists }]);
    let pods = |pods| PodSelector { namespaces: Namespaces::Named("x".into()), pods };
    let peers = Peers::AnyOf(vec![Peer::Pods(pods(one))]);
    Policy {
        origin: Origin::default(),
        name: NamespacedName::new("x", "np"),
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods: pods(Selector::everything()), exempt: [].into() },
        ingress: Some(vec![Rule::new(Origin::default(), Action::Accept, peers, PortMatches::Any)]),
        egress: None,
    }
}
