//! Broken host rules are refused with the file, the line, the word and a hint.
//!
//! Each file in tests/data/host/broken says in its first lines what is refused:
//! `# refused LINE CODE WORDS | HINT`, the hint being optional.

#[path = "host/disk.rs"]
mod disk;

use std::path::{Path, PathBuf};

use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::parse;
use policy_lang::source::Sources;

use crate::disk::Disk;

#[test]
fn broken_rules_are_refused_where_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/host/broken");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "ferm"));
    files.sort();
    assert!(files.len() >= 10, "the corpus is gone: {files:?}");
    let wrong: Vec<String> = files.iter().filter_map(|path| check(&folder, path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the findings of one file.
fn check(folder: &Path, path: &Path) -> Option<String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let mut sources = Sources::default();
    let (_, diagnostics) = parse(&name, &Disk::new(folder), &[], &mut sources);
    let errors: Vec<&Diagnostic> =
        diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# refused ")).collect();
    let are_met = errors.len() == expected.len()
        && errors.iter().zip(&expected).all(|(error, expected)| is_met(error, expected, &name, &sources));
    if are_met && !expected.is_empty() {
        return None;
    }
    let mut report = format!("{name}: expected {expected:#?}, found");
    for error in errors {
        let span = error.span.unwrap();
        let line = sources.position(span.source, span.start).line;
        report += &format!("\n    {line} {} {} | {}", error.code, error.message, error.help.as_deref().unwrap_or(""));
    }
    Some(report)
}

fn is_met(error: &Diagnostic, expected: &str, name: &str, sources: &Sources) -> bool {
    let (expected, hint) = expected.split_once(" | ").unwrap_or((expected, ""));
    let mut parts = expected.splitn(3, ' ');
    let (line, code, words) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let span = error.span.unwrap();
    &**sources.path(span.source) == name
        && sources.position(span.source, span.start).line.to_string() == line
        && error.code.0 == code
        && error.message.contains(words)
        && error.help.as_deref().unwrap_or("").contains(hint)
}
