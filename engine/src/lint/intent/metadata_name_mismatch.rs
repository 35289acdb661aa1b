//! PAL109 metadata-name-mismatch: the name label of a namespace is another name.

use policy_lang::diagnostic::Fix;
use policy_lang::manifest::tree::Value;
use policy_lang::name::{NAMESPACE_NAME_LABEL, NamespacedName};

use crate::lint::documents;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::reference;

rule! {
    /// ## What it does
    ///
    /// Finds Namespaces whose label `kubernetes.io/metadata.name` is not their name.
    ///
    /// ## Why it bites
    ///
    /// The server sets this label to the name, whatever is written. Selectors that count on the written value match
    /// nothing.
    ///
    /// ## How it is decided
    ///
    /// The two texts are compared. The name is the safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    ///   labels: {kubernetes.io/metadata.name: store}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata:
    ///   name: shop
    ///   labels: {team: a}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static METADATA_NAME_MISMATCH = "PAL109" "metadata-name-mismatch" Error Safe On,
        "the name label of a namespace is another name", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let texts = world.documents.with_words(&[NAMESPACE_NAME_LABEL], world.sources);
    for document in
        texts.iter().flat_map(|text| text.iter()).filter(|document| documents::kind(document) == "Namespace")
    {
        let field = |name| document.field("metadata")?.field(name);
        let (Some(name), Some(labels)) = (field("name"), field("labels").and_then(Value::entries)) else { continue };
        let label = labels.iter().find(|label| label.key.value.as_ref() == NAMESPACE_NAME_LABEL);
        let (Some(label), Some(own)) = (label, name.text()) else { continue };
        if label.value.text().is_some_and(|value| value != own) {
            let message = format!("the server sets this label to the namespace's name, `{own}`");
            let name = NamespacedName::new("", own.as_ref());
            let finding = report.about(reference("Namespace", &name), label.value.span, message);
            finding.help = Some("leave the label out".into());
            finding.fix = Some(Fix::safe(format!("write {own}"), label.value.span, own.as_ref()));
        }
    }
}
