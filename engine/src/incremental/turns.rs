//! Chains whose layout hangs on what other pods of the node take: with one list of policies more, or a budget exceeded,
//! they are made again though nothing that they say has changed.

use std::num::NonZeroU16;

use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::policy::{Action, Peers, PortMatches, Rule, Subject};
use policy_lang::port::{PortMatch, PortRange, Ports, Protocol};
use policy_lang::selector::Selector;
use policy_lang::source::Origin;

use super::*;
use crate::compile::compile;
use crate::compile::options::STANDARD;

const NODE: &str = "here";

const SURROUNDINGS: Surroundings<'_> =
    Surroundings { host: None, node: NODE, forward_mode: ForwardMode::PodsFirst, pods: &STANDARD, sources: &[] };

fn policy(namespace: &str, rules: Vec<Rule>) -> Policy {
    let name = NamespacedName::new(namespace, "permits");
    let pods = PodSelector { namespaces: Namespaces::Named(namespace.into()), pods: Selector::everything() };
    Policy {
        origin: Origin::default().with_subject(name.to_string()),
        subject: Subject { pods, exempt: [].into() },
        name,
        tier: Tier::NetworkPolicy,
        priority: 0,
        ingress: Some(rules),
        egress: None,
    }
}

/// Two blocks and eleven ports, which no other rule has.
fn rule(n: u16) -> Rule {
    let port = |port| NonZeroU16::new(port).unwrap();
    let range = PortRange::new(port(1_000 + 20 * n), port(1_010 + 20 * n)).unwrap();
    let ports = PortMatches::AnyOf(vec![PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(range) }]);
    let block = Peer::Addresses {
        cidr: format!("10.{n}.0.0/16").parse().unwrap(),
        except: [format!("10.{n}.1.0/24").parse().unwrap()].into(),
    };
    Rule::new(Origin::default(), Action::Accept, Peers::AnyOf(vec![block]), ports)
}

fn pod(n: usize) -> Pod {
    Pod { node: Some(NODE.into()), addresses: vec![format!("10.200.0.{n}").parse().unwrap()], ..Pod::default() }
}

fn anew(incremental: &Incremental) -> Ruleset {
    let (policies, inventory) = incremental.facts();
    let Surroundings { host, node, forward_mode, pods, sources } = SURROUNDINGS;
    compile(&Input { policies, host, inventory, node, forward_mode, pods, sources }).0
}

/// The kinds of the sets that the namespace `large` has: `ports` where it has a map of ports, `blocks` where it has boxes.
fn has(ruleset: &Ruleset, kind: &str) -> bool {
    let table = &ruleset.tables[&TableKey::ours(Family::Inet)];
    table.sets.keys().any(|name| name.as_str().starts_with(&format!("pl_{kind}_")) && name.as_str().contains("large"))
}

#[test]
fn a_share_that_shrinks_and_grows_again_lays_chains_out_anew() {
    let small = |n: usize| format!("small-{n}");
    let mut policies: Vec<Policy> = (0..16).map(|n| policy(&small(n), vec![rule(0)])).collect();
    policies.push(policy("large", (0..100).map(rule).collect()));
    let mut inventory = Inventory::default();
    inventory.pods.insert(NamespacedName::new("large", "pod"), pod(200));
    let mut incremental = Incremental::new(policies, inventory, SURROUNDINGS);
    let mut change = |n: usize, pod: Option<Pod>| {
        incremental.apply(Change::Pod(NamespacedName::new(small(n), "pod"), pod), SURROUNDINGS);
        assert_eq!(incremental.ruleset(), &anew(&incremental), "{n}");
        (has(incremental.ruleset(), "ports"), has(incremental.ruleset(), "blocks"))
    };
    for n in 0..15 {
        assert_eq!(change(n, Some(pod(n + 1))), (true, false), "{n}");
    }
    // A seventeenth list halves everybody's share, which is less than the hundred chains then.
    assert_eq!(change(15, Some(pod(16))), (false, true));
    assert_eq!(change(15, None), (true, false));
}

#[test]
fn a_budget_that_is_exceeded_and_kept_again_closes_and_opens() {
    // Each list of policies asks for some 100,000 permissions of the 131,072.
    let many = |app: &str| {
        let mut policy = policy("large", (0..100).map(rule).collect());
        let ports = (0..500).map(|n| {
            let port =
                PortRange::new(NonZeroU16::new(1 + 2 * n).unwrap(), NonZeroU16::new(1 + 2 * n).unwrap()).unwrap();
            PortMatch { protocol: Protocol::Tcp, ports: Ports::Range(port) }
        });
        let ports = PortMatches::AnyOf(ports.collect());
        policy.ingress.iter_mut().flatten().for_each(|rule| rule.ports = ports.clone());
        policy.name = NamespacedName::new("large", app);
        policy.subject.pods.pods = Selector::new([policy_lang::selector::Requirement {
            key: "app".into(),
            operator: policy_lang::selector::Operator::In([Arc::from(app)].into()),
        }]);
        policy
    };
    let labelled = |n: usize, app: &str| Pod { labels: [("app".into(), app.into())].into(), ..pod(n) };
    let mut inventory = Inventory::default();
    inventory.pods.insert(NamespacedName::new("large", "one"), labelled(1, "one"));
    let mut incremental = Incremental::new(vec![many("one"), many("two")], inventory, SURROUNDINGS);
    let closed = |incremental: &Incremental| {
        let table = &incremental.ruleset().tables[&TableKey::ours(Family::Inet)];
        table.counters.keys().any(|name| name.as_str().starts_with("pl_deny_budget_in"))
    };
    assert!(!closed(&incremental));
    for (pod, is_closed) in [(Some(labelled(2, "two")), true), (None, false)] {
        incremental.apply(Change::Pod(NamespacedName::new("large", "two"), pod), SURROUNDINGS);
        assert_eq!(incremental.ruleset(), &anew(&incremental));
        assert_eq!(closed(&incremental), is_closed);
        assert_eq!(incremental.diagnostics().is_empty(), !is_closed);
    }
}
