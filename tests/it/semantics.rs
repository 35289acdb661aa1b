//! docs/design/semantics.md names for every numbered rule what holds it, and what it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each series of numbers, and its last one.
const SERIES: [(&str, usize); 6] = [("sem-", 110), ("C", 19), ("D", 10), ("V", 16), ("W", 15), ("S", 48)];

/// Why a rule may have no test.
const REASONS: [&str; 4] = [
    "documentation only",
    "another node's or component's business",
    "not in the test kernel, simulated",
    "out of scope",
];

/// A row of the page.
#[derive(Debug, Default, PartialEq)]
struct Row {
    tests: Vec<String>,
    /// A reason, with what stands behind it.
    reason: Option<String>,
}

#[test]
fn every_rule_is_held_by_tests_that_exist_or_says_why_not() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/design/semantics.md")).unwrap();
    let findings = findings(&page, &known());
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn every_fixed_case_stands_for_a_rule() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/design/semantics.md")).unwrap();
    let named: BTreeSet<String> = rows(&page).into_iter().flat_map(|(_, row)| row.tests).collect();
    let is_case = |name: &&String| ["scenarios/", "semantics/"].iter().any(|group| name.starts_with(group));
    let known = known();
    let unnamed: Vec<_> = known.iter().filter(is_case).filter(|name| !named.contains(*name)).collect();
    assert!(unnamed.is_empty(), "no rule names {unnamed:?}");
}

#[test]
fn a_page_with_holes_is_found_out() {
    let whole = |changed: &str| {
        let numbers =
            SERIES.iter().flat_map(|(series, last)| (1..=*last).map(move |number| format!("{series}{number}")));
        let rows = numbers.map(|number| format!("| {number} | says | `a_test` |\n"));
        rows.filter(|row| !row.starts_with("| C7 ")).chain([changed.to_owned()]).collect::<String>()
    };
    let known = BTreeSet::from(["a_test".to_owned()]);
    let check = |changed: &str| findings(&whole(changed), &known);
    assert_eq!(check("| C7 | says | `a_test`, `a_test` |\n"), [""; 0]);
    assert_eq!(check("| C7 | says | *out of scope*: because |\n"), [""; 0]);
    for (changed, expected) in [
        ("", "C7: no row"),
        ("| C7 | says | `a_test` |\n| C7 | says | `a_test` |\n", "C7: stands twice"),
        ("| C7 | says | |\n", "C7: neither a test nor a reason"),
        ("| C7 | says | `no_test` |\n", "C7: there is no `no_test`"),
        ("| C7 | says | *out of scope*: |\n", "C7: neither a test nor a reason"),
        ("| C7 | says | *later*: because |\n", "C7: `later` is no reason"),
        ("| C7 | says | `a_test` |\n| C20 | says | `a_test` |\n", "C20: there is no such rule"),
        ("| C7 | says | *not in the test kernel, simulated*: because |\n", "C7: simulated by no test"),
    ] {
        assert_eq!(check(changed), [expected], "{changed}");
    }
}

/// What is wrong with a page.
fn findings(page: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, row) in rows(page) {
        let reason = row.reason.as_deref().and_then(|reason| reason.split_once("*:"));
        match (&row.reason, reason) {
            (Some(reason), _) if !REASONS.iter().any(|known| reason.starts_with(&format!("{known}*:"))) => {
                findings.push(format!("{number}: `{}` is no reason", reason.split('*').next().unwrap_or_default()));
            }
            (Some(_), Some((word, _))) if word == REASONS[2] && row.tests.is_empty() => {
                findings.push(format!("{number}: simulated by no test"));
            }
            (Some(_), Some((_, why))) if !why.trim().is_empty() => {}
            _ if row.tests.is_empty() => findings.push(format!("{number}: neither a test nor a reason")),
            _ => {}
        }
        let unknown = row.tests.iter().filter(|test| !known.contains(*test));
        findings.extend(unknown.map(|test| format!("{number}: there is no `{test}`")));
        *found.entry(number).or_default() += 1;
    }
    let twice = found.iter().filter(|(_, count)| **count > 1);
    findings.extend(twice.map(|(number, _)| format!("{number}: stands twice")));
    let every = SERIES.iter().flat_map(|(series, last)| (1..=*last).map(move |number| format!("{series}{number}")));
    let every: BTreeSet<String> = every.collect();
    let missing = every.iter().filter(|number| !found.contains_key(*number));
    findings.extend(missing.map(|number| format!("{number}: no row")));
    let invented = found.keys().filter(|number| !every.contains(*number));
    findings.extend(invented.map(|number| format!("{number}: there is no such rule")));
    findings
}

/// The rows of the page's tables, by the number that they begin with.
fn rows(page: &str) -> Vec<(String, Row)> {
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", number, _, held, ""] = cells.as_slice() else { continue };
        if *number == "rule" || number.starts_with("---") {
            continue;
        }
        let reason = held.strip_prefix('*').map(|reason| reason.split("; `").next().unwrap_or_default().to_owned());
        let tests = held.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
        rows.push(((*number).to_owned(), Row { tests, reason }));
    }
    rows
}

/// Everything that a row may name: tests in the sources, and data that tests go through.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for folder in ["tests", "engine", "policy-lang", "watcher"] {
        for path in files(&Path::new(ROOT).join(folder)) {
            if path.extension().is_some_and(|extension| extension == "rs") {
                known.extend(tests_in(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    let data = Path::new(ROOT).join("tests/data");
    for (folder, extension) in [("netns", "case"), ("manifests", "expected")] {
        let beneath = if folder == "netns" { data.join(folder) } else { data.clone() };
        for path in files(&data.join(folder)) {
            if path.extension().is_some_and(|found| found == extension) {
                known.insert(path.strip_prefix(&beneath).unwrap().with_extension("").to_str().unwrap().to_owned());
            }
        }
    }
    known
}

/// The names of the functions that bear `#[test]`.
fn tests_in(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.extend(is_test.then_some(name));
            is_test = false;
        }
    }
    names
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            if !entry.ends_with("target") {
                found.extend(files(&entry));
            }
        } else {
            found.push(entry);
        }
    }
    found
}
