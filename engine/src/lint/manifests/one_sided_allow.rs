//! PAL408 one-sided-allow: one side allows what the other side denies.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::manifest::tree::Spanned;
use policy_lang::network_policy::RuleSpec;
use policy_lang::peer::{Namespaces, Peer};
use policy_lang::policy::Direction;
use policy_lang::port::PortMatch;

use crate::lint::containment::{port_matches, ports_meet};
use crate::lint::edit::writing;
use crate::lint::manifests::{barrier, opening};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{Class, World, listed};
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds peers that one policy lets in or out and that the policies of the other side refuse altogether.
    ///
    /// ## Why it bites
    ///
    /// A connection needs both: the egress of its source and the ingress of its destination. Half a hole is none,
    /// and the rule looks as if it worked.
    ///
    /// ## How it is decided
    ///
    /// For each peer that selects workloads of the input: all pairs of workloads are closed by the other side, on
    /// every port that the rule names. A peer of every pod of every namespace is no statement about any of them.
    /// Silent where a ClusterNetworkPolicy may accept it.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {matchLabels: {app: db}}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: db}}
    ///   policyTypes: [Ingress]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: db-1, namespace: shop, labels: {app: db}}
    /// spec: {containers: [{name: db, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {matchLabels: {app: db}}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: db, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: db}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While the two sides are changed one after the other.
    pub(crate) static ONE_SIDED_ALLOW = "PAL408" "one-sided-allow" Warning Unsafe On,
        "one side allows what the other side denies", Check::World(check);
}

/// Most pairs of classes that are looked at for one peer; more than that are a statement about nobody.
const PAIRS: usize = 4000;

/// Most pairs that are looked at altogether.
const ALL_PAIRS: usize = 2_000_000;

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let mut budget = ALL_PAIRS;
    for policy in &world.policies {
        for (direction, rule) in policy.live_rules() {
            for peer in &rule.peers {
                look(world, (policy, direction, rule, peer), &mut budget, report);
            }
        }
    }
}

fn look(
    world: &World<'_>,
    (policy, direction, rule, peer): (&Written<'_>, Direction, &RuleSpec, &Spanned<Peer>),
    budget: &mut usize,
    report: &mut Report<'_>,
) {
    let Peer::Pods(selector) = &peer.value else { return };
    let every_namespace = match &selector.namespaces {
        Namespaces::Matching(namespaces) => namespaces.is_everything(),
        Namespaces::Named(_) => false,
    };
    if every_namespace && selector.pods.is_everything() {
        return;
    }
    let others = world.select(selector);
    let pairs = others.len().saturating_mul(policy.selected.len());
    if pairs == 0 || pairs > PAIRS || pairs > *budget {
        return;
    }
    let opposite = match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    };
    if barrier::accepts_above(world, opposite) {
        return;
    }
    let wanted = port_matches(rule);
    for other in others.iter() {
        for own in policy.selected.iter() {
            *budget = budget.saturating_sub(1);
            if !is_refused(world, *other, *own, opposite, &wanted) {
                return;
            }
        }
    }
    let names = listed(world.classes_of(&others).map(Class::example));
    let message = match direction {
        Direction::Egress => format!("this lets pods out to {names}, whose policies do not let them in"),
        Direction::Ingress => format!("this lets {names} in, whose policies do not let them out"),
    };
    let finding = report.about(policy.reference(), peer.span, message);
    let closing = others.first().and_then(|other| world.isolating(*other, opposite).next());
    label(finding, closing.map(Written::span), format!("closes {opposite}"));
    finding.help = Some(format!("add the missing {opposite} rule, or take this peer away"));
    finding.fix = other_half(world, (policy, rule), &others, opposite);
}

/// Writes the same into one of the policies of each of the others, seen from there.
fn other_half(
    world: &World<'_>,
    (policy, rule): (&Written<'_>, &RuleSpec),
    others: &[u32],
    direction: Direction,
) -> Option<Fix> {
    let mut closing: Vec<&Written<'_>> = Vec::new();
    for other in others {
        let first = world.isolating(*other, direction).next()?;
        if closing.iter().all(|known| known.span() != first.span()) {
            closing.push(first);
        }
        if closing.len() > opening::POLICIES {
            return None;
        }
    }
    closing.sort_by_key(|closing| closing.span());
    let ports = policy.node(rule.span)?.field("ports");
    let ports = match ports {
        Some(ports) => Some(writing::in_one_line(ports, world.sources)?),
        None => None,
    };
    let edits = closing.iter().map(|closing| {
        let peer = opening::subject(policy, &closing.name().namespace, world.sources)?;
        opening::edit(closing, direction, &[peer], ports.as_deref(), world.sources)
    });
    let names = listed(closing.iter().map(|closing| closing.name().to_string()));
    let title = format!("write the {direction} rule into {names}");
    Some(Fix { safety: Safety::Unsafe, title, edits: edits.collect::<Option<_>>()? })
}

/// Whether the policies of one class close it towards another on every one of these ports.
fn is_refused(world: &World<'_>, class: u32, other: u32, direction: Direction, wanted: &[&PortMatch]) -> bool {
    let Some(namespace) = world.class(class).map(|class| class.namespace) else { return false };
    let mut isolating = world.isolating(class, direction).peekable();
    if isolating.peek().is_none() || world.broken.contains(namespace) {
        return false;
    }
    let admits = |theirs: &RuleSpec| {
        let is_peer = theirs.peers.is_empty()
            || theirs.peers.iter().any(|peer| match &peer.value {
                Peer::Pods(selector) => world.selects(selector, other),
                // The addresses of pods are seldom in manifests.
                Peer::Addresses { .. } | Peer::Nodes(_) | Peer::Service { .. } => true,
            });
        is_peer && ports_meet(wanted, &port_matches(theirs))
    };
    !isolating.any(|policy| policy.rules(direction).iter().any(admits))
}
