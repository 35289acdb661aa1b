//! What the API server holds, as a file would hold it, and whether nodes have it in force.
//!
//! The objects are listed and compiled at once, by the way of files: streams, increments and the agent itself have no
//! part in it. What it compiles to is compared with what the kernel of a node has, object by object and element by
//! element; nothing to do is what equal means.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use engine::apply::our_tables;
use engine::compile::marker::{SourceKind, SourceRecord};
use engine::compile::options::STANDARD;
use engine::compile::{ForwardMode, Input, compile};
use engine::diff::diff;
use engine::kernel::{Kernel as _, Netlink};
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;
use http::Method;
use policy_lang::baseline::{self, Baseline};
use policy_lang::manifest::{self, Object};
use policy_lang::name::NamespacedName;
use policy_lang::policy::Policy;
use policy_lang::source::{Origin, Sources};
use serde_json::{Value, json};
use watcher::config::Config;
use watcher::demo::World;
use watcher::lab::Lab;
use watcher::source::{self, Loaded};

use crate::administrator::Administrator;
use crate::agent::LIMIT;

/// Everything that policy may be about, and the kind of each item: items of a list do not say it.
const COLLECTIONS: [(&str, &str, &str); 6] = [
    ("/api/v1/namespaces", "v1", "Namespace"),
    ("/api/v1/pods", "v1", "Pod"),
    ("/api/v1/nodes", "v1", "Node"),
    ("/api/v1/namespaces/kube-system/configmaps", "v1", "ConfigMap"),
    ("/api/v1/services", "v1", "Service"),
    ("/apis/networking.k8s.io/v1/networkpolicies", "networking.k8s.io/v1", "NetworkPolicy"),
];

/// What an agent says in the table that it was built from.
fn record() -> SourceRecord {
    SourceRecord { kind: SourceKind::Manifests, path: "cluster".to_owned() }
}

/// Reads what the API server holds.
pub(crate) fn loaded(administrator: &Administrator, directory: &Path) -> Loaded {
    let mut items = Vec::new();
    for (path, version, kind) in COLLECTIONS {
        let (code, list) = administrator.ask(&Method::GET, path, &Value::Null);
        assert_eq!(code, 200, "{path}: {list}");
        items.extend(list["items"].as_array().unwrap().iter().map(|item| {
            let mut item = item.clone();
            item["apiVersion"] = version.into();
            item["kind"] = kind.into();
            item
        }));
    }
    let (namespace, name) = baseline::CONFIG_MAP;
    let config_map = NamespacedName::new(namespace, name);
    let is_baseline = |item: &Value| item["kind"] == "ConfigMap" && item["metadata"]["name"] == name;
    let (baseline, items): (Vec<Value>, Vec<Value>) = items.into_iter().partition(is_baseline);
    let path = directory.join("held.json");
    std::fs::write(&path, json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()).unwrap();
    let config = Config { manifests: vec![path], ..Config::default() };
    let mut loaded = source::load(&config).unwrap();
    loaded.records = vec![record()];
    for policy in &mut loaded.policies {
        unplace(&mut policy.origin);
        policy.ingress.iter_mut().chain(&mut policy.egress).flatten().for_each(|rule| unplace(&mut rule.origin));
    }
    for item in baseline {
        // Rules of the baseline do have a place: the line of the ConfigMap, by its name.
        let mut sources = Sources::default();
        let (objects, _) = manifest::load(&format!("ConfigMap {config_map}"), &item.to_string(), &mut sources);
        loaded.policies.extend(sound(&objects, &config_map, &sources));
    }
    loaded.policies.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
    loaded
}

/// The policies of a baseline; in the place of one that is broken an agent has another, which nobody else knows.
fn sound(objects: &[Object], config_map: &NamespacedName, sources: &Sources) -> Vec<Policy> {
    match baseline::find(objects, config_map, sources).baseline {
        Baseline::Sound(policies) => policies,
        other @ (Baseline::Absent | Baseline::Broken(_)) => panic!("no sound baseline: {other:?}"),
    }
}

/// Objects of an API server are known by their names and have no place.
fn unplace(origin: &mut Origin) {
    if origin.subject.is_some() {
        origin.place = None;
    }
}

/// What each of these nodes is to have of it.
pub(crate) fn rulesets(loaded: &Loaded, nodes: &[&str]) -> BTreeMap<String, Ruleset> {
    let compiled = |node: &&str| {
        let (ruleset, _) = compile(&Input {
            policies: &loaded.policies,
            host: None,
            inventory: &loaded.inventory,
            node,
            forward_mode: ForwardMode::PodsFirst,
            pods: &STANDARD,
            sources: &loaded.records,
        });
        ((*node).to_owned(), ruleset)
    };
    nodes.iter().map(compiled).collect()
}

/// The same with policies and cluster, for whoever judges packets by them.
pub(crate) fn world(loaded: Loaded) -> World {
    World::compile(loaded, ForwardMode::PodsFirst).0
}

/// What a node lacks, or has too much, of a ruleset; nothing if it is in force as it is.
pub(crate) fn difference(lab: &Lab, node: &str, ruleset: &Ruleset) -> Option<String> {
    let compare = || {
        let observed = Netlink::open().unwrap().observe(&our_tables()).unwrap();
        let plan = diff(&observed, ruleset, TableFlags { owner: false, persist: true });
        (!plan.is_empty()).then(|| format!("{:#?}", plan.rounds))
    };
    lab.namespace(node).unwrap().run(compare).unwrap()
}

/// Waits until every one of these nodes has in force what the API server holds.
#[track_caller]
pub(crate) fn until_in_force(administrator: &Administrator, lab: &Lab, nodes: &[&str], directory: &Path) -> Loaded {
    let loaded = loaded(administrator, directory);
    until_these(lab, &rulesets(&loaded, nodes), directory);
    loaded
}

/// Waits until every node has its ruleset in force.
#[track_caller]
pub(crate) fn until_these(lab: &Lab, rulesets: &BTreeMap<String, Ruleset>, directory: &Path) {
    let limit = Instant::now() + LIMIT;
    for (node, ruleset) in rulesets {
        while let Some(difference) = difference(lab, node, ruleset) {
            if Instant::now() > limit {
                let shown: String = difference.chars().take(4000).collect();
                let log = std::fs::read_to_string(directory.join(format!("{node}-log"))).unwrap_or_default();
                panic!("{node} does not come to what the API server holds: {shown}\n{log}");
            }
            thread::sleep(Duration::from_millis(15));
        }
    }
}
