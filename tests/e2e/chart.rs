//! The chart: what its values do, and what a real API server says to what it renders.

mod accepted;
mod pod;
mod values;

use std::fs;

use serde_json::{Value, json};

use crate::tools;
use crate::yaml;

/// Each file of ci/, with its values.
fn cases() -> Vec<(String, Value)> {
    let files = fs::read_dir(tools::chart().join("ci")).unwrap();
    let mut cases: Vec<_> = files
        .map(|file| {
            let path = file.unwrap().path();
            let values = yaml::documents(&fs::read_to_string(&path).unwrap()).into_iter().next();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), values.unwrap_or_else(|| json!({})))
        })
        .collect();
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(cases.len() > 5, "{cases:#?}");
    cases
}

/// The objects of a kind.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_plain_manifest_is_what_the_chart_renders() {
    let rendered = tools::render(&tools::chart(), &json!({"namespace": {"create": true}})).unwrap();
    let head = "# Rendered from deploy/chart by `make manifest`; a test holds it to be current.\n";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/install.yaml");
    let wanted = format!("{head}{rendered}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == wanted, "deploy/install.yaml is stale: run `make manifest`");
}
