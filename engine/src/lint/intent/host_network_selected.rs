//! PAL126 host-network-pod-selected: a policy that selects pods on the network of their node.

use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::{World, listed};
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds policies whose selector, not an empty one, selects pods with `hostNetwork: true`.
    ///
    /// ## Why it bites
    ///
    /// Their packets bear the node's address and cannot be told from the node's. No pod policy binds them.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: agent, namespace: shop, labels: {app: agent}}
    /// spec: {hostNetwork: true}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: agent}}
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
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: write host rules for what runs on the node.
    pub(crate) static HOST_NETWORK_SELECTED = "PAL126" "host-network-pod-selected" Warning Never On,
        "a policy that selects pods on the network of their node", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let selector = &written.spec.pod_selector;
    if selector.is_everything() {
        return;
    }
    let own = world.on_host.iter().filter(|workload| workload.name.namespace == written.name().namespace);
    let selected: Vec<_> = own.filter(|workload| selector.matches(workload.labels)).collect();
    let Some(first) = selected.first() else { return };
    let names = listed(selected.iter().map(|workload| format!("{} {}", workload.kind, workload.name)));
    let message = format!("{names}: on the network of their node, where no pod policy binds them");
    let finding = report.at(written.selector_span(), message);
    label(finding, first.span, "this one");
    finding.help = Some("use host rules for what runs on the node".into());
}
