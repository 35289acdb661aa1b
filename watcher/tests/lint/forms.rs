//! Every form of the output, as it is and by what reads it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum as _;
use engine::lint::selection::Wanted;
use policy_lang::diagnostic::Diagnostic;
use watcher::lint::config::Config;
use watcher::lint::{Loaded, judged, load_texts};
use watcher::report::findings::{Findings, Format};

/// Findings of every severity, in two files, with a label, a fix, an object and odd characters.
const TEXTS: [(&str, &str); 2] = [
    (
        "k8s/a b.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n  \
         podSelector: {matchLabels: {app: \"<web>\"}}\n  policyTypes: [Ingress]\n  egress:\n  - to: []\n  ingress:\n  - from: []\n",
    ),
    (
        "k8s/b.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: api, namespace: shop}\nspec:\n  \
         podSelector: {}\n  policyTypes: [Ingress]\n  ingress:\n  - ports: [{port: 80, protocol: \"t|p&\"}]\n---\n\
         apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\nspec:\n  \
         podSelector: {}\n  policyTypes: [Ingress]\n  ingress:\n  - from: [{podSelector: {}}, {podSelector: {matchLabels: {app: x}}}]\n",
    ),
];

#[test]
fn every_form_is_as_it_was_looked_at() {
    let (findings, loaded) = findings();
    let mut stale = Vec::new();
    for format in Format::value_variants() {
        let name = format.to_possible_value().unwrap().get_name().to_owned();
        let text = Findings::new(&findings, &loaded.sources).render(*format);
        // The catalogue is in it, which has a test of its own.
        let text = if *format == Format::Sarif { without_rules(&text) } else { text };
        let path = data().join("lint/forms").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(format!("{} is stale:\n{text}", path.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
}

#[test]
fn sarif_and_json_are_valid_by_their_schemas() {
    let (findings, loaded) = findings();
    for findings in [&findings[..], &[]] {
        let found = Findings::new(findings, &loaded.sources);
        validate(&data().join("sarif-2.1.0.schema.json"), &found.render(Format::Sarif));
        validate(&reference().join("lint.schema.json"), &found.render(Format::Json));
    }
}

#[test]
fn results_are_there_even_if_there_are_none() {
    let loaded = load_texts(&[]);
    let found = Findings::new(&[], &loaded.sources);
    let sarif: serde_json::Value = serde_json::from_str(&found.render(Format::Sarif)).unwrap();
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
    let json: serde_json::Value = serde_json::from_str(&found.render(Format::Json)).unwrap();
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(found.render(Format::Gitlab), "[]\n");
    assert_eq!(found.render(Format::Text), "");
}

#[test]
fn xml_is_well_formed_and_lines_are_json() {
    let (findings, loaded) = findings();
    let found = Findings::new(&findings, &loaded.sources);
    for format in [Format::Junit, Format::Checkstyle] {
        python("import sys, xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())", &[], &found.render(format));
    }
    let lines = found.render(Format::Jsonl);
    assert_eq!(lines.lines().count(), findings.len());
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}

#[test]
fn fingerprints_outlive_edits_above_and_tell_equal_findings_apart() {
    let (findings, loaded) = findings();
    let before = engine::lint::known::fingerprints(&findings, &loaded.sources);
    let moved: Vec<_> = TEXTS.map(|(path, text)| (path.to_owned(), format!("# a line more\n{text}"))).into();
    let loaded = load_texts(&moved);
    let findings = judge(&loaded);
    assert_eq!(engine::lint::known::fingerprints(&findings, &loaded.sources), before);
    let mut unique = before.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), before.len());
}

fn findings() -> (Vec<Diagnostic>, Loaded) {
    let loaded = load_texts(&TEXTS.map(|(path, text)| (path.to_owned(), text.to_owned())));
    (judge(&loaded), loaded)
}

fn judge(loaded: &Loaded) -> Vec<Diagnostic> {
    judged(loaded, &Config::default(), &Wanted::default().resolve().0, "2026-11-27")
}

fn without_rules(sarif: &str) -> String {
    let mut sarif: serde_json::Value = serde_json::from_str(sarif).unwrap();
    sarif["runs"][0]["tool"]["driver"]["rules"] = serde_json::json!([]);
    for result in sarif["runs"][0]["results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("ruleIndex");
    }
    serde_json::to_string_pretty(&sarif).unwrap() + "\n"
}

/// Debian's, whose packages the set-up installs; there may be others in the path.
const PYTHON: &str = "/usr/bin/python3";

/// Asks a validator that others wrote.
fn validate(schema: &Path, document: &str) {
    const VALIDATE: &str = "
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
kind = jsonschema.validators.validator_for(schema)
errors = [f'{list(e.absolute_path)}: {e.message}' for e in kind(schema).iter_errors(json.load(sys.stdin))]
sys.exit('\\n'.join(errors[:5]) if errors else 0)
";
    if !has_validator() {
        eprintln!("skipped: {PYTHON} has no jsonschema (Debian: python3-jsonschema)");
        return;
    }
    python(VALIDATE, &[schema.to_str().unwrap()], document);
}

fn has_validator() -> bool {
    let asked = Command::new(PYTHON).args(["-c", "import jsonschema"]).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn python(program: &str, arguments: &[&str], input: &str) {
    let spawned = Command::new(PYTHON)
        .args(["-W", "ignore", "-c", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: there is no {PYTHON}");
        return;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{input}", String::from_utf8_lossy(&output.stderr));
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data")
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference")
}
