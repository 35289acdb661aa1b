//! What one namespace's selectors cost everybody: no more than in proportion to what was written.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
#![expect(clippy::print_stdout, reason = "the figures are what the test is about")]

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, Input, compile};
use engine::inventory::{Inventory, Pod};
use nix::time::{ClockId, clock_gettime};
use policy_lang::name::{Labels, NAMESPACE_NAME_LABEL, NamespacedName};
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::{Operator, Requirement, Selector};
use policy_lang::source::Origin;

const NODE: &str = "node-a";

/// Pods of the node, as many as the kubelet allows.
const LOCAL: usize = 110;

/// Policies and pods of the smaller cluster.
const N: usize = 1_000;

/// How much larger the larger one is.
const FACTOR: u16 = 4;

/// The exponent that growth may have: 1 is in proportion, 2 what comparing each with each would be.
const SLOPE_MAX: f64 = 1.3;

#[test]
fn operations_4_4_4_selectors_of_every_operator_cost_in_proportion() {
    for (name, selector) in [
        ("In", selector_in as fn(usize) -> Selector),
        ("NotIn", not_in),
        ("Exists", exists),
        ("DoesNotExist", does_not_exist),
    ] {
        for (role, cluster) in [
            ("subjects", of_subjects as Make),
            ("peers", of_peers),
            ("peers with ports", of_peers_with_ports),
            ("namespaces", of_namespaces),
        ] {
            let small = cost(&cluster(N, selector));
            let large = cost(&cluster(N * usize::from(FACTOR), selector));
            let slope = (large.as_secs_f64() / small.as_secs_f64()).ln() / f64::from(FACTOR).ln();
            println!("{name} of {role}: {small:?} to {large:?}, slope {slope:.2}");
            assert!(slope < SLOPE_MAX, "{name} of {role}: {small:?} to {large:?}, slope {slope:.2}");
        }
    }
}

type Make = fn(usize, fn(usize) -> Selector) -> (Vec<Policy>, Inventory);

/// Each policy selects other pods of one namespace.
fn of_subjects(n: usize, selector: fn(usize) -> Selector) -> (Vec<Policy>, Inventory) {
    let own = PodSelector { namespaces: named(), pods: Selector::everything() };
    let policies =
        (0..n).map(|each| policy(each, PodSelector { namespaces: named(), pods: selector(each) }, own.clone()));
    (policies.collect(), inventory(n))
}

/// Each policy selects all pods of one namespace, and permits others of them.
fn of_peers(n: usize, selector: fn(usize) -> Selector) -> (Vec<Policy>, Inventory) {
    let all = PodSelector { namespaces: named(), pods: Selector::everything() };
    let policies =
        (0..n).map(|each| policy(each, all.clone(), PodSelector { namespaces: named(), pods: selector(each) }));
    (policies.collect(), inventory(n))
}

/// The same, at one of fifty ports.
fn of_peers_with_ports(n: usize, selector: fn(usize) -> Selector) -> (Vec<Policy>, Inventory) {
    let (mut policies, inventory) = of_peers(n, selector);
    for (policy, port) in policies.iter_mut().zip((8_001..=8_050).cycle()) {
        let range = NonZeroU16::new(port).and_then(|port| PortRange::new(port, port)).unwrap();
        let port = PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(range) };
        policy.ingress.iter_mut().flatten().for_each(|rule| rule.ports = PortMatches::AnyOf(vec![port.clone()]));
    }
    (policies, inventory)
}

/// Each policy permits pods of other namespaces.
fn of_namespaces(n: usize, selector: fn(usize) -> Selector) -> (Vec<Policy>, Inventory) {
    let all = PodSelector { namespaces: named(), pods: Selector::everything() };
    let peer = |each| PodSelector { namespaces: Namespaces::Matching(selector(each)), pods: selector(each) };
    ((0..n).map(|each| policy(each, all.clone(), peer(each))).collect(), inventory(n))
}

fn named() -> Namespaces {
    Namespaces::Named("ns-0".into())
}

fn selector_in(n: usize) -> Selector {
    requirement("each", Operator::In(values(n)))
}

fn not_in(n: usize) -> Selector {
    requirement("each", Operator::NotIn(values(n)))
}

fn exists(n: usize) -> Selector {
    requirement(&format!("key-{n}"), Operator::Exists)
}

fn does_not_exist(n: usize) -> Selector {
    requirement(&format!("key-{n}"), Operator::DoesNotExist)
}

fn requirement(key: &str, operator: Operator) -> Selector {
    Selector::new([Requirement { key: key.into(), operator }])
}

fn values(n: usize) -> Box<[Arc<str>]> {
    (n..n + 5).map(|value| Arc::from(value.to_string())).collect()
}

fn policy(n: usize, subject: PodSelector, peer: PodSelector) -> Policy {
    let name = NamespacedName::new("ns-0", format!("np-{n}"));
    let peers = Peers::AnyOf(vec![Peer::Pods(peer)]);
    Policy {
        origin: Origin::default().with_subject(name.to_string()),
        name,
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods: subject, exempt: [].into() },
        ingress: Some(vec![Rule::new(Origin::default(), Action::Accept, peers, PortMatches::Any)]),
        egress: None,
    }
}

/// Half of the pods in the namespace of the policies, the others each in one of its own.
fn inventory(n: usize) -> Inventory {
    let mut inventory = Inventory::default();
    for each in 0..n {
        let namespace: Arc<str> = format!("ns-{}", if each % 2 == 0 { 0 } else { each }).into();
        let labels = |name: &str| {
            let (each, key) = (each.to_string(), format!("key-{each}"));
            let pairs = [(NAMESPACE_NAME_LABEL, name), ("each", &*each), (&*key, "")];
            pairs.into_iter().map(|(key, value)| (Arc::from(key), Arc::from(value))).collect::<Labels>()
        };
        inventory.namespaces.insert(Arc::clone(&namespace), labels(&namespace));
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(each).unwrap());
        let node = if each < 2 * LOCAL { NODE } else { "node-b" };
        let pod =
            Pod { labels: labels(""), node: Some(node.into()), addresses: vec![address.into()], ..Pod::default() };
        inventory.pods.insert(NamespacedName::new(namespace, format!("pod-{each}")), pod);
    }
    inventory
}

/// Processor time of this thread for one compile: the least of several, which other programs disturb least.
fn cost((policies, inventory): &(Vec<Policy>, Inventory)) -> Duration {
    let once = || {
        let before = now();
        let input = Input {
            policies,
            host: None,
            inventory,
            node: NODE,
            forward_mode: ForwardMode::default(),
            pods: &STANDARD,
            sources: &[],
        };
        let (ruleset, _) = compile(&input);
        let time = now().saturating_sub(before);
        assert!(!ruleset.tables.is_empty());
        time
    };
    (0..3).map(|_| once()).min().unwrap()
}

fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}
