//! Truth tables from tests/data/netns: compiled, loaded on every node, and asked with real packets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use engine::apply::{Step, apply};
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::kernel::Netlink;
use engine::observed::TableFlags;
use policy_lang::diagnostic::Severity;
use watcher::config::Config;
use watcher::lab::{Lab, Matrix, Namespace, Service, Topology};
use watcher::source::{self, Loaded};

use crate::privilege::{can_make_namespaces, report};

/// Each file of a folder by its name; a file of a case replaces the one of its group that has the same name.
type Files = BTreeMap<String, PathBuf>;

#[test]
fn scenarios() {
    group("scenarios");
}

#[test]
fn sources_together() {
    group("together");
}

/// Builds the laboratory of a group once, and loads and asks each of its cases.
fn group(name: &str) {
    if !can_make_namespaces(name) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/netns").join(name);
    let shared = files(&folder);
    let cases: Vec<_> = entries(&folder).into_iter().filter(|path| path.is_dir()).collect();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    let mut topology = Topology::of(&loaded(&shared, "").inventory);
    if let Some(path) = shared.get("topology") {
        topology.read(&fs::read_to_string(path).unwrap()).unwrap();
    }
    let mut lab = Lab::up(&topology).unwrap();
    let tables: Vec<_> = cases.iter().map(|case| tables(case)).collect();
    let mut services: Vec<Service> = tables.iter().flatten().map(|table| table.service).collect();
    services.sort_unstable();
    services.dedup();
    lab.listen(&services).unwrap();

    let mut failures = String::new();
    for (case, tables) in cases.iter().zip(&tables) {
        let mut files = shared.clone();
        files.extend(self::files(case));
        for node in &topology.nodes {
            enforce(lab.namespace(&node.host.name).unwrap(), &files, &node.host.name);
        }
        let (observed, mismatches) = lab.compare(tables).unwrap();
        if !mismatches.is_empty() {
            let observed: Vec<_> = observed.iter().map(ToString::to_string).collect();
            let mismatches: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
            let case = case.file_name().unwrap().to_str().unwrap();
            write!(failures, "\n{case}\n{}\n{}\n", mismatches.join("\n"), observed.join("\n")).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
    report(&format!("{name}: {} cases agree with the packets", cases.len()));
}

fn tables(case: &Path) -> Vec<Matrix> {
    let path = case.join("expected");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tables = Matrix::parse_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!tables.is_empty(), "{} has no table", path.display());
    tables
}

/// Reads what the files say about a node: `NODE.ferm` is for that node only, `baseline.yaml` is the baseline.
fn loaded(files: &Files, node: &str) -> Loaded {
    let named = |name: &str| files.get(name).cloned();
    let is_manifest =
        |name: &str| name != "baseline.yaml" && Path::new(name).extension().is_some_and(|ext| ext == "yaml");
    let manifests = files.iter().filter(|(name, _)| is_manifest(name));
    let config = Config {
        host: named(&format!("{node}.ferm")),
        manifests: manifests.map(|(_, path)| path.clone()).collect(),
        baseline: named("baseline.yaml").into_iter().collect(),
        node: Some(node.to_owned()),
        forward: None,
    };
    let loaded = source::load(&config).unwrap();
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded
}

fn enforce(namespace: &Namespace, files: &Files, node: &str) {
    let Loaded { sources, policies, inventory, host, names, records, baseline: _, diagnostics: _ } = &loaded(files, node);
    let (ruleset, diagnostics) = compile(&Input {
        policies,
        host: host.as_ref().map(|rules| HostInput { rules, names, sources }),
        inventory,
        node,
        forward_mode: ForwardMode::PodsFirst,
        pods: &engine::compile::options::STANDARD,
        sources: records,
    });
    assert!(diagnostics.iter().all(|found| found.severity != Severity::Error), "{diagnostics:#?}");
    let mut kernel = namespace.run(Netlink::open).unwrap().unwrap();
    let watch = &mut |_: Step<'_>| ControlFlow::Continue(());
    apply(&mut kernel, &ruleset, TableFlags::default(), watch).unwrap();
}

fn files(folder: &Path) -> Files {
    let files = entries(folder).into_iter().filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
