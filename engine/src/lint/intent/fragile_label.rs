//! PAL123 fragile-label: a selector by a label that the next roll-out changes.

use policy_lang::selector::Selector;
use policy_lang::source::Span;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds selectors by labels that controllers put on pods and change: `pod-template-hash`, `controller-
    /// revision-hash`, `helm.sh/chart`, those of one Job and of one pod of a StatefulSet.
    ///
    /// ## Why it bites
    ///
    /// After the next roll-out the policy selects nothing, and the pods are open.
    ///
    /// ## How it is decided
    ///
    /// By the key.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {pod-template-hash: 5d4f8c7b9}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where one pod of a StatefulSet is meant.
    pub(crate) static FRAGILE_LABEL = "PAL123" "fragile-label" Warning Never On,
        "a selector by a label that the next roll-out changes", Check::Policy(check);
}

const FRAGILE: [&str; 9] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "job-name",
    "controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/controller-uid",
    "statefulset.kubernetes.io/pod-name",
    "helm.sh/chart",
];

fn check(_: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (selector, span) in written.selectors() {
        look(selector, span, report);
    }
}

fn look(selector: &Selector, span: Span, report: &mut Report<'_>) {
    for requirement in selector.requirements().iter().filter(|found| FRAGILE.contains(&found.key.as_ref())) {
        let message = format!("`{}` changes with every roll-out or run", requirement.key);
        report.at(span, message).help = Some("select by a label of the workload itself".into());
    }
}
