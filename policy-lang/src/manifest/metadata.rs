//! `metadata` of an object.

use std::sync::Arc;

use crate::manifest::code;
use crate::manifest::kind::{Kind, Scope};
use crate::manifest::object::Metadata;
use crate::manifest::reader::Reader;
use crate::manifest::syntax;
use crate::manifest::tree::{Entry, Value};
use crate::name::{Labels, NamespacedName};

/// Where an object lives that names no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// The fields that a server takes.
pub(crate) const FIELDS: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "clusterName",
];

/// Reads name, namespace and labels. Whatever cannot be read has its finding and a stand-in: the place of the document
/// for its name, `default` for its namespace.
pub(super) fn read(kind: Kind, document: &Value, reader: &mut Reader<'_>) -> Metadata {
    let metadata = document.field("metadata");
    if let Some(metadata) = metadata.filter(|metadata| metadata.entries().is_none()) {
        reader.wrong_type(metadata, "metadata, a mapping");
    }
    let field = |name| metadata.and_then(|metadata| metadata.field(name));
    let name = field("name").and_then(|name| reader.text(name, "a name"));
    let at = field("name").or(metadata).map_or_else(|| kind_span(document), |value| value.span);
    let fault = name.as_ref().and_then(|name| match kind {
        Kind::Namespace => syntax::label_fault(&name.value),
        Kind::Node
        | Kind::Pod
        | Kind::NetworkPolicy
        | Kind::ConfigMap
        | Kind::Service
        | Kind::EndpointSlice
        | Kind::EgressBaseline
        | Kind::ClusterNetworkPolicy
        | Kind::Workload(_)
        | Kind::Ingress
        | Kind::HttpRoute => syntax::subdomain_fault(&name.value),
    });
    if let (Some(fault), Some(name)) = (fault, &name) {
        reader.error(code::BAD_NAME, name.span, format!("the name `{}` {fault}", name.value));
    }
    if field("name").is_none() {
        let message = match field("generateName") {
            Some(_) => format!("this {} has only a `generateName`, no name", kind.name()),
            None => format!("this {} has no `metadata.name`", kind.name()),
        };
        reader.error(code::BAD_NAME, at, message);
    }
    let namespace = match kind.scope() {
        Scope::Cluster => "".into(),
        Scope::Namespaced => namespace(kind, field("namespace"), at, reader),
    };
    let labels = field("labels").map(|value| labels(value, reader)).unwrap_or_default();
    let origin = reader.sources.origin(at);
    // Unnamed objects must not be taken for one another.
    let name = name.map_or_else(|| Arc::from(origin.to_string()), |name| name.value);
    let name = NamespacedName { namespace, name };
    Metadata { origin: origin.with_subject(name.to_string()), name, labels, span: Some(at) }
}

/// The metadata of a ClusterNetworkPolicy that stands in a baseline.
pub(crate) fn of_cluster_policy(document: &Value, reader: &mut Reader<'_>) -> Metadata {
    read(Kind::ClusterNetworkPolicy, document, reader)
}

/// `labels` or another mapping of texts. A value that is not written is the empty text, as the server has it.
pub(super) fn labels(value: &Value, reader: &mut Reader<'_>) -> Labels {
    let Some(entries) = value.entries() else {
        reader.wrong_type(value, "labels, a mapping");
        return Labels::new();
    };
    entries
        .iter()
        .filter_map(|Entry { key, value }| {
            let text = if value.is_null() { "".into() } else { reader.text(value, "a label's value")?.value };
            Some((Arc::clone(&key.value), text))
        })
        .collect()
}

fn namespace(kind: Kind, value: Option<&Value>, at: crate::source::Span, reader: &mut Reader<'_>) -> Arc<str> {
    let Some(value) = value else {
        let message = format!("this {} names no namespace: `{DEFAULT_NAMESPACE}`", kind.name());
        let note = crate::diagnostic::Diagnostic::note(code::NAMESPACE_IMPLICIT, at, message);
        reader.diagnostics.push(note);
        return DEFAULT_NAMESPACE.into();
    };
    let Some(namespace) = reader.text(value, "a namespace") else { return DEFAULT_NAMESPACE.into() };
    if let Some(fault) = syntax::label_fault(&namespace.value) {
        reader.error(code::BAD_NAME, namespace.span, format!("the namespace `{}` {fault}", namespace.value));
    }
    namespace.value
}

fn kind_span(document: &Value) -> crate::source::Span {
    document.field("kind").map_or(document.span, |kind| kind.span)
}
