//! The cluster of a case between two steps: documents by their names, and what they compile to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::compile::ForwardMode;
use engine::compile::host::Names;
use engine::compile::options::PodOptions;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::{FileError as HostFileError, Files, MemoryFiles};
use watcher::config::Config;
use watcher::demo::World;
use watcher::source::files::FileError;
use watcher::source::{self, Loaded, Texts};

use super::script::{Action, Object};

const MANIFESTS: &str = "manifests";
const BASELINE: &str = "baseline.yaml";

/// Everything that the sources say at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) documents: BTreeMap<Object, String>,
    forgotten: Vec<String>,
    baseline: Option<String>,
    options: PodOptions,
    /// The host rules of each node, by its name.
    hosts: BTreeMap<String, String>,
}

impl Cluster {
    /// Takes a step; what is only expected or carried out elsewhere changes nothing.
    pub(crate) fn step(&mut self, action: &Action) {
        match action {
            Action::Apply(text) => self.apply(text),
            Action::Delete { object } => {
                assert!(self.documents.remove(object).is_some(), "there is no {object:?} to delete");
            }
            Action::Label { object, changes } => {
                let document = self.documents.get_mut(object).unwrap_or_else(|| panic!("there is no {object:?}"));
                *document = labelled(document, changes);
            }
            Action::Forget { namespace } => self.forgotten.push(namespace.clone()),
            Action::Baseline(text) => self.baseline = Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Action::Options(options) => self.options = options.clone(),
            Action::Host { node, rules } => {
                self.hosts.insert(node.clone(), rules.clone());
            }
            Action::Open(_) | Action::Run { .. } | Action::Expect(_) => {}
        }
    }

    /// Creates or replaces objects, as `kubectl apply` does.
    pub(crate) fn apply(&mut self, text: &str) {
        for document in text.split("\n---").filter(|document| !document.trim().is_empty()) {
            self.documents.insert(identity(document), document.to_owned());
        }
    }

    /// What every node gets to load.
    pub(crate) fn world(&self) -> World {
        let (mut world, findings) = self.compiled(None);
        assert_sound(&findings);
        for node in self.hosts.keys() {
            let (with_host, findings) = self.compiled(Some(node));
            assert_sound(&findings);
            let ruleset = with_host.rulesets.into_iter().find(|(name, _)| **name == **node);
            world.rulesets.extend(ruleset);
        }
        world
    }

    fn compiled(&self, host_of: Option<&str>) -> (World, Vec<Diagnostic>) {
        World::compile_as(self.loaded(host_of), ForwardMode::PodsFirst, self.options.clone())
    }

    fn loaded(&self, host_of: Option<&str>) -> Loaded {
        let config = Config {
            host: host_of.map(PathBuf::from),
            manifests: vec![MANIFESTS.into()],
            baseline: self.baseline.iter().map(|_| BASELINE.into()).collect(),
            ..Config::default()
        };
        let mut loaded = source::load_from(&config, self).unwrap();
        assert_sound(&loaded.diagnostics);
        for namespace in &self.forgotten {
            assert!(loaded.inventory.namespaces.remove(&**namespace).is_some(), "there is no {namespace} to forget");
        }
        loaded
    }
}

fn assert_sound(findings: &[Diagnostic]) {
    let errors: Vec<_> = findings.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// The kind and the name of a document; `metadata` is a flow mapping on one line, which keeps the cases short.
fn identity(document: &str) -> Object {
    let kind = document.lines().find_map(|line| line.strip_prefix("kind: "));
    let kind = kind.unwrap_or_else(|| panic!("no kind in\n{document}")).trim();
    let name = field(document, "name").unwrap_or_else(|| panic!("no `metadata: {{name: N` in\n{document}"));
    let name = match field(document, "namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    };
    Object { kind: kind.to_owned(), name }
}

fn metadata(document: &str) -> &str {
    document.lines().find_map(|line| line.strip_prefix("metadata: {")).unwrap_or_default()
}

fn field(document: &str, name: &str) -> Option<String> {
    let fields = format!(", {}", metadata(document));
    let (_, value) = fields.split_once(&format!(", {name}: "))?;
    Some(value.split([',', '}']).next()?.trim_matches('"').to_owned())
}

/// The document with labels set (`key=value`) or removed (`key-`).
fn labelled(document: &str, changes: &[String]) -> String {
    let old = metadata(document);
    let (before, labels, after) = match old.split_once("labels: {") {
        Some((before, rest)) => {
            let (labels, after) = rest.split_once('}').unwrap_or_else(|| panic!("labels without an end in {old}"));
            (before.to_owned(), labels, after.to_owned())
        }
        None => (format!("{}, ", old.trim_end().trim_end_matches('}')), "", "}".to_owned()),
    };
    let pair = |label: &str| label.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut labels: BTreeMap<String, String> = labels.split(", ").filter_map(pair).collect();
    for change in changes {
        match (change.split_once('='), change.strip_suffix('-')) {
            (Some((key, value)), _) => {
                labels.insert(key.to_owned(), value.to_owned());
            }
            (None, Some(key)) => assert!(labels.remove(key).is_some(), "no label {key} to remove from {old}"),
            (None, None) => panic!("`{change}` is neither KEY=VALUE nor KEY-"),
        }
    }
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    document.replacen(old, &format!("{before}labels: {{{}}}{after}", labels.join(", ")), 1)
}

impl Texts for Cluster {
    fn manifests(&self, _path: &Path) -> Result<Vec<PathBuf>, FileError> {
        Ok(self.documents.keys().map(|object| PathBuf::from(format!("{}/{}", object.kind, object.name))).collect())
    }

    fn text(&self, path: &Path) -> Result<String, FileError> {
        if path == Path::new(BASELINE) {
            return Ok(self.baseline.clone().unwrap_or_default());
        }
        let (kind, name) = path.to_str().and_then(|path| path.split_once('/')).unwrap();
        Ok(self.documents[&Object { kind: kind.to_owned(), name: name.to_owned() }].clone())
    }

    fn openable(&self, _path: &Path) -> Result<(), FileError> {
        Ok(())
    }

    fn names(&self) -> Names {
        Names::built_in()
    }
}

impl Files for Cluster {
    fn read(&self, path: &str) -> Result<String, HostFileError> {
        self.host_files().read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, HostFileError> {
        self.host_files().list(folder)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, HostFileError> {
        self.host_files().glob(pattern)
    }
}

impl Cluster {
    fn host_files(&self) -> MemoryFiles {
        self.hosts.iter().fold(MemoryFiles::default(), |files, (node, text)| files.with(node, text))
    }
}

#[test]
fn labels_are_set_and_removed() {
    let changes = ["team=green".to_owned(), "pod-".to_owned()];
    let pod = "kind: Pod\nmetadata: {name: a, namespace: \"y\", labels: {pod: a, b: c}}\nspec: {}\n";
    assert!(labelled(pod, &changes).contains("labels: {b: c, team: green}}\nspec"), "{}", labelled(pod, &changes));
    let namespace = "kind: Namespace\nmetadata: {name: \"y\"}";
    assert_eq!(labelled(namespace, &changes[..1]), "kind: Namespace\nmetadata: {name: \"y\", labels: {team: green}}");
    assert_eq!(identity(pod), Object { kind: "Pod".into(), name: "y/a".into() });
}
