//! From a text to its objects: documents, lists, kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, ObjectRef, Severity};
use crate::manifest::code;
use crate::manifest::kind::{self, Kind, List, Reading};
use crate::manifest::locate::Locator;
use crate::manifest::object::{Damage, Metadata, Object};
use crate::manifest::reader::{Dialect, Reader};
use crate::manifest::tree::{Value, duplicate_keys};
use crate::manifest::yaml::{self, Document, Extent};
use crate::manifest::{core, metadata};
use crate::source::{Sources, Span};

/// Largest text, in bytes: some 30,000 pods as an API server prints them. Offsets are 32 bits wide.
const MAX_TEXT: usize = 256 << 20;

/// Largest object, in bytes, white space not counted, so that YAML is judged as JSON is: an API server takes no request
/// of more than 3 MiB (`MaxRequestBodyBytes` of k8s.io/apiserver), of which etcd stores half.
const MAX_OBJECT: usize = 3 << 20;

/// Reads every object of a text of manifests that is enforced, or that says what is: YAML documents, JSON, and lists of
/// either.
///
/// Objects that are broken in part keep what can be read of them. What makes a NetworkPolicy or a baseline broken is
/// found when it is decoded; here it only gets its [`Damage`].
pub fn load(path: &str, text: &str, sources: &mut Sources) -> (Vec<Object>, Vec<Diagnostic>) {
    load_kinds(Reading::Enforced, path, text, sources)
}

/// The same for a choice of kinds.
pub fn load_kinds(reading: Reading, path: &str, text: &str, sources: &mut Sources) -> (Vec<Object>, Vec<Diagnostic>) {
    if text.len() > MAX_TEXT {
        let source = sources.add(path, "");
        let span = Span { source, start: 0, end: 0 };
        let message = format!("this file has {} bytes, the limit is {MAX_TEXT}", text.len());
        return (Vec::new(), vec![Diagnostic::error(code::NOT_LOADED, span, message)]);
    }
    let source = sources.add(path, text);
    let text = Arc::clone(sources.text(source));
    let mut loader =
        Loader { reading, sources, objects: Vec::new(), diagnostics: Vec::new(), skipped: BTreeSet::new() };
    for document in yaml::documents(&text, &Locator::of_source(source)) {
        loader.document(document);
    }
    (loader.objects, loader.diagnostics)
}

/// Reads the objects of one document from a text that nobody wrote: `tree` makes its tree, if it can, with the span that
/// it is given on every node. Findings then name the document and no line in it.
pub fn load_tree(
    path: &str,
    sources: &mut Sources,
    tree: impl FnOnce(Span) -> Option<Value>,
) -> Option<(Vec<Object>, Vec<Diagnostic>)> {
    let source = sources.add(path, "");
    let root = tree(Span { source, start: 0, end: 0 })?;
    let reading = Reading::Enforced;
    let mut loader =
        Loader { reading, sources, objects: Vec::new(), diagnostics: Vec::new(), skipped: BTreeSet::new() };
    loader.document(Document { root, extent: Extent::Whole, diagnostics: Vec::new() });
    Some((loader.objects, loader.diagnostics))
}

/// Keeps the last of several objects of one kind and name, as applying them in turn would, and reports the others.
pub fn without_duplicates(objects: Vec<Object>) -> (Vec<Object>, Vec<Diagnostic>) {
    let mut known = BTreeMap::new();
    let mut kept: Vec<Option<Object>> = Vec::new();
    let mut diagnostics = Vec::new();
    for object in objects {
        if let Some(Metadata { name, span, origin, .. }) = object.metadata() {
            let earlier = known.insert((object.kind(), name.clone()), (kept.len(), *span, origin.clone()));
            if let Some((index, earlier, place)) = earlier {
                if let Some(slot) = kept.get_mut(index) {
                    *slot = None;
                }
                diagnostics.extend(span.map(|span| {
                    let message = format!("{} {name} is written twice: this one counts", object.kind());
                    let mut diagnostic = Diagnostic::error(code::DUPLICATE_OBJECT, span, message);
                    diagnostic.object = Some(object_ref(object.kind(), name.namespace.as_ref(), name.name.as_ref()));
                    match earlier {
                        Some(earlier) => diagnostic.label(earlier, "the other one"),
                        None => diagnostic.help(format!("the other one: {place}")),
                    }
                }));
            }
        }
        kept.push(Some(object));
    }
    (kept.into_iter().flatten().collect(), diagnostics)
}

struct Loader<'s> {
    reading: Reading,
    sources: &'s Sources,
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
    /// Kinds that have had their note.
    skipped: BTreeSet<String>,
}

/// What one document says about all objects in it.
struct Context {
    extent: Extent,
    /// Findings about the text itself.
    findings: Vec<Diagnostic>,
}

/// What a list says about its items: `apiVersion` and `kind` where they leave it out.
#[derive(Clone, Copy, Default)]
struct Inherited<'v> {
    api_version: Option<&'v str>,
    kind: Option<&'v str>,
}

impl Loader<'_> {
    fn document(&mut self, document: Document) {
        let Document { root, extent, diagnostics } = document;
        let mut context = Context { extent, findings: diagnostics };
        let reach = match extent {
            Extent::Whole => Reach::Whole,
            Extent::CutShort => Reach::CutShort,
        };
        self.value(&root, Inherited::default(), reach, &mut context);
        self.diagnostics.append(&mut context.findings);
    }

    fn value(&mut self, value: &Value, inherited: Inherited<'_>, reach: Reach, context: &mut Context) {
        let text = |field| value.field(field).and_then(Value::text).map(AsRef::as_ref);
        let api_version = text("apiVersion").or(inherited.api_version);
        let Some(name) = text("kind").or(inherited.kind) else {
            // A document without its beginning has had its finding.
            if context.extent == Extent::Whole {
                let message = match value.entries() {
                    Some(_) => "this is no Kubernetes object: it has no `kind`".to_owned(),
                    None => format!("this is no Kubernetes object but {}", value.describe()),
                };
                let mut finding = Diagnostic::error(code::NOT_LOADED, first_line(value, self.sources), message);
                if value.field("resources").is_some() {
                    finding = finding.help("is this a kustomization? `kubectl kustomize` makes manifests of it");
                }
                self.diagnostics.push(finding);
            }
            return;
        };
        if let Some(list) = kind::list(self.reading, api_version, name) {
            let inherited = match list {
                List::Mixed => Inherited::default(),
                List::Of(kind) => Inherited { api_version, kind: Some(kind) },
            };
            self.list(value, inherited, reach, context);
            return;
        }
        let Some((kind, fault)) = kind::recognise(self.reading, api_version, name) else {
            self.skip(value, api_version, name, context);
            return;
        };
        let mut reader = Reader::new(self.sources, Dialect::Manifest);
        if let Some(fault) = fault {
            let at = value.field("apiVersion").or_else(|| value.field("kind")).map_or(value.span, |field| field.span);
            let written = value.field("apiVersion").and_then(Value::text);
            let fix = written.and_then(|written| reader.replacement(at, written, kind.api_version()));
            let finding = reader.error(code::BAD_API_VERSION, at, fault);
            finding.help = Some(format!("write `apiVersion: {}`", kind.api_version()));
            finding.fix = fix;
        }
        if let Some(bytes) = excess(value, self.sources) {
            let at = value.field("kind").map_or(value.span, |field| field.span);
            let message = format!("this object has {bytes} bytes without its white space, the limit is {MAX_OBJECT}");
            reader.error(code::NOT_LOADED, at, message).help =
                Some("no API server takes an object of this size; divide it into several".into());
        }
        let object = read(kind, value, reach, context, &mut reader);
        let mut found = reader.diagnostics;
        if let Some(object) = object {
            let about = match object.metadata() {
                Some(metadata) => object_ref(kind.name(), &metadata.name.namespace, &metadata.name.name),
                None => object_ref(
                    kind.name(),
                    "",
                    value
                        .field("metadata")
                        .and_then(|metadata| metadata.field("name"))
                        .and_then(Value::text)
                        .map_or("", AsRef::as_ref),
                ),
            };
            let in_text = context
                .findings
                .iter_mut()
                .filter(|finding| reach == Reach::CutShort || is_inside(finding, value.span));
            for finding in found.iter_mut().chain(in_text).filter(|finding| finding.object.is_none()) {
                finding.object = Some(about.clone());
            }
            self.objects.push(object);
        }
        self.diagnostics.append(&mut found);
    }

    fn list(&mut self, value: &Value, inherited: Inherited<'_>, reach: Reach, context: &mut Context) {
        let mut reader = Reader::new(self.sources, Dialect::Manifest);
        let items =
            value.field("items").and_then(|items| reader.list(items, "the items of a list")).unwrap_or_default();
        self.diagnostics.append(&mut reader.diagnostics);
        for (index, item) in items.iter().enumerate() {
            let last = index + 1 == items.len();
            self.value(item, inherited, if last { reach } else { Reach::Whole }, context);
        }
    }

    /// Notes a kind once, and drops what its text was found guilty of: that is not ours to judge.
    fn skip(&mut self, value: &Value, api_version: Option<&str>, name: &str, context: &mut Context) {
        // Of two kinds, the other one may be ours.
        let certain = value.entries().is_none_or(|entries| duplicate_keys(entries).is_empty());
        context
            .findings
            .retain(|finding| !certain || finding.code == code::YAML_SYNTAX || !is_inside(finding, value.span));
        let full = format!("{name} ({})", api_version.unwrap_or("no apiVersion"));
        if let Some(kind) = kind::meant(self.reading, api_version, name) {
            let at = value.field("kind").map_or(value.span, |kind| kind.span);
            let help = format!("did you mean `{}`?", kind.name());
            let message = format!("no server has the kind {full}");
            self.diagnostics.push(Diagnostic::error(code::NOT_LOADED, at, message).help(help));
            return;
        }
        if !self.skipped.contains(&full) {
            let at = value.field("kind").map_or(value.span, |kind| kind.span);
            let message = format!("{full} is not read and has no effect");
            // Whoever wrote a policy counts on it.
            self.diagnostics.push(if name.ends_with("NetworkPolicy") {
                Diagnostic::warning(code::KIND_SKIPPED, at, message)
                    .help("of this kind of policy nothing is enforced; NetworkPolicy is that of networking.k8s.io/v1")
            } else {
                Diagnostic::note(code::KIND_SKIPPED, at, message)
            });
            self.skipped.insert(full);
        }
    }
}

/// Whether an object may go on where its document could not be read.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Reach {
    Whole,
    CutShort,
}

fn read(kind: Kind, value: &Value, reach: Reach, context: &Context, reader: &mut Reader<'_>) -> Option<Object> {
    let unreadable = context.findings.iter().any(|finding| {
        // Which fields a duplicate key makes doubtful is known; any other finding may have cost a field.
        finding.severity == Severity::Error && finding.code != code::DUPLICATE_KEY && is_inside(finding, value.span)
    });
    let text_damage = (reach == Reach::CutShort || unreadable).then_some(Damage::Text);
    if reach == Reach::CutShort {
        // Only what must not get lost in silence is kept, and only if it is known where it belongs.
        let placed = value.field("spec").is_some()
            || value.field("metadata").is_some_and(|metadata| metadata.field("namespace").is_some());
        match kind {
            Kind::NetworkPolicy if placed => {}
            Kind::ConfigMap | Kind::EgressBaseline | Kind::ClusterNetworkPolicy => {}
            Kind::NetworkPolicy
            | Kind::Namespace
            | Kind::Node
            | Kind::Pod
            | Kind::Service
            | Kind::EndpointSlice
            | Kind::Workload(_)
            | Kind::Ingress
            | Kind::HttpRoute => return None,
        }
    }
    if kind == Kind::EgressBaseline {
        return Some(core::egress_baseline(value, text_damage, reader));
    }
    let metadata = metadata::read(kind, value, reader);
    let header = reader.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    let damage = text_damage.or(header.then_some(Damage::Header));
    core::object(kind, value, metadata, damage, reader)
}

fn is_inside(finding: &Diagnostic, span: Span) -> bool {
    finding.span.is_some_and(|at| at.source == span.source && span.start <= at.start && at.start <= span.end)
}

/// The size of an object that is larger than [`MAX_OBJECT`].
fn excess(value: &Value, sources: &Sources) -> Option<usize> {
    let Span { source, start, end } = value.span;
    let text = sources.text(source).get(start as usize..end as usize).filter(|text| text.len() > MAX_OBJECT)?;
    let bytes = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    (bytes > MAX_OBJECT).then_some(bytes)
}

/// The first line of a value: a whole document is too much to show.
fn first_line(value: &Value, sources: &Sources) -> Span {
    let Span { source, start, end } = value.span;
    let text = sources.text(source).get(start as usize..end as usize).unwrap_or("");
    let line = text.lines().next().map_or(0, str::len);
    Span { source, start, end: start + u32::try_from(line).unwrap_or(0) }
}

fn object_ref(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { kind: kind.into(), namespace: namespace.into(), name: name.into() }
}
