//! PAL209 duplicate-policy: two policies that say the same.

use std::collections::BTreeMap;

use policy_lang::peer::{Peer, PodSelector};
use policy_lang::policy::Direction;
use policy_lang::port::PortMatch;

use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

rule! {
    /// ## What it does
    ///
    /// Finds policies of one namespace that select the same pods and say the same under different names.
    ///
    /// ## Why it bites
    ///
    /// A change to one of them seems to have no effect, because the other one still holds.
    ///
    /// ## How it is decided
    ///
    /// Selector, directions and rules are compared, whatever their order and notation.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: copy, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While a policy is renamed.
    pub(crate) static DUPLICATE_POLICY = "PAL209" "duplicate-policy" Warning Unsafe On,
        "two policies that say the same", Check::World(check);
}

/// What a policy says, whatever the order in which it says so.
type Meaning<'w> = (&'w PodSelector, Vec<(Direction, Vec<(Vec<&'w Peer>, Vec<&'w PortMatch>)>)>);

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let mut known: BTreeMap<Meaning<'_>, &Written<'_>> = BTreeMap::new();
    for policy in &world.policies {
        let Some(first) = known.get(&meaning(policy)) else {
            known.insert(meaning(policy), policy);
            continue;
        };
        // One name twice is one object twice.
        if first.name() != policy.name() {
            let message = format!("this policy says the same as {}", first.name());
            let finding = report.about(policy.reference(), policy.span(), message);
            label(finding, Some(first.span()), "the other one");
            finding.fix = policy.away(world.sources);
        }
    }
}

fn meaning<'w>(policy: &'w Written<'_>) -> Meaning<'w> {
    let covered = DIRECTIONS.into_iter().filter(|direction| policy.spec.isolates(*direction));
    let directions = covered.map(|direction| {
        let rules = policy.rules(direction).iter().map(|rule| {
            let mut peers: Vec<&Peer> = rule.peers.iter().map(|peer| &peer.value).collect();
            peers.sort_unstable();
            peers.dedup();
            let mut ports: Vec<&PortMatch> = rule.ports.iter().map(|port| &port.value).collect();
            ports.sort_unstable();
            ports.dedup();
            (peers, ports)
        });
        let mut rules: Vec<_> = rules.collect();
        rules.sort_unstable();
        rules.dedup();
        (direction, rules)
    });
    (&policy.subject, directions.collect())
}
