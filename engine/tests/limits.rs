//! What one namespace can write against the others: bounded rules and elements, closed where it is too much, and nothing
//! of it in anybody else's part of the ruleset.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, Input, compile};
use engine::inventory::{Inventory, Pod};
use engine::ruleset::{Chain, Name, Set, Table};
use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, Policy, PortMatches, Rule, Subject, Tier};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::Selector;
use policy_lang::source::Origin;

const NODE: &str = "node-a";
/// Pods of a team's namespace.
const TEAM: usize = 60;

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for (host, namespace) in ["evil", "good"].into_iter().enumerate() {
        inventory.namespaces.insert(namespace.into(), [].into());
        let addresses = vec![format!("10.0.0.{}", host + 1).parse().unwrap()];
        let pod = Pod { node: Some(NODE.into()), addresses, ..Pod::default() };
        inventory.pods.insert(NamespacedName::new(namespace, "pod"), pod);
    }
    inventory
}

fn policy(namespace: &str, number: usize, rules: Vec<Rule>) -> Policy {
    let name = NamespacedName::new(namespace, format!("np-{number}"));
    let pods = PodSelector { namespaces: Namespaces::Named(namespace.into()), pods: Selector::everything() };
    Policy {
        origin: Origin::default().with_subject(name.to_string()),
        name,
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods, exempt: [].into() },
        ingress: Some(rules),
        egress: None,
    }
}

fn rule(peers: Vec<Peer>, ports: Vec<PortMatch>) -> Rule {
    let ports = if ports.is_empty() { PortMatches::Any } else { PortMatches::AnyOf(ports) };
    Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(peers), ports)
}

fn ports(first: u16, last: u16) -> PortMatch {
    let number = |port| NonZeroU16::new(port).unwrap();
    let range = PortRange::new(number(first), number(last)).unwrap();
    PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(range) }
}

fn everybody() -> Peer {
    Peer::Pods(PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() })
}

fn block(n: usize, n_except: usize) -> Peer {
    let cidr = format!("{}.{}.0.0/16", 11 + n / 256, n % 256).parse().unwrap();
    let hole = |hole| format!("{}.{}.{}.0/24", 11 + n / 256, n % 256, 2 * hole).parse().unwrap();
    Peer::Addresses { cidr, except: (0..n_except).map(hole).collect() }
}

fn team(n: usize) -> Peer {
    Peer::Pods(PodSelector { namespaces: Namespaces::Named(format!("team-{n}").into()), pods: Selector::everything() })
}

fn good() -> Policy {
    policy("good", 0, vec![rule(vec![everybody()], vec![ports(80, 80)]), rule(vec![block(0, 1)], Vec::new())])
}

/// The table, and what was said about budgets.
fn compiled(hostile: Vec<Policy>) -> (Table, Vec<String>) {
    compiled_with(hostile, &inventory())
}

fn compiled_with(hostile: Vec<Policy>, inventory: &Inventory) -> (Table, Vec<String>) {
    let policies: Vec<Policy> = hostile.into_iter().chain([good()]).collect();
    let input = Input {
        policies: &policies,
        host: None,
        inventory,
        node: NODE,
        forward_mode: ForwardMode::default(),
        pods: &STANDARD,
        sources: &[],
    };
    let (ruleset, diagnostics) = compile(&input);
    let said = diagnostics.into_iter().filter(|found| found.code.0 == "PAL031").map(|found| found.message).collect();
    (ruleset.tables.into_values().next().unwrap(), said)
}

type Part = (BTreeMap<Name, Chain>, BTreeMap<Name, Set>);

/// What the good namespace's policies became.
fn part_of_good(table: &Table) -> Part {
    let is_good = |name: &Name| name.as_str().contains("_good_");
    let chains = table.chains.iter().filter(|(name, _)| is_good(name));
    let named: BTreeMap<Name, Chain> = chains.map(|(name, chain)| (name.clone(), chain.clone())).collect();
    let text = format!("{named:?}");
    let used = table.sets.iter().filter(|(name, _)| text.contains(name.as_str()));
    (named, used.map(|(name, set)| (name.clone(), set.clone())).collect())
}

fn check(hostile: Vec<Policy>, closed: bool) {
    let (table, said) = compiled(hostile);
    let alone = part_of_good(&compiled(vec![policy("evil", 0, Vec::new())]).0);
    assert!(!alone.0.is_empty() && !alone.1.is_empty());
    assert_eq!(part_of_good(&table), alone);
    assert_eq!(!said.is_empty(), closed, "{said:?}");
    assert!(said.iter().all(|message| message.contains("namespace evil")), "{said:?}");
    assert!(table.chains.values().all(|chain| chain.rules.len() <= 80));
    assert!(table.sets.len() < 100);
    let n_elements: usize = table.sets.values().map(|set| set.elements.len()).sum();
    assert!(n_elements < 300_000, "{n_elements}");
    let counts = table.counters.keys().any(|name| name.as_str().starts_with("pl_deny_budget_in"));
    assert_eq!(counts, closed);
}

#[test]
fn ten_thousand_blocks_with_many_exceptions_close_the_pod() {
    let blocks = (0..10_000).map(|n| block(n, 20)).collect();
    check(vec![policy("evil", 0, vec![rule(blocks, Vec::new())])], true);
}

#[test]
fn ten_thousand_blocks_with_few_exceptions_are_one_look_up() {
    let blocks = (0..10_000).map(|n| block(n, 2)).collect();
    check(vec![policy("evil", 0, vec![rule(blocks, Vec::new())])], false);
}

#[test]
fn every_single_port_is_one_range() {
    let all = (1..=u16::MAX).map(|port| ports(port, port)).collect();
    check(vec![policy("evil", 0, vec![rule(vec![everybody()], all)])], false);
}

#[test]
fn five_thousand_policies_on_one_pod_are_a_few_look_ups() {
    let policies = (0..5_000).map(|n| {
        let port = 1 + u16::try_from(n).unwrap();
        policy("evil", n, vec![rule(vec![everybody(), block(n, 1)], vec![ports(port, port)])])
    });
    check(policies.collect(), false);
}

#[test]
fn overlapping_ranges_of_one_peer_are_one_range() {
    let policies = (0..5_000_usize).map(|n| {
        let port = 1 + u16::try_from(n).unwrap();
        policy("evil", n, vec![rule(vec![everybody()], vec![ports(port, port + 10_000)])])
    });
    check(policies.collect(), false);
}

#[test]
fn wide_ranges_of_many_peers_that_nothing_folds_close_the_pod() {
    let policies = (0..5_000_usize).map(|n| {
        let port = 1 + u16::try_from(n).unwrap();
        policy("evil", n, vec![rule(vec![team(n)], vec![ports(port, port + 10_000)])])
    });
    check(policies.collect(), true);
}

/// Pods and ports that would be a set of more than 131,072 elements.
#[test]
fn many_pods_with_many_ports_are_found_by_their_port() {
    let policies = (0..4_000_usize).map(|n| {
        let port = 100 + 2 * u16::try_from(n % 97).unwrap();
        policy("evil", n, vec![rule(vec![team(n % 50)], vec![ports(port, port)])])
    });
    let mut inventory = inventory();
    for n in 0..50 * TEAM {
        let name = NamespacedName::new(format!("team-{}", n / TEAM), format!("pod-{n}"));
        let addresses = vec![format!("10.1.{}.{}", n / 256, n % 256).parse().unwrap()];
        inventory.pods.insert(name, Pod { node: Some("node-b".into()), addresses, ..Pod::default() });
    }
    let (table, said) = compiled_with(policies.collect(), &inventory);
    assert_eq!(said, Vec::<String>::new());
    let is_evil = |name: &&Name| {
        name.as_str().starts_with("pl_in_") && !name.as_str().contains("rest") && name.as_str().contains("_evil_np")
    };
    let asked = table.chains.iter().filter(|(name, _)| is_evil(name)).map(|(_, chain)| chain.rules.len()).max();
    assert!(asked.is_some_and(|n| n <= 3), "{asked:?}");
    assert!(table.sets.len() < 120, "{}", table.sets.len());
}

#[test]
fn overlapping_ranges_that_take_too_many_cuts_close_the_pod() {
    let policies = (0..1_000_usize).map(|n| {
        let port = 1 + u16::try_from(n).unwrap();
        policy("evil", n, vec![rule(vec![block(n, 0)], vec![ports(port, port + 60_000)])])
    });
    check(policies.collect(), true);
}
