//! PAL207 redundant-rule-across: a rule that other policies contain.

use crate::lint::redundancy::cover::{Cover, Extent};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds rules that rules of other policies contain, on every workload that the policy selects.
    ///
    /// ## Why it bites
    ///
    /// Taking it away changes nothing today, and leaving it in hides who really opens the port.
    ///
    /// ## How it is decided
    ///
    /// For each selected workload of the input, by the words of the other policies that select it. Rules of one
    /// policy are PAL206.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    ///     ports: [{port: 80}]
    ///   - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: all, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {}}]
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
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: all, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{namespaceSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where each policy is to stand by itself.
    pub(crate) static REDUNDANT_RULE_ACROSS = "PAL207" "redundant-rule-across" Note Unsafe On,
        "a rule that other policies contain", Check::Cover(check);
}

fn check(world: &World<'_>, cover: &Cover<'_, '_>, report: &mut Report<'_>) {
    let Extent::Rules(rules) = &cover.extent else { return };
    for (direction, rule, by, by_rule) in rules {
        let message = format!("{} already admits this on every pod that the policy selects", by.name());
        let finding = report.at(rule.span, message);
        label(finding, Some(by_rule.span), "contains it");
        finding.fix = cover.policy.rule_away(*direction, rule, world.sources);
    }
}
