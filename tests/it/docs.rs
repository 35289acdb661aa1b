//! Generated pages of docs/reference are what the program says; `UPDATE_EXPECT=1` writes them again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

mod threat_model;

#[test]
fn the_command_line_page_is_current() {
    check("cli.md", &watcher::cli::reference());
}

#[test]
fn the_configuration_page_is_current() {
    check("config.md", &watcher::cli::config_reference());
}

#[test]
fn the_page_of_the_rules_of_lint_is_current() {
    check("lints.md", &watcher::cli::lints_reference());
}

#[test]
fn the_readme_says_how_many_rules_lint_has() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let said = format!("works, {} rules ([catalogue](docs/reference/lints.md))", engine::lint::catalogue::RULES.len());
    assert!(readme.contains(&said), "README.md does not say `{said}`");
}

#[test]
fn the_metrics_page_is_current() {
    check("metrics.md", &watcher::cli::metrics_reference());
}

#[test]
fn the_page_of_host_keywords_is_current() {
    check("../host/keywords.md", &policy_lang::host::reference::page());
}

#[test]
fn the_page_of_host_refusals_is_current() {
    check("../host/refusals.md", &engine::compile::host::refusals_page());
}

#[test]
fn the_page_of_what_nft_texts_say_is_current() {
    check("../host/nft.md", &engine::compile::host::nft_page());
}

#[test]
fn the_page_of_the_doctors_findings_is_current() {
    check("doctor.md", &watcher::cli::doctor_reference());
}

#[test]
fn every_field_of_a_compiled_ruleset_is_described() {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["compile", "--manifests", "examples/cluster", "--host", "examples/host/node.ferm"])
        .args(["--node", "node-a", "--format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    describes("ruleset-json.md", &String::from_utf8(output.stdout).unwrap());
}

/// Fails unless a page, which is written by hand, names every field of a JSON text.
pub(crate) fn describes(page: &str, json: &str) {
    let text = fs::read_to_string(folder().join(page)).unwrap();
    for field in fields(&serde_json::from_str(json).unwrap()) {
        assert!(text.contains(&format!("`{field}`")), "{page} does not say what `{field}` is");
    }
}

/// The names of all fields in a value.
pub(crate) fn fields(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(name, value)| std::iter::once(name.clone()).chain(fields(value))).collect()
        }
        Value::Array(items) => items.iter().flat_map(fields).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference")
}

fn check(page: &str, text: &str) {
    let path = folder().join(page);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "docs/reference/{page} is stale: run `make docs`");
}
