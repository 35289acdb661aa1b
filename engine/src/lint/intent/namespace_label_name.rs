//! PAL107 namespace-label-name: namespaces are selected by a label `name` that they do not have.

use policy_lang::diagnostic::{Fix, Severity};
use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::name::NAMESPACE_NAME_LABEL;
use policy_lang::peer::{Namespaces, Peer};
use policy_lang::selector::Operator;

use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds `namespaceSelector` with a label `name` that no namespace of the input has, where a namespace of that
    /// name exists.
    ///
    /// ## Why it bites
    ///
    /// Namespaces do not have such a label by themselves. The one that every namespace has is
    /// `kubernetes.io/metadata.name`. The peer matches nothing.
    ///
    /// ## How it is decided
    ///
    /// A namespace whose name is the wanted value is in the input and does not bear the label. A note where it has
    /// no Namespace object, because its labels are not known then.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: front}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {name: front}}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: front}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: front}}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where something labels namespaces by their name when they are created.
    pub(crate) static NAMESPACE_LABEL_NAME = "PAL107" "namespace-label-name" Warning Unsafe On,
        "namespaces are selected by a label `name` that they do not have", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for peer in written.live_peers() {
        let Peer::Pods(selector) = &peer.value else { continue };
        let Namespaces::Matching(namespaces) = &selector.namespaces else { continue };
        for requirement in namespaces.requirements().iter().filter(|requirement| &*requirement.key == "name") {
            let Operator::In(values) = &requirement.operator else { continue };
            let bears = |value| {
                let mut known = world.namespaces.values();
                known.any(|known| known.labels.get("name") == Some(value))
            };
            let Some(value) = values.iter().find(|value| !bears(value) && world.namespaces.contains_key(*value)) else {
                continue;
            };
            let object = world.namespaces.get(value).and_then(|known| known.written);
            let node = written.node(peer.span).and_then(|peer| peer.field("namespaceSelector"));
            let key = node.and_then(name_key);
            let message = format!("no namespace has the label name={value}: {value} is the name of one");
            let finding = report.at(key.map_or(peer.span, |key| key.key.span), message);
            finding.help = Some(format!("write `{NAMESPACE_NAME_LABEL}: {value}`, which every namespace has"));
            finding.fix = key
                .map(|key| Fix::risky(format!("select by {NAMESPACE_NAME_LABEL}"), key.key.span, NAMESPACE_NAME_LABEL));
            match object {
                Some(_) => label(finding, object, "this namespace does not bear the label"),
                None => finding.severity = Severity::Note,
            }
        }
    }
}

/// `name` in `matchLabels`, as it is written, if it is written bare.
fn name_key(selector: &Value) -> Option<&Entry> {
    let entries = selector.field("matchLabels")?.entries()?;
    entries.iter().find(|entry| entry.key.value.as_ref() == "name" && entry.key.span.end - entry.key.span.start == 4)
}
