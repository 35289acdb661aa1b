//! The enforced egress baseline: what every pod may and may not reach, whatever its tenants write.
//!
//! ```yaml
//! apiVersion: palisade.dev/v1alpha1
//! kind: EgressBaseline
//! metadata: {name: standard}
//! priority: 500                                                                       # among several documents
//! exempt:  [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]  # pods that it does not bind
//! deny:    [{name: metadata, to: ["@metadata"]}]                                      # no policy can open it
//! always:  [{name: dns, to: ["@dns"], ports: [53/UDP, 53/TCP]}]                       # no policy can close it
//! allow:   [{name: proxies, to: [198.51.100.7/32], ports: [8080/TCP]}]                # subject to the pods' policies
//! default: deny                                                                       # the rest: deny, or pass
//! otherwise: allow                                # what no policy of the pod decides: allow, or deny
//! ```
//!
//! This short form becomes at most two policies. The Admin one holds, in this order, `deny` (Deny), `always` (Accept),
//! `allow` (Pass: the pods' own NetworkPolicies still decide) and, for `default: deny`, a Deny of everything. The
//! Baseline one holds the Deny of everything that `otherwise: deny` means for pods that no NetworkPolicy isolates for
//! egress. Nothing is implicit: no DNS, no API server, no pod is open that is not written, and both `default` and
//! `otherwise` must be. An empty or missing `to` is refused rather than read as everything.
//!
//! Beside it may stand verbatim ClusterNetworkPolicies (D2), and the oldest form, a plain list of a NetworkPolicy's
//! egress rules: those as `always`, `default: pass`, `otherwise: deny`. Documents are asked in the order of priority
//! and name, those of each tier by themselves; a Pass of one skips the rest of the tier, the documents after it
//! included (C3).
//!
//! A baseline with any error in any document enforces nothing of itself. Running without one would open everything, so
//! the caller refuses, keeps the last good one (its [`Text`]s, by [`restore`]), or enforces [`stand_in`].

mod destination;
mod document;
mod entry;
mod icmp;
mod list;
mod lower;
mod order;
mod part;
mod port;
mod spec;
#[cfg(test)]
mod tests;

use crate::diagnostic::{Diagnostic, Label, ObjectRef, Severity};
use crate::manifest::{ConfigMap, Object, code, load};
use crate::name::NamespacedName;
use crate::policy::Policy;
use crate::source::{Origin, Sources, Span};

use part::Part;

pub use lower::stand_in;

/// Namespace and name of the ConfigMap that holds the baseline, unless configured otherwise.
pub const CONFIG_MAP: (&str, &str) = ("kube-system", "palisade-egress-baseline");

/// The priority of a document that says none: there is room before it and after it.
pub const PRIORITY: u16 = 500;

/// What became of the baseline.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    /// There is none.
    Absent,
    /// To be enforced, in the order of tier, priority and name. No policies at all if what is written restricts and
    /// opens nothing.
    Sound(Vec<Policy>),
    /// There is one, and it cannot be enforced; the diagnostics say why. Never to be taken for [`Baseline::Absent`].
    Broken(Origin),
}

/// A baseline, and what it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What became of it.
    pub baseline: Baseline,
    /// Its documents, for whoever wants to keep them.
    pub texts: Vec<Text>,
    /// What was found on the way.
    pub diagnostics: Vec<Diagnostic>,
}

/// One or several documents of a baseline as text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Text {
    /// The file that they were written in.
    pub path: String,
    /// The key of the ConfigMap, or the name of the file: what a document without a name is called.
    pub key: String,
    /// The line of `path` that they begin in, from 1.
    pub line: u32,
    /// The text.
    pub text: String,
}

/// Finds and reads the baseline among objects: the ConfigMap of this name, and EgressBaseline documents.
pub fn find(objects: &[Object], config_map: &NamespacedName, sources: &Sources) -> Found {
    let mut diagnostics = Vec::new();
    let mut parts = Vec::new();
    for object in objects {
        match object {
            Object::ConfigMap(found) if found.metadata.name == *config_map => {
                parts.extend(part::of_config_map(found, sources, &mut diagnostics));
            }
            Object::ConfigMap(found) => diagnostics.extend(near_miss(found, config_map)),
            Object::EgressBaseline(found) => parts.push(Part::of_document(&found.document, found.damage, sources)),
            Object::Namespace(_)
            | Object::Node(_)
            | Object::Pod(_)
            | Object::NetworkPolicy(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Workload(_)
            | Object::Route(_) => {}
        }
    }
    found(&parts, diagnostics, sources)
}

/// Reads files that hold the baseline, as pairs of path and text: the ConfigMap of this name, EgressBaseline and
/// ClusterNetworkPolicy documents, or the plain list. Each file must hold one of them.
pub fn read(files: &[(String, String)], config_map: &NamespacedName, sources: &mut Sources) -> Found {
    let mut diagnostics = Vec::new();
    let mut parts = Vec::new();
    for (path, text) in files {
        if let Some(list) = part::of_list(path, text, sources) {
            parts.push(list);
            continue;
        }
        let (objects, loaded) = load(path, text, sources);
        let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
        let unreadable = loaded.iter().find(is_error).and_then(|finding| finding.span);
        let known = diagnostics.len();
        diagnostics.extend(loaded);
        let before = parts.len();
        for object in &objects {
            match object {
                Object::ConfigMap(found) if found.metadata.name == *config_map => {
                    parts.extend(part::of_config_map(found, sources, &mut diagnostics));
                }
                Object::ConfigMap(found) => diagnostics.extend(near_miss(found, config_map)),
                Object::EgressBaseline(found) => parts.push(Part::of_document(&found.document, found.damage, sources)),
                Object::ClusterNetworkPolicy(found) => {
                    parts.push(Part::of_document(&found.document, found.damage, sources));
                }
                Object::Namespace(_)
                | Object::Node(_)
                | Object::Pod(_)
                | Object::NetworkPolicy(_)
                | Object::Service(_)
                | Object::EndpointSlice(_)
                | Object::Workload(_)
                | Object::Route(_) => {}
            }
        }
        if parts.len() == before {
            let span = unreadable.unwrap_or_else(|| {
                let span = objects.first().and_then(Object::metadata).and_then(|metadata| metadata.span);
                span.unwrap_or(Span { source: sources.add(path, text), start: 0, end: 0 })
            });
            let message =
                format!("this file holds no baseline: neither an EgressBaseline nor the ConfigMap {config_map}");
            diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, span, message));
            parts.push(Part::lost(sources.origin(span)));
        } else if let Some(span) = diagnostics.iter().skip(known).find(is_error).and_then(|finding| finding.span) {
            // A document that could not be read may have denied what the others permit.
            parts.push(Part::lost(sources.origin(span)));
        }
    }
    found(&parts, diagnostics, sources)
}

/// Reads texts again that [`find`] or [`read`] gave. Places are those in the files that they came from.
pub fn restore(texts: &[Text], sources: &mut Sources) -> Found {
    let parts: Vec<_> = texts.iter().map(|text| Part::of_text(text, sources)).collect();
    found(&parts, Vec::new(), sources)
}

fn found(parts: &[Part], mut diagnostics: Vec<Diagnostic>, sources: &Sources) -> Found {
    let (baseline, read) = document::read_all(parts, sources);
    diagnostics.extend(read);
    let texts = parts.iter().filter_map(|part| part.text.clone()).collect();
    Found { baseline, texts, diagnostics }
}

/// A ConfigMap of the right name in the wrong namespace is probably meant.
fn near_miss(found: &ConfigMap, config_map: &NamespacedName) -> Option<Diagnostic> {
    let name = &found.metadata.name;
    let span = found.metadata.span.filter(|_| name.name == config_map.name)?;
    let message = format!("the ConfigMap {name} is not the baseline: {config_map} would be");
    let mut finding = Diagnostic::warning(code::BASELINE_SCHEMA, span, message);
    finding.labels =
        found.data.first().map(|entry| Label { span: entry.key.span, text: "not read".into() }).into_iter().collect();
    Some(finding.about(object_ref("ConfigMap", &name.namespace, &name.name)))
}

fn object_ref(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { kind: kind.into(), namespace: namespace.into(), name: name.into() }
}
