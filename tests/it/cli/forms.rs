//! Every form of what is known without a cluster, as it was looked at: tests/data/forms.

use std::fs;
use std::path::Path;

use super::palisade;

/// What is asked of the examples, and in which forms; with `UPDATE_EXPECT` the files are written.
const ASKED: [(&str, &[&str], &[&str]); 7] = [
    (
        "map",
        &["map", "examples/ci/k8s", "--format"],
        &["text", "json", "csv", "md", "dot", "mermaid", "svg", "html", "matrix"],
    ),
    (
        "map-cluster",
        &["map", "examples/cluster", "--baseline", "examples/cluster/baseline.yaml", "--format"],
        &["text", "json"],
    ),
    (
        "diff",
        &["diff", "tests/data/forms/old.yaml", "tests/data/forms/new.yaml", "--format"],
        &["text", "json", "md", "html"],
    ),
    ("test", &["test", "examples/ci/tests/store.palisade-test.yaml", "--output"], &["text", "json", "junit", "tap"]),
    (
        "explain",
        &["explain", "shop/web-1", "shop/db-1:5432/TCP", "--manifests", "examples/cluster", "--format"],
        &["text", "json"],
    ),
    (
        "explain-policy",
        &["explain", "--policy", "shop/db", "--manifests", "examples/cluster", "--format"],
        &["text", "json"],
    ),
    ("rule", &["rule", "PAL102", "--format"], &["text", "json", "md"]),
];

#[test]
fn every_form_is_as_it_was_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/forms");
    let mut stale = Vec::new();
    for (what, arguments, forms) in ASKED {
        for form in forms {
            let ran = palisade(&[arguments, &[*form]].concat());
            assert!(!ran.stdout.is_empty() && !ran.stderr.contains("error"), "{what} {form}: {}", ran.stderr);
            let path = folder.join(format!("{what}.{form}.txt"));
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&path, &ran.stdout).unwrap();
            }
            if fs::read_to_string(&path).unwrap_or_default() != ran.stdout {
                stale.push(format!("{} is not what is printed", path.display()));
            }
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}
