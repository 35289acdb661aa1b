//! Texts in a folder of manifests that are none: values of charts, workflows, this program's own configuration.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::manifest::code;
use policy_lang::manifest::locate::Locator;
use policy_lang::manifest::yaml;
use policy_lang::source::Sources;

/// The fields that make a document look like an object.
const OF_OBJECTS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];

/// Whether a document was found to be no object, and does not look like one either.
pub(super) fn is_of_another_program(finding: &Diagnostic, sources: &Sources) -> bool {
    let Some(span) = finding.span.filter(|_| finding.code == code::NOT_LOADED) else { return false };
    let text = sources.text(span.source);
    let documents = yaml::documents(text, &Locator::of_source(span.source));
    let document = documents.iter().find(|document| {
        let whole = document.root.span;
        whole.start <= span.start && span.start <= whole.end
    });
    document.is_some_and(|document| OF_OBJECTS.iter().all(|field| document.root.field(field).is_none()))
}
