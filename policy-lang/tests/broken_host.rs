//! Broken host rules are refused with the file, the line, the word and a hint.
//!
//! Each file in tests/data/host/broken says in its first lines what is refused:
//! `# refused LINE CODE WORDS | HINT`, the hint being optional.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test fails by it")]

#[path = "host/corpus.rs"]
mod corpus;
#[path = "host/disk.rs"]
mod disk;

use std::fmt::Write as _;
use std::path::Path;

use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::parse;
use policy_lang::source::Sources;

use crate::corpus::configurations;
use crate::disk::Disk;

#[test]
fn broken_rules_are_refused_where_they_are() {
    let wrong: Vec<String> = configurations("broken").iter().filter_map(|path| check(path)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the findings of one file.
fn check(path: &Path) -> Option<String> {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = disk::text(path);
    let mut sources = Sources::default();
    let (_, diagnostics) = parse(&name, &Disk::new(path.parent().unwrap()), &[], &mut sources);
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
        let help = error.help.as_deref().unwrap_or("");
        write!(report, "\n    {line} {} {} | {help}", error.code, error.message).unwrap();
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
