//! PAL128 cross-namespace-pod-selector: a peer that exists in another namespace only.

use std::collections::BTreeSet;

use policy_lang::diagnostic::{Fix, Safety, Severity};
use policy_lang::name::NAMESPACE_NAME_LABEL;
use policy_lang::peer::{Namespaces, Peer, PodSelector};
use policy_lang::selector::Selector;

use crate::lint::edit;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds peers with only a `podSelector` that matches nothing in the policy's own namespace and workloads of
    /// exactly one other.
    ///
    /// ## Why it bites
    ///
    /// A `podSelector` alone never leaves the namespace of its policy. The peer matches nothing.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input. A note where the own namespace has none there.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: front, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: api}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: front, labels: {app: web}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: web-1, namespace: shop, labels: {app: api}}
    /// spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: front}}, podSelector: {matchLabels: {app: web}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where pods with this label are to come.
    pub(crate) static CROSS_NAMESPACE_SELECTOR = "PAL128" "cross-namespace-pod-selector" Warning Unsafe On,
        "a peer that exists in another namespace only", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Pods(selector) = &peer.value else { continue };
        let Namespaces::Named(own) = &selector.namespaces else { continue };
        if selector.pods.is_everything() || !world.select(selector).is_empty() {
            continue;
        }
        let anywhere = Namespaces::Matching(Selector::everything());
        let found = world.select(&PodSelector { namespaces: anywhere, pods: selector.pods.clone() });
        let namespaces: BTreeSet<_> = world.classes_of(&found).map(|class| class.namespace).collect();
        let mut namespaces = namespaces.into_iter();
        let (Some(namespace), None) = (namespaces.next(), namespaces.next()) else { continue };
        let message =
            format!("no workload of {own} has these labels; {} of {namespace} have", world.n_workloads(&found));
        let finding = report.at(peer.span, message);
        let condition = format!("{{matchLabels: {{{NAMESPACE_NAME_LABEL}: {namespace}}}}}");
        finding.help = Some(format!("add `namespaceSelector: {condition}` to this item if those are meant"));
        let entry = written.node(peer.span).and_then(|node| node.entries()?.first());
        let edit = entry.and_then(|entry| edit::before_entry(entry, "namespaceSelector", &condition, world.sources));
        finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, format!("select them in {namespace}"), edit));
        if !world.has_workloads(own) {
            finding.severity = Severity::Note;
        }
    }
}
