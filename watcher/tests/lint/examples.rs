//! What is found in manifests that are meant to be right: nothing that a reader would call wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use engine::lint::selection::Wanted;
use watcher::config::host::Given;
use watcher::lint::config::Config;
use watcher::lint::{Paths, judged, load};

/// Folders of valid input, from the root of the repository. Those of `golden` show single features, so that some of their
/// policies are odd on purpose.
const VALID: [&str; 3] = ["examples", "tests/data/golden", "tests/data/netns"];

#[test]
fn valid_input_has_the_findings_that_were_judged_by_hand() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut said = String::new();
    for folder in VALID {
        let mut folders = Vec::new();
        collect(&root.join(folder), &mut folders);
        for folder in folders {
            let inside = folder.strip_prefix(&root).unwrap().display().to_string();
            for line in findings(&folder) {
                writeln!(said, "{inside}/{line}").unwrap();
            }
        }
    }
    let path = root.join("tests/data/lint/valid.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), said);
}

fn findings(folder: &Path) -> Vec<String> {
    let paths = [folder.to_owned()];
    let Ok(loaded) =
        load(Paths { reported: &paths, context: &[], stdin: None, edited: &BTreeMap::new(), given: &Given::default() })
    else {
        return Vec::new();
    };
    let (selection, _) = Wanted::default().resolve();
    let findings = judged(&loaded, &Config::default(), &selection, "2026-11-27");
    let line = |finding: &policy_lang::diagnostic::Diagnostic| {
        let span = finding.span.unwrap();
        let path = PathBuf::from(loaded.sources.path(span.source).as_ref());
        let at = loaded.sources.position(span.source, span.start).line;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        format!("{name}:{at}: {} {}: {}", finding.severity, finding.code, finding.message)
    };
    findings.iter().filter(|finding| finding.span.is_some()).map(line).collect()
}

/// Every folder that holds files itself: each is an input of its own.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    if entries.iter().any(|entry| entry.is_file()) {
        found.push(folder.to_owned());
        return;
    }
    for entry in entries.iter().filter(|entry| entry.is_dir()) {
        collect(entry, found);
    }
}
