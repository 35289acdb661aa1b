//! Golden cases: a folder of input compiles to exactly the nft text beside it, and nft accepts that text.

use std::fs;
use std::path::{Path, PathBuf};

use engine::compile::failsafe::{self, Failsafes};
use engine::compile::host::Names;
use engine::compile::{ForwardMode, HostInput, Input, compile};
use engine::inventory::Inventory;
use engine::render;
use engine::ruleset::Ruleset;
use policy_lang::baseline::{self, Baseline, CONFIG_MAP};
use policy_lang::cluster_policy;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::MemoryFiles;
use policy_lang::host::rule::HostRules;
use policy_lang::manifest::{Object, load};
use policy_lang::name::NamespacedName;
use policy_lang::network_policy::{self, Strictness};
use policy_lang::source::Sources;
use watcher::config::Config;

const NODE: &str = "node-a";

#[test]
fn every_case_compiles_to_its_expected_text() {
    for case in cases() {
        let text = render::ruleset(&compiled(&case));
        let expected = case.join("expected.nft");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &text).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        assert!(text == wanted, "{} is not what is compiled:\n{text}", expected.display());
        assert_eq!(text, render::ruleset(&compiled(&case)), "not deterministic");
    }
}

/// Every folder of tests/data/golden.
pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// The ruleset of a case.
pub(crate) fn compiled(case: &Path) -> Ruleset {
    let mut sources = Sources::default();
    let mut objects = Vec::new();
    for path in files(case, "yaml") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (found, diagnostics) = load(name, &fs::read_to_string(&path).unwrap(), &mut sources);
        without_errors(&diagnostics);
        objects.extend(found);
    }
    let config_map = NamespacedName::new(CONFIG_MAP.0, CONFIG_MAP.1);
    let found = baseline::find(&objects, &config_map, &sources);
    without_errors(&found.diagnostics);
    let mut policies = match found.baseline {
        Baseline::Sound(policies) => policies,
        Baseline::Absent | Baseline::Broken(_) => Vec::new(),
    };
    for object in &objects {
        if let Object::NetworkPolicy(policy) = object {
            let (policy, diagnostics) = network_policy::decode(policy, &sources, Strictness::Lenient);
            without_errors(&diagnostics);
            policies.push(policy);
        }
    }
    let (of_admins, diagnostics) = cluster_policy::decode_all(&objects, &sources, Strictness::Lenient);
    without_errors(&diagnostics);
    policies.extend(of_admins);
    policies.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
    let (inventory, _) = Inventory::from_objects(&objects);
    let mut host = HostRules::default();
    for path in files(case, "ferm") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let texts = MemoryFiles::default().with(name, &fs::read_to_string(&path).unwrap());
        let (rules, diagnostics) = policy_lang::host::parse(name, &texts, &[], &mut sources);
        without_errors(&diagnostics);
        host.chains.extend(rules.chains);
    }
    // A case with this file is what an agent's ruleset is like.
    let failsafes = if case.join("failsafes").exists() { Failsafes::standard() } else { failsafe::NONE.clone() };
    // A case without options has the standard ones.
    let options = fs::read_to_string(case.join("options")).unwrap_or_default();
    let (config, diagnostics) = Config::parse(Path::new("options"), &options, &mut Sources::default());
    without_errors(&diagnostics);
    let input = Input {
        policies: &policies,
        host: Some(HostInput { rules: &host, names: &Names::built_in(), sources: &sources, failsafes: &failsafes }),
        inventory: &inventory,
        node: NODE,
        forward_mode: ForwardMode::PodsFirst,
        pods: config.pod_options(),
        sources: &[],
    };
    let (ruleset, diagnostics) = compile(&input);
    without_errors(&diagnostics);
    ruleset
}

/// The files of a case with this extension: its own, and those of the folders that its file `inputs` lists.
fn files(case: &Path, extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inputs = fs::read_to_string(case.join("inputs")).unwrap_or_default();
    let folders = inputs.lines().map(|line| root.join(line)).chain([case.to_owned()]);
    let entries = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn without_errors(diagnostics: &[Diagnostic]) {
    let errors: Vec<_> = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
