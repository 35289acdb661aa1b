//! Where the documents of a baseline come from: keys of a ConfigMap, documents and lists in files, kept texts.

use crate::baseline::spec;
use crate::baseline::{Text, object_ref};
use crate::cluster_policy;
use crate::diagnostic::{Diagnostic, ObjectRef};
use crate::manifest::locate::Locator;
use crate::manifest::tree::Value;
use crate::manifest::yaml::{self, Document, Extent};
use crate::manifest::{ConfigMap, Damage, DataEntry, code};
use crate::source::{Origin, Sources};

/// Documents that stand in one place.
pub(super) struct Part {
    pub(super) documents: Vec<Document>,
    /// What a document without a name is called.
    pub(super) key: String,
    /// The object that holds them, where it is another one than each of them.
    pub(super) holder: Option<ObjectRef>,
    /// Where it is.
    pub(super) origin: Origin,
    /// Whether something of it could not be read, for which there is a finding already.
    pub(super) damaged: bool,
    /// Its text; nothing where that cannot be told.
    pub(super) text: Option<Text>,
}

impl Part {
    /// A document that was loaded by itself.
    pub(super) fn of_document(document: &Value, damage: Option<Damage>, sources: &Sources) -> Self {
        let span = document.span;
        let place = sources.position(span.source, span.start);
        let path = sources.path(span.source).to_string();
        let written = sources.text(span.source).get(span.start as usize..span.end as usize).unwrap_or_default();
        // A block that is part of a list begins in some column, and so do its other lines.
        let indentation = " ".repeat(place.column.saturating_sub(1) as usize);
        let key = file_name(&path);
        let text = Text { path, key: key.clone(), line: place.line, text: format!("{indentation}{written}\n") };
        let root = document.clone();
        Self {
            documents: vec![Document { root, extent: Extent::Whole, diagnostics: Vec::new() }],
            key,
            holder: None,
            origin: sources.origin(span),
            damaged: damage.is_some(),
            text: Some(text),
        }
    }

    /// What should have been a baseline and holds none, for which there is a finding already.
    pub(super) fn lost(origin: Origin) -> Self {
        Self { documents: Vec::new(), key: String::new(), holder: None, origin, damaged: true, text: None }
    }

    /// A text that was kept.
    pub(super) fn of_text(text: &Text, sources: &mut Sources) -> Self {
        let Text { path, key, line, text: written } = text;
        let padded = "\n".repeat(line.saturating_sub(1) as usize) + written;
        let source = sources.add(path, &padded);
        let span = crate::source::Span { source, start: line.saturating_sub(1), end: line.saturating_sub(1) };
        Self {
            documents: yaml::documents(&padded, &Locator::of_source(source)),
            key: key.clone(),
            holder: None,
            origin: sources.origin(span),
            damaged: false,
            text: Some(text.clone()),
        }
    }
}

/// A file that is nothing but a list: the oldest form.
pub(super) fn of_list(path: &str, text: &str, sources: &mut Sources) -> Option<Part> {
    // Looked at before the file becomes a source, as which it is read once.
    let begins = text
        .lines()
        .map(str::trim_end)
        .find(|line| !line.is_empty() && !line.starts_with(['#', '%']) && *line != "---")?;
    if !begins.starts_with(['-', '[']) {
        return None;
    }
    let text = Text { path: path.into(), key: file_name(path), line: 1, text: text.into() };
    Some(Part::of_text(&text, sources))
}

/// The keys of the ConfigMap.
pub(super) fn of_config_map(config_map: &ConfigMap, sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Vec<Part> {
    let name = &config_map.metadata.name;
    let holder = object_ref("ConfigMap", &name.namespace, &name.name);
    let mut parts = Vec::new();
    for entry in &config_map.data {
        let part = of_key(entry, &holder, config_map, sources);
        if is_yaml(&entry.key.value) || part.documents.iter().any(|document| is_meant(&document.root)) {
            parts.push(part);
            continue;
        }
        let message =
            format!("the key `{}` is not read: only those that end in .yaml, .yml or .json are", entry.key.value);
        let finding = Diagnostic::warning(code::BASELINE_SCHEMA, entry.key.span, message);
        diagnostics.push(finding.about(holder.clone()));
    }
    if parts.iter().all(|part| part.documents.is_empty()) {
        let message = "this ConfigMap holds no EgressBaseline: write it under `data` as `baseline.yaml: |`";
        let finding = config_map.metadata.span.map(|span| Diagnostic::error(code::BASELINE_SCHEMA, span, message));
        diagnostics.extend(finding.map(|finding| finding.about(holder)));
        parts.push(Part::lost(config_map.metadata.origin.clone()));
    } else if config_map.damage.is_some() {
        parts.push(Part::lost(config_map.metadata.origin.clone()));
    }
    parts
}

fn of_key(entry: &DataEntry, holder: &ObjectRef, config_map: &ConfigMap, sources: &Sources) -> Part {
    let DataEntry { key, value } = entry;
    let written = value.scalar().map_or("", |scalar| &scalar.text);
    let locator = Locator::of_scalar(value, sources);
    let first = locator.span(0, 0);
    let text = Text {
        path: sources.path(first.source).to_string(),
        key: key.value.to_string(),
        line: sources.line(first.source, first.start),
        text: written.to_owned(),
    };
    Part {
        documents: yaml::documents(written, &locator),
        key: key.value.to_string(),
        holder: Some(holder.clone()),
        origin: config_map.metadata.origin.clone(),
        damaged: false,
        text: Some(text),
    }
}

/// Whether a document is a baseline whatever the key is called: it would be missing in silence.
fn is_meant(root: &Value) -> bool {
    let kind = root.field("kind").and_then(Value::text).map_or("", AsRef::as_ref);
    let is_rule = |item: &Value| item.field("to").is_some() || item.field("ports").is_some();
    [spec::KIND, cluster_policy::KIND].contains(&kind) || root.items().is_some_and(|items| items.iter().any(is_rule))
}

fn is_yaml(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, extension)| matches!(extension, "yaml" | "yml" | "json"))
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
