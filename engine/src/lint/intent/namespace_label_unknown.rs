//! PAL108 namespace-label-unknown: namespaces are selected by a label that none has.

use policy_lang::name::NAMESPACE_NAME_LABEL;
use policy_lang::peer::{Namespaces, Peer};
use policy_lang::selector::Operator;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `namespaceSelector` with a label key that no Namespace of the input has.
    ///
    /// ## Why it bites
    ///
    /// The peer matches nothing. Often the label was to be put on the namespace and was not.
    ///
    /// ## How it is decided
    ///
    /// Only where every namespace that objects live in is in the input as an object, so that all labels are known;
    /// `kubernetes.io/metadata.name` is always known.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: shop, labels: {team: a}}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {purpose: front}}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: shop, labels: {team: a}}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {team: a}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the namespace that is meant belongs to somebody else and is not in the input.
    pub(crate) static NAMESPACE_LABEL_UNKNOWN = "PAL108" "namespace-label-unknown" Warning Never On,
        "namespaces are selected by a label that none has", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    if world.namespaces.values().any(|namespace| namespace.written.is_none()) {
        return;
    }
    for peer in written.live_peers() {
        let Peer::Pods(selector) = &peer.value else { continue };
        let Namespaces::Matching(namespaces) = &selector.namespaces else { continue };
        for requirement in namespaces.requirements() {
            let wants = match &requirement.operator {
                Operator::In(_) | Operator::Exists => true,
                Operator::NotIn(_) | Operator::DoesNotExist => false,
            };
            let key = &requirement.key;
            let is_known = || world.namespaces.values().any(|namespace| namespace.labels.contains_key(key));
            if wants && **key != *NAMESPACE_NAME_LABEL && !is_known() {
                let known = world.namespaces.len();
                let finding = report.at(peer.span, format!("none of the {known} namespaces has a label `{key}`"));
                finding.help = Some("this peer matches nothing until a namespace bears the label".into());
            }
        }
    }
}
