//! Namespaces in which pods appear that no manifest describes: an operator makes them of an object of its own kind, as
//! Prometheus' does, or a controller that stands in for Deployments, as Argo's does.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::manifest::tree::Value;
use policy_lang::source::Sources;

use crate::lint::documents::{Documents, kind, name};

/// Fields of a `spec` by which an object is about pods.
const ABOUT_PODS: [&str; 4] = ["replicas", "instances", "template", "templates"];

/// Those namespaces, each with the kind of one such object.
pub(crate) fn namespaces(documents: &Documents, sources: &Sources) -> BTreeMap<Arc<str>, String> {
    let mut found = BTreeMap::new();
    let texts = documents.of_texts(&|text| text.lines().any(|line| written(line).is_some_and(is_of_others)), sources);
    for document in texts.iter().flat_map(|text| text.iter()) {
        let version = document.field("apiVersion").and_then(Value::text);
        let spec = document.field("spec");
        let is_about_pods = ABOUT_PODS.iter().any(|field| spec.is_some_and(|spec| spec.field(field).is_some()));
        if version.is_some_and(|version| is_of_others(version)) && is_about_pods {
            let namespace = name(document).map(|name| name.namespace);
            found.extend(namespace.map(|namespace| (namespace, kind(document).to_owned())));
        }
    }
    found
}

/// The `apiVersion` that a line of YAML or JSON writes.
fn written(line: &str) -> Option<&str> {
    let quotes = ['"', '\'', ' ', ',', '-', '{'];
    let (key, value) = line.split_once(':')?;
    (key.trim_matches(quotes) == "apiVersion").then(|| value.trim_matches(quotes))
}

/// Whether an `apiVersion` is of nobody who is known: neither Kubernetes nor this program.
fn is_of_others(version: &str) -> bool {
    let group = version.split_once('/').map_or("", |(group, _)| group);
    group.contains('.') && !group.ends_with("k8s.io") && group != "palisade.dev"
}
