//! PAL208 redundant-policy: a policy whose removal changes nothing.

use crate::lint::redundancy::cover::{Cover, Extent};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{World, listed};

rule! {
    /// ## What it does
    ///
    /// Finds policies that others cover: they select the same pods, close the same directions and admit everything
    /// that this one admits.
    ///
    /// ## Why it bites
    ///
    /// It is a promise that somebody else keeps. When the other policy changes, nobody knows that this one was to
    /// hold.
    ///
    /// ## How it is decided
    ///
    /// The selector of another policy contains this one's, by its words; every rule is contained in a rule of such
    /// policies. Policies without rules state an intent and never count.
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
    /// Where the wider policy is to be narrowed.
    pub(crate) static REDUNDANT_POLICY = "PAL208" "redundant-policy" Warning Unsafe On,
        "a policy whose removal changes nothing", Check::Cover(check);
}

fn check(world: &World<'_>, cover: &Cover<'_, '_>, report: &mut Report<'_>) {
    let Extent::Policy(others) = &cover.extent else { return };
    let names = listed(others.iter().map(|other| other.name().to_string()));
    let message = format!("without this policy nothing would change: {names} cover it");
    let finding = report.at(cover.policy.span(), message);
    for other in others.iter().take(3) {
        label(finding, Some(other.span()), "covers it");
    }
    // Two that lean on a third one may also lean on one another: one goes, and the others are judged again.
    if cover.is_first {
        finding.fix = cover.policy.away(world.sources);
    }
}
