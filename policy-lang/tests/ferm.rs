//! tests/data/ferm: every configuration in it expands as it did, and as ferm expands it.
//!
//! `NAME.ferm` has its expansion, or its errors, in `NAME.expected`; `UPDATE_EXPECT=1` writes that again. Comments in
//! the first lines say more: `# options: --def  $x=1` (two blanks between them), `# deviation: WHY` where ferm says something else,
//! `# newer than 2.5.1` where Debian's ferm does not know the words yet.
//!
//! The second half needs Debian's ferm and the right to make a network namespace; where either is missing the test
//! says so and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::print_stdout, reason = "a skipped test says why")]
#![expect(clippy::disallowed_methods, reason = "the corpus is on disk and the judge is a program")]

#[path = "host/disk.rs"]
mod disk;
#[path = "host/judge.rs"]
mod judge;
#[path = "host/ours.rs"]
mod ours;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use policy_lang::host::{MemoryFiles, parse, reference};
use policy_lang::source::Sources;

use crate::judge::{Asked, Verdict};
use crate::ours::ours;

/// A configuration of the corpus.
struct Entry {
    asked: Asked,
    /// Why ferm says something else.
    deviation: Option<String>,
    is_newer: bool,
}

#[test]
fn every_configuration_expands_as_it_did() {
    let entries = corpus();
    assert!(entries.len() >= 250, "the corpus is gone: {} configurations are left", entries.len());
    let mut wrong = Vec::new();
    for Entry { asked, .. } in &entries {
        let found = match ours(&asked.path, &asked.options) {
            Ok(text) => text,
            Err(errors) => format!("refused\n{errors}"),
        };
        let path = asked.path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if expected != found {
            wrong.push(format!("{}: expected\n{expected}\nfound\n{found}", asked.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ferm_expands_every_configuration_alike() {
    if let Some(reason) = judge::missing() {
        println!("skipped: {reason}");
        return;
    }
    let entries: Vec<Entry> = corpus().into_iter().filter(|entry| !entry.is_newer).collect();
    let asked: Vec<Asked> = entries.iter().map(|entry| entry.asked.clone()).collect();
    let verdicts = judge::ferm(&asked);
    let wrong: Vec<String> =
        entries.iter().zip(&verdicts).filter_map(|(entry, verdict)| compare(entry, verdict)).collect();
    println!("{} configurations agree with ferm, or deviate as written", entries.len() - wrong.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_word_of_the_language_is_in_the_corpus() {
    let texts: Vec<String> = corpus().iter().map(|entry| disk::text(&entry.asked.path)).collect();
    let words: BTreeSet<&str> = texts.iter().flat_map(|text| text.split([' ', '\n', ';', '(', ')', '!'])).collect();
    let described = reference::words();
    let names = described.iter().map(|word| word.name).chain(reference::modules()).chain(reference::targets());
    let missing: BTreeSet<&str> = names.filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "no configuration has {missing:?}");
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/host");
    let page = disk::text(&folder.join("language.md"));
    let examples: Vec<&str> = page.split("```ferm\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 4, "the examples are gone");
    for example in examples {
        let files = MemoryFiles::default().with("example.ferm", example);
        let (rules, diagnostics) = parse("example.ferm", &files, &[], &mut Sources::default());
        assert_eq!(diagnostics, [], "{example}");
        assert!(!rules.chains.is_empty(), "{example}");
    }
}

/// What is wrong with a configuration, seeing what ferm says of it. A deviation must be one.
fn compare(entry: &Entry, ferm: &Verdict) -> Option<String> {
    let Entry { asked: Asked { path, options }, deviation, .. } = entry;
    let ours = ours(path, options);
    let is_alike = match (ferm, &ours) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        (Err(_), Err(_)) => true,
        _ => false,
    };
    match (is_alike, deviation) {
        (true, None) | (false, Some(_)) => None,
        (true, Some(why)) => Some(format!("{}: is no deviation ({why})", path.display())),
        (false, None) => Some(format!("{}:\n{}", path.display(), difference(&told(ferm), &told(&ours)))),
    }
}

/// The first lines in which two texts differ.
fn difference(ferm: &str, ours: &str) -> String {
    const SHOWN: usize = 4;
    let n_alike = ferm.lines().zip(ours.lines()).take_while(|(theirs, ours)| theirs == ours).count();
    let rest = |text: &str, who: &str| -> String {
        let lines: Vec<&str> = text.lines().skip(n_alike).take(SHOWN).collect();
        format!("  {who}: {}\n", lines.join(&format!("\n  {who}: ")))
    };
    rest(ferm, "ferm") + &rest(ours, "palisade")
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Ok(text) => text.clone(),
        Err(complaint) => format!("refused: {complaint}"),
    }
}

/// Every configuration, by path.
fn corpus() -> Vec<Entry> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ferm");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ferm"))
        .collect();
    paths.sort();
    paths.into_iter().map(entry).collect()
}

fn entry(path: PathBuf) -> Entry {
    let text = disk::text(&path);
    let said = |what: &str| text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(what));
    let options = said("options: ").map_or_else(Vec::new, |options| options.split("  ").map(str::to_owned).collect());
    Entry {
        deviation: said("deviation: ").map(str::to_owned),
        is_newer: said("newer than").is_some(),
        asked: Asked { path, options },
    }
}
