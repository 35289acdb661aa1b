//! Generated pages of docs/reference are what the program says; `UPDATE_EXPECT=1` writes them again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn the_command_line_page_is_current() {
    check("cli.md", &watcher::cli::reference());
}

#[test]
fn the_configuration_page_is_current() {
    check("config.md", &watcher::cli::config_reference());
}

#[test]
fn the_metrics_page_is_current() {
    check("metrics.md", &watcher::cli::metrics_reference());
}

/// The pages that describe JSON are written by hand; this holds them to name every field that comes out.
#[test]
fn every_field_of_the_json_forms_is_described() {
    let described = |page: &str, text: &str| {
        let page = fs::read_to_string(folder().join(page)).unwrap();
        for field in fields(&serde_json::from_str(text).unwrap()) {
            assert!(page.contains(&format!("`{field}`")), "`{field}` is not described");
        }
    };
    let arguments = ["compile", "--manifests", "examples/cluster", "--host", "examples/host/node.ferm"];
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(arguments)
        .args(["--node", "node-a", "--format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    described("ruleset-json.md", &String::from_utf8(output.stdout).unwrap());
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
