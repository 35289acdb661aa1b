//! Truth tables from tests/data/netns: compiled, loaded on every node, and asked with real packets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use engine::compile::{ForwardMode, Input, compile};
use engine::inventory::Inventory;
use engine::render;
use engine::ruleset::Ruleset;
use policy_lang::diagnostic::Severity;
use policy_lang::manifest::{Object, load};
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;
use watcher::lab::{Lab, Matrix, Namespace, Service, Topology};

use crate::privilege::{can_make_namespaces, report};

/// Each file of a folder by its name; a file of a case replaces the one of its group that has the same name.
type Files = BTreeMap<String, PathBuf>;

#[test]
fn scenarios() {
    group("scenarios");
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
    let (inventory, _) = Inventory::from_objects(&objects(&shared, &mut Sources::default()));
    let mut topology = Topology::of(&inventory);
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
            let ruleset = compiled(&files, &node.host.name);
            enforce(lab.namespace(&node.host.name).unwrap(), &ruleset);
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

fn objects(files: &Files, sources: &mut Sources) -> Vec<Object> {
    let mut objects = Vec::new();
    for path in files.values().filter(|path| path.extension().is_some_and(|found| found == "yaml")) {
        let (found, diagnostics) = load(path.to_str().unwrap(), &fs::read_to_string(path).unwrap(), sources);
        let errors: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        objects.extend(found);
    }
    objects
}

fn compiled(files: &Files, node: &str) -> Ruleset {
    let mut sources = Sources::default();
    let objects = objects(files, &mut sources);
    let policies: Vec<_> = objects
        .iter()
        .filter_map(|object| {
            let Object::NetworkPolicy(policy) = object else { return None };
            Some(network_policy::decode(policy, &sources, Strictness::Strict).0)
        })
        .collect();
    let (inventory, _) = Inventory::from_objects(&objects);
    let input = Input {
        policies: &policies,
        host: None,
        inventory: &inventory,
        node,
        forward_mode: ForwardMode::PodsFirst,
        sources: &[],
    };
    compile(&input).0
}

fn enforce(node: &Namespace, ruleset: &Ruleset) {
    let empty = "table inet palisade { }\ndelete table inet palisade\n";
    node.nft(&format!("{empty}{}", render::ruleset(ruleset))).unwrap();
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
