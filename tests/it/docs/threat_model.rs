//! docs/security/threat-model.md says of every threat which tests hold it, and those tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How many threats there are.
const THREATS: usize = 21;

#[test]
fn every_threat_is_held_by_tests_that_exist_or_says_not_yet() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/security/threat-model.md")).unwrap();
    let findings = findings(&page, &|path| fs::read_to_string(Path::new(ROOT).join(path)).ok());
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_page_that_names_what_is_not_there_is_found_out() {
    let source = "#[test]\nfn it_holds() {}\n#[test]\n#[ignore = \"x\"]\nfn it_waits() {}\nfn it_helps() {}\n";
    let read = |path: &str| (path == "a.rs").then(|| source.to_owned());
    let check = |held: &str| {
        let rows = (1..=THREATS).map(|number| match number {
            7 => format!("### 7. It\n\n{held}\n\n"),
            other => format!("### {other}. It\n\nHeld by `a.rs`: `it_holds`.\n\n"),
        });
        findings(&rows.collect::<String>(), &read)
    };
    assert_eq!(check("Held by `a.rs`: `it_holds`,\n`it_waits`.\n\nNot yet: all of it."), [""; 0]);
    assert_eq!(check("Not yet: anything."), [""; 0]);
    for (held, expected) in [
        ("It is held.", "7: neither a test nor what is not there yet"),
        ("Held by `a.rs`: `it_fails`.", "7: a.rs has no test `it_fails`"),
        ("Held by `a.rs`: `it_helps`.", "7: a.rs has no test `it_helps`"),
        ("Held by `b.rs`: `it_holds`.", "7: there is no b.rs"),
        ("Held by `it_holds`.", "7: `it_holds` is in no file"),
        ("Not yet:", "7: neither a test nor what is not there yet"),
        ("Not yet: this.\n\n### 7. Again\n\nNot yet: that.", "7: stands twice"),
    ] {
        assert_eq!(check(held), [expected], "{held}");
    }
    assert!(findings("", &read).contains(&"1: no such threat".to_owned()));
}

#[test]
fn operations_4_4_12_the_clock_of_the_day_decides_nothing() {
    // Only what is told to people has a time of the day: timers are of the clock that nobody can set. A pause goes by
    // both, since it must not outlive a restart that it began before. Exceptions of lint's configuration end on a day.
    let told = [
        "watcher/src/agent/cluster/lease/form.rs",
        "watcher/src/agent/metrics.rs",
        "watcher/src/agent/pause.rs",
        "watcher/src/cli/lint/date.rs",
        "watcher/src/doctor/read.rs",
        "watcher/src/drops/stream.rs",
    ];
    for folder in ["policy-lang/src", "engine/src", "watcher/src"] {
        for path in files(&Path::new(ROOT).join(folder)) {
            let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
            let says = fs::read_to_string(&path).unwrap().contains("SystemTime");
            assert_eq!(says, told.contains(&name.as_str()), "{name}");
        }
    }
}

/// What is wrong with a page; `read` gives the text of a file.
fn findings(page: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut found = BTreeSet::new();
    for threat in page.split("\n### ").map(|part| part.strip_prefix("### ").unwrap_or(part)) {
        let Some((number, text)) = threat.split_once(". ") else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        if !found.insert(number) {
            findings.push(format!("{number}: stands twice"));
        }
        let paragraphs: Vec<&str> = text.split("\n\n").map(str::trim).collect();
        let missing =
            paragraphs.iter().any(|text| text.strip_prefix("Not yet:").is_some_and(|what| !what.trim().is_empty()));
        let mut n_tests = 0;
        for held in paragraphs.iter().filter_map(|text| text.strip_prefix("Held by ")) {
            let mut file: Option<(&str, String)> = None;
            for name in held.split('`').skip(1).step_by(2) {
                n_tests += 1;
                if Path::new(name).extension().is_some_and(|extension| extension == "rs") {
                    file = read(name).map(|text| (name, text));
                    if file.is_none() {
                        findings.push(format!("{number}: there is no {name}"));
                        break;
                    }
                    continue;
                }
                match &file {
                    None => findings.push(format!("{number}: `{name}` is in no file")),
                    Some((_, text)) if has_test(text, name) => {}
                    Some((path, _)) => findings.push(format!("{number}: {path} has no test `{name}`")),
                }
            }
        }
        if n_tests == 0 && !missing {
            findings.push(format!("{number}: neither a test nor what is not there yet"));
        }
    }
    findings.extend(
        (1..=THREATS).filter(|number| !found.contains(number)).map(|number| format!("{number}: no such threat")),
    );
    findings
}

/// Whether a source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
            if is_test && rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')) {
                return true;
            }
            is_test = false;
        }
    }
    false
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
