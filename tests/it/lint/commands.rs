//! Exit codes, selection, suppression, outputs.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{CLOSED, Folder, OPEN, Ran, policy, root};

#[test]
fn the_exit_code_says_whether_something_is_at_the_threshold() {
    let folder = Folder::new("codes");
    folder.write("open.yaml", &policy("open", OPEN));
    folder.write("closed.yaml", &policy("closed", CLOSED));
    let code = |arguments: &[&str]| folder.palisade(&[&["lint"], arguments].concat()).code;
    assert_eq!((code(&["closed.yaml"]), code(&["open.yaml"]), code(&[])), (0, 1, 1));
    assert_eq!((code(&["open.yaml", "--fail-on", "error"]), code(&["open.yaml", "--fail-on", "none"])), (0, 0));
    assert_eq!((code(&["open.yaml", "--exit-zero"]), code(&["open.yaml", "--severity", "PAL102=info"])), (0, 0));
    assert_eq!((code(&["missing.yaml"]), code(&["open.yaml", "--select", "PAL999"]), code(&["--nonsense"])), (2, 2, 2));
    assert_eq!(code(&["open.yaml", "--output", "json", "--output", "text"]), 2);
}

#[test]
fn rules_are_selected_and_ignored_by_code_prefix_and_name() {
    let folder = Folder::new("select");
    folder.write("a.yaml", &policy("a", OPEN));
    let codes = |arguments: &[&str]| {
        let ran = folder.palisade(&[&["lint", "a.yaml", "--output", "concise"], arguments].concat());
        ran.codes().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(codes(&[]), ["PAL102"]);
    assert_eq!(codes(&["--ignore", "empty-list-means-all"]), [""; 0]);
    assert_eq!(codes(&["--select", "PAL3"]), ["PAL304"]);
    assert_eq!(codes(&["--extend-select", "PAL026,PAL304"]), ["PAL026", "PAL102", "PAL304"]);
    assert_eq!(codes(&["--profile", "strict"]), ["PAL102", "PAL304"]);
}

#[test]
fn several_forms_are_written_at_once_and_one_goes_to_standard_output() {
    let folder = Folder::new("outputs");
    folder.write("k8s/a.yaml", &policy("a", OPEN));
    let ran = folder.palisade(&[
        "lint",
        "k8s",
        "--output",
        "concise",
        "--output",
        "json=a.json",
        "--output",
        "sarif=a.sarif",
    ]);
    assert_eq!((ran.code, ran.codes().len()), (1, 1));
    let json: serde_json::Value = serde_json::from_str(&folder.read("a.json")).unwrap();
    let finding = &json["findings"][0];
    assert_eq!((&finding["path"], &finding["line"], &finding["column"]), (&"k8s/a.yaml".into(), &8.into(), &5.into()));
    assert_eq!(finding["object"], serde_json::json!({"kind": "NetworkPolicy", "namespace": "shop", "name": "a"}));
    assert_eq!(json["summary"], serde_json::json!({"errors": 0, "warnings": 1, "infos": 0}));
    assert!(folder.read("a.sarif").contains("\"ruleId\": \"PAL102\""));
    let quiet = folder.palisade(&["lint", "k8s", "--quiet"]);
    assert_eq!((quiet.code, quiet.out.as_str()), (1, ""));
}

#[test]
fn standard_input_has_a_name_and_one_bad_document_does_not_stop_the_rest() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["lint", "-", "--stdin-filename", "charts/shop", "--output", "concise"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = format!("a: [1,\n---\n{}", policy("a", OPEN));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with("charts/shop:"), "{out}");
    assert!(out.contains("PAL001") && out.contains("PAL102"), "{out}");
}

#[test]
fn folders_may_hold_files_of_other_programs_and_context_is_not_reported() {
    let folder = Folder::new("folders");
    folder.write("values.yaml", "image: {tag: v1}\n");
    folder.write("k8s/a.yaml", &policy("a", "  podSelector: {matchLabels: {app: x}}\n"));
    folder.write(
        "other/pods.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, labels: {app: x}}\n---\na: [\n",
    );
    folder.write("binary.yaml", "a: \u{0}\n");
    let ran = folder.palisade(&["lint", "k8s", "--context", "other", "--output", "concise"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    let alone = folder.palisade(&["lint", "k8s", "--output", "concise"]);
    assert_eq!(alone.codes(), ["PAL201"]);
    assert!(!folder.palisade(&["lint", "."]).out.contains("values.yaml"));
    assert_eq!(folder.palisade(&["lint", "values.yaml", "--output", "concise"]).codes(), ["PAL025"]);
}

#[test]
fn a_configuration_is_found_above_the_first_path_and_refused_if_it_is_wrong() {
    let folder = Folder::new("config");
    folder.write("palisade.yaml", "version: 1\nignore: [PAL102]\nextendSelect: [PAL304]\nseverity: {PAL304: info}\n");
    folder.write("k8s/a.yaml", &policy("a", OPEN));
    let ran = folder.palisade(&["lint", "k8s/a.yaml", "--output", "concise"]);
    assert_eq!((ran.code, ran.codes()), (0, vec!["PAL304"]));
    folder.write("palisade.yaml", "version: 1\nselct: [PAL1]\n");
    let wrong = folder.palisade(&["lint", "k8s"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("PAL808") && wrong.err.contains("palisade.yaml:2:1"), "{}", wrong.err);
}

#[test]
fn a_rule_has_a_page_and_the_catalogue_is_json() {
    let run = |arguments: &[&str]| Ran::of(Command::new(env!("CARGO_BIN_EXE_palisade")).arg("rule").args(arguments));
    let page = run(&["selector-or-instead-of-and"]);
    assert!(page.out.starts_with("## PAL101\n") && page.out.contains("### Why it bites"), "{}", page.out);
    let all: serde_json::Value = serde_json::from_str(&run(&["--all", "--format", "json"]).out).unwrap();
    let first = all[0].as_object().unwrap();
    let fields: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(fields, ["code", "default", "fix", "group", "name", "severity", "summary"]);
    let unknown = run(&["selector-or-instead-off-and"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean `selector-or-instead-of-and`?"), "{}", unknown.err);
}

#[test]
fn init_writes_a_configuration_that_is_read_and_leaves_one_alone() {
    let folder = Folder::new("init");
    folder.write("a.yaml", &policy("a", CLOSED));
    assert_eq!((folder.palisade(&["init"]).code, folder.palisade(&["lint"]).code), (0, 0));
    assert_eq!(folder.palisade(&["init"]).code, 2);
}

#[test]
fn readme_says_of_the_examples_what_lint_says() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("palisade lint examples/ ")).unwrap();
    assert!(line.contains("finds nothing there"), "{line}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    let ran = Ran::of(command.args(["lint", "examples/"]).current_dir(root()));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
}
