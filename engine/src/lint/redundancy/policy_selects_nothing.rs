//! PAL201 policy-selects-nothing: a policy that selects no pod.

use policy_lang::diagnostic::Severity;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds policies whose selector, not an empty one, matches no workload of their namespace.
    ///
    /// ## Why it bites
    ///
    /// It closes nothing and opens nothing. Often the label of the pods was renamed, and they are open now.
    ///
    /// ## How it is decided
    ///
    /// Over the workloads of the input; an empty selector never counts. A note where the namespace has no workloads
    /// in the input, because it is not known then.
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
    ///   podSelector: {matchLabels: {app: payments}}
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
    /// Where the pods are to come.
    pub(crate) static POLICY_SELECTS_NOTHING = "PAL201" "policy-selects-nothing" Warning Unsafe On,
        "a policy that selects no pod", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    let selector = &written.spec.pod_selector;
    if selector.is_everything() || !written.selected.is_empty() {
        return;
    }
    let namespace = &written.name().namespace;
    let finding = report.at(written.selector_span(), format!("no pod of {namespace} matches `{selector}`"));
    finding.help = Some(world.looked_at(namespace));
    if world.knows_workloads(namespace) {
        finding.fix = written.away(world.sources);
    } else {
        finding.severity = Severity::Note;
    }
}
