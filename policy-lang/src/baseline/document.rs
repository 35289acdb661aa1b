//! The documents of a baseline: which form each has, and what they are together.

use std::sync::Arc;

use crate::baseline::part::Part;
use crate::baseline::{Baseline, list, lower, object_ref, order, spec};
use crate::cluster_policy::{self, Home};
use crate::diagnostic::Diagnostic;
use crate::manifest::reader::{Dialect, Reader};
use crate::manifest::tree::{Content, Value};
use crate::manifest::yaml::{Document, Extent};
use crate::manifest::{Damage, code, metadata};
use crate::network_policy::Strictness;
use crate::policy::Policy;
use crate::source::{Origin, Sources, Span};

/// A document that has been read.
pub(super) struct Decoded {
    pub(super) name: Arc<str>,
    /// A place to show for all of it.
    pub(super) span: Span,
    /// In the order in which they were written.
    pub(super) policies: Vec<Policy>,
}

/// Reads every document. One that is broken makes the baseline broken.
pub(super) fn read_all(parts: &[Part], sources: &Sources) -> (Baseline, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut decoded = Vec::new();
    let mut broken: Option<Origin> = None;
    for part in parts {
        if part.damaged {
            broken.get_or_insert_with(|| part.origin.clone());
        }
        for document in &part.documents {
            match read(document, part, sources, &mut diagnostics) {
                Some(document) => decoded.push(document),
                None => {
                    let origin = match &part.holder {
                        Some(_) => part.origin.clone(),
                        None => sources.origin(document.root.span),
                    };
                    broken.get_or_insert(origin);
                }
            }
        }
    }
    let ambiguous = order::same_names(&decoded);
    if let Some(document) = ambiguous.first().and_then(|finding| finding.span) {
        broken.get_or_insert_with(|| sources.origin(document));
    }
    diagnostics.extend(ambiguous);
    if let Some(origin) = broken {
        return (Baseline::Broken(origin), diagnostics);
    }
    if parts.is_empty() {
        return (Baseline::Absent, diagnostics);
    }
    diagnostics.extend(order::doubts(&decoded));
    (Baseline::Sound(order::sorted(decoded)), diagnostics)
}

/// Reads one document; nothing if it is broken.
fn read(document: &Document, part: &Part, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<Decoded> {
    let Document { root, extent, diagnostics: written } = document;
    let mut reader = Reader::new(sources, Dialect::Baseline);
    // Syntax errors get the code of a baseline that cannot be read.
    let syntax = written.iter().map(|finding| Diagnostic { code: code::BASELINE_SCHEMA, ..finding.clone() });
    reader.diagnostics.extend(syntax);
    let decoded = match extent {
        Extent::Whole => decode(root, part, &mut reader),
        Extent::CutShort => None,
    };
    let sound = reader.errors() == 0 && !part.damaged && !root.has_duplicate_key();
    let about = part.holder.clone().unwrap_or_else(|| {
        let kind = root.field("kind").and_then(Value::text).map_or(spec::KIND, AsRef::as_ref);
        object_ref(kind, "", spec::name(root).as_deref().unwrap_or(&part.key))
    });
    diagnostics.extend(reader.diagnostics.into_iter().map(|finding| finding.about(about.clone())));
    decoded.filter(|_| sound)
}

fn decode(root: &Value, part: &Part, reader: &mut Reader<'_>) -> Option<Decoded> {
    if let Content::Sequence(items) = &root.content {
        let name = Arc::from(part.key.as_str());
        let policies = list::read(root.span, items, &name, reader);
        return Some(Decoded { name, span: root.span, policies });
    }
    let field = |name| root.field(name).and_then(Value::text).map_or("", AsRef::as_ref);
    let at = root.field("kind").or_else(|| root.field("apiVersion")).map_or(root.span, |value| value.span);
    match (field("apiVersion"), field("kind")) {
        (spec::API_VERSION, spec::KIND) => {
            let spec = spec::read(root, reader)?;
            let name = spec::name(root)?;
            let policies = lower::policies(&spec, &name, reader.sources);
            Some(Decoded { name, span: at, policies })
        }
        (cluster_policy::API_VERSION, cluster_policy::KIND) => {
            let metadata = metadata::of_cluster_policy(root, reader);
            let damage = part.damaged.then_some(Damage::Header);
            let policy = cluster_policy::read(root, &metadata, damage, Home::Baseline, Strictness::Strict, reader);
            Some(Decoded { name: metadata.name.name, span: at, policies: vec![policy] })
        }
        (_, kind) => {
            let version = if kind == cluster_policy::KIND {
                format!("expected `apiVersion: {}` for this kind", cluster_policy::API_VERSION)
            } else {
                format!("expected `apiVersion: {}` and `kind: {}`", spec::API_VERSION, spec::KIND)
            };
            reader.diagnostics.push(Diagnostic::error(code::BASELINE_SCHEMA, at, version));
            None
        }
    }
}
