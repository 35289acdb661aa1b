//! The enforced egress baseline, short form: what every pod may and may not reach, whatever its tenants write.
//!
//! ```yaml
//! apiVersion: palisade.dev/v1alpha1
//! kind: EgressBaseline
//! metadata: {name: standard}
//! exempt:  [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]  # pods that it does not bind
//! deny:    [{name: metadata, to: ["@metadata"]}]                                      # no policy can open it
//! always:  [{name: dns, to: ["@dns"], ports: [53/UDP, 53/TCP]}]                       # no policy can close it
//! allow:   [{name: proxies, to: [198.51.100.7/32], ports: [8080/TCP]}]                # subject to the pods' policies
//! default: deny                                                                       # the rest: deny, or pass
//! otherwise: allow                                # what no policy of the pod decides: allow, or deny
//! ```
//!
//! It becomes at most two policies. The Admin one holds, in this order, `deny` (Deny), `always` (Accept), `allow`
//! (Pass: the pods' own NetworkPolicies still decide) and, for `default: deny`, a Deny of everything. The Baseline one
//! holds the Deny of everything that `otherwise: deny` means for pods that no NetworkPolicy isolates for egress.
//! Nothing is implicit: no DNS, no API server, no pod is open that is not written, and both `default` and `otherwise`
//! must be. An empty or missing `to` is refused rather than read as everything.
//!
//! There is exactly one baseline. Of two, the `allow` of the first would open what the second denies.
//!
//! A baseline with any error enforces nothing of itself. Running without one would open everything, so the caller
//! refuses, keeps the last good one, or enforces [`stand_in`].

mod entry;
mod lower;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Label, ObjectRef, Severity};
use crate::manifest::locate::Locator;
use crate::manifest::reader::{Dialect, Reader};
use crate::manifest::tree::Value;
use crate::manifest::yaml::{self, Document, Extent};
use crate::manifest::{ConfigMap, EgressBaselineDocument, Object, code, load};
use crate::name::NamespacedName;
use crate::policy::Policy;
use crate::source::{Origin, Sources, Span};

pub use lower::stand_in;

/// Namespace and name of the ConfigMap that holds the baseline, unless configured otherwise.
pub const CONFIG_MAP: (&str, &str) = ("kube-system", "palisade-egress-baseline");

/// What became of the baseline.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    /// There is none.
    Absent,
    /// To be enforced. No policies at all if what is written restricts and opens nothing.
    Sound(Vec<Policy>),
    /// There is one, and it cannot be enforced; the diagnostics say why. Never to be taken for [`Baseline::Absent`].
    Broken(Origin),
}

/// Finds and reads the baseline among objects: the ConfigMap of this name, or an EgressBaseline document.
pub fn find(objects: &[Object], config_map: &NamespacedName, sources: &Sources) -> (Baseline, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut candidates = Vec::new();
    for object in objects {
        match object {
            Object::ConfigMap(found) if found.metadata.name == *config_map => {
                candidates.push(Candidate::ConfigMap(found));
            }
            Object::ConfigMap(found) => diagnostics.extend(near_miss(found, config_map)),
            Object::EgressBaseline(found) => candidates.push(Candidate::Document(found)),
            Object::Namespace(_)
            | Object::Node(_)
            | Object::Pod(_)
            | Object::NetworkPolicy(_)
            | Object::ClusterNetworkPolicy(_)
            | Object::Service(_)
            | Object::EndpointSlice(_) => {}
        }
    }
    let baseline = match candidates.as_slice() {
        [] => Baseline::Absent,
        [candidate] => candidate.decode(sources, &mut diagnostics),
        [first, second, ..] => {
            let message = "there is more than one baseline";
            let finding = second.span().map(|span| Diagnostic::error(code::BASELINE_SCHEMA, span, message));
            diagnostics.extend(finding.map(|finding| match first.span() {
                Some(span) => finding.label(span, "the other one"),
                None => finding,
            }));
            Baseline::Broken(first.origin(sources))
        }
    };
    (baseline, diagnostics)
}

/// Reads a file that holds the baseline: the ConfigMap of this name, or an EgressBaseline document.
pub fn read(path: &str, text: &str, config_map: &NamespacedName, sources: &mut Sources) -> (Baseline, Vec<Diagnostic>) {
    let (objects, mut diagnostics) = load(path, text, sources);
    let unreadable =
        diagnostics.iter().find(|finding| finding.severity == Severity::Error).and_then(|finding| finding.span);
    let (mut baseline, found) = find(&objects, config_map, sources);
    diagnostics.extend(found);
    if baseline == Baseline::Absent {
        let span = unreadable.unwrap_or_else(|| {
            let span = objects.first().and_then(Object::metadata).and_then(|metadata| metadata.span);
            span.unwrap_or(Span { source: sources.add(path, text), start: 0, end: 0 })
        });
        let message = format!("this file holds no baseline: neither an EgressBaseline nor the ConfigMap {config_map}");
        diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, span, message));
        baseline = Baseline::Broken(sources.origin(span));
    }
    (baseline, diagnostics)
}

/// Something that should be the baseline.
enum Candidate<'o> {
    ConfigMap(&'o ConfigMap),
    Document(&'o EgressBaselineDocument),
}

impl Candidate<'_> {
    /// Where it is written; nothing for objects from an API server.
    fn span(&self) -> Option<Span> {
        match self {
            Self::ConfigMap(config_map) => config_map.metadata.span,
            Self::Document(found) => Some(found.document.field("kind").map_or(found.document.span, |kind| kind.span)),
        }
    }

    fn origin(&self, sources: &Sources) -> Origin {
        match self {
            Self::ConfigMap(config_map) => config_map.metadata.origin.clone(),
            Self::Document(found) => sources.origin(found.document.span),
        }
    }

    fn decode(&self, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Baseline {
        let mut reader = Reader::new(sources, Dialect::Baseline);
        let (policies, about) = match self {
            Self::ConfigMap(config_map) => {
                let name = &config_map.metadata.name;
                (decode_config_map(config_map, &mut reader), object_ref("ConfigMap", &name.namespace, &name.name))
            }
            Self::Document(found) => {
                let name = spec::name(&found.document).unwrap_or_else(|| "".into());
                let identity = NamespacedName::new("", Arc::clone(&name));
                (
                    spec::read(&found.document, &mut reader).map(|spec| lower::policies(&spec, &identity, sources)),
                    object_ref("EgressBaseline", "", &name),
                )
            }
        };
        let damaged = match self {
            Self::ConfigMap(config_map) => config_map.damage.is_some(),
            Self::Document(found) => found.damage.is_some() || found.document.has_duplicate_key(),
        };
        let broken = damaged || reader.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
        diagnostics.extend(reader.diagnostics.into_iter().map(|finding| finding.about(about.clone())));
        match policies {
            Some(policies) if !broken => Baseline::Sound(policies),
            Some(_) | None => Baseline::Broken(self.origin(sources)),
        }
    }
}

fn decode_config_map(config_map: &ConfigMap, reader: &mut Reader<'_>) -> Option<Vec<Policy>> {
    let at = config_map.metadata.span;
    let mut documents = Vec::new();
    for entry in &config_map.data {
        let key = &entry.key;
        if !is_yaml(&key.value) {
            let message =
                format!("the key `{}` is not read: only those that end in .yaml, .yml or .json are", key.value);
            reader.diagnostics.push(Diagnostic::warning(code::BASELINE_SCHEMA, key.span, message));
            continue;
        }
        let text = entry.value.scalar().map_or("", |scalar| &scalar.text);
        let locator = Locator::of_scalar(&entry.value, reader.sources);
        documents.extend(yaml::documents(text, &locator));
    }
    let [document] = documents.as_slice() else {
        let span = documents.get(1).map(|second| second.root.span).or(at);
        let message = match documents.len() {
            0 => "this ConfigMap holds no EgressBaseline: write it under `data` as `baseline.yaml: |`",
            _ => "this ConfigMap holds more than one document: a baseline is one",
        };
        reader.diagnostics.extend(span.map(|span| Diagnostic::error(code::BASELINE_SCHEMA, span, message)));
        for document in documents {
            reader.diagnostics.extend(as_schema(document.diagnostics));
        }
        return None;
    };
    let Document { root, extent, diagnostics } = document;
    let unsound = !diagnostics.is_empty();
    reader.diagnostics.extend(as_schema(diagnostics.clone()));
    if *extent == Extent::CutShort || !is_egress_baseline(root, reader) {
        return None;
    }
    let spec = spec::read(root, reader)?;
    (!unsound).then(|| lower::policies(&spec, &config_map.metadata.name, reader.sources))
}

/// Syntax errors get the code of a baseline that cannot be read.
fn as_schema(diagnostics: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
    diagnostics.into_iter().map(|finding| Diagnostic { code: code::BASELINE_SCHEMA, ..finding })
}

fn is_egress_baseline(document: &Value, reader: &mut Reader<'_>) -> bool {
    let field = |name| document.field(name).and_then(Value::text).map_or("", AsRef::as_ref);
    let (version, kind) = (field("apiVersion"), field("kind"));
    let expected = (version, kind) == (spec::API_VERSION, spec::KIND);
    if !expected {
        let at =
            document.field("kind").or_else(|| document.field("apiVersion")).map_or(document.span, |value| value.span);
        let message = format!("expected `apiVersion: {}` and `kind: {}`", spec::API_VERSION, spec::KIND);
        reader.diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, at, message));
    }
    expected
}

fn is_yaml(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "yaml" | "yml" | "json"))
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
