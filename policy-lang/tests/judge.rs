//! ferm itself judges the expansion: whatever is in tests/data/host must expand as `ferm --noexec --lines` prints it.
//!
//! Needs Debian's ferm and the right to make a network namespace; where either is missing the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::print_stdout, reason = "a skipped test says why")]
#![expect(clippy::disallowed_methods, reason = "the judge is a program")]

#[path = "host/corpus.rs"]
mod corpus;
#[path = "host/disk.rs"]
mod disk;

use std::path::{Path, PathBuf};
use std::process::Command;

use policy_lang::diagnostic::Severity;
use policy_lang::host::rule::Domain;
use policy_lang::host::{expand, parse};
use policy_lang::source::Sources;

use crate::corpus::configurations;
use crate::disk::Disk;

#[test]
fn ferm_expands_every_configuration_alike() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    let configurations = configurations("");
    assert!(configurations.len() >= 30, "the corpus is gone: {configurations:?}");
    let mut differing = Vec::new();
    for path in &configurations {
        let expected = ferm(path);
        let actual = ours(path);
        if expected != actual {
            differing.push(format!("{}: ferm says\n{expected}\nand the expansion is\n{actual}", name(path)));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn ferm_refuses_what_is_refused_as_broken() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    let broken = configurations("broken");
    let for_ferm = |path: &&PathBuf| !disk::text(path).starts_with("# not for ferm");
    for path in broken.iter().filter(for_ferm) {
        assert!(!run(path).status.success(), "ferm reads {}", name(path));
    }
}

fn missing() -> Option<&'static str> {
    if !Path::new("/usr/sbin/ferm").exists() {
        return Some("ferm is not installed");
    }
    let isolated = Command::new("unshare").args(["--net", "true"]).status();
    if !isolated.is_ok_and(|status| status.success()) {
        return Some("no right to make a network namespace, in which ferm would find no rules of others");
    }
    None
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn run(path: &Path) -> std::process::Output {
    Command::new("unshare")
        .args(["--net", "/usr/sbin/ferm", "--noexec", "--lines"])
        .arg(name(path))
        .current_dir(path.parent().unwrap())
        .output()
        .unwrap()
}

/// What ferm prints, without its comments.
fn ferm(path: &Path) -> String {
    let output = run(path);
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
}

fn ours(path: &Path) -> String {
    let mut sources = Sources::default();
    let (rules, diagnostics) = parse(&name(path), &Disk::new(path.parent().unwrap()), &[], &mut sources);
    let errors: Vec<_> = diagnostics.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    [Domain::Ip, Domain::Ip6].map(|domain| expand::expand(&rules, domain)).concat()
}
