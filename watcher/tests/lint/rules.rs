//! Each rule by its fixtures: `tests/data/lint/CODE/fires-*` and `quiet-*`, with the lines that it says in
//! `expected.txt`, which `UPDATE_EXPECT=1` writes again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use engine::lint::catalogue;
use engine::lint::selection::Wanted;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::Sources;
use watcher::config::host::Given;
use watcher::lint::config::Config;
use watcher::lint::{Paths, judged, load};

/// Fewest fixtures of each kind.
const FEWEST: usize = 3;

/// Rules that no fixture can hold, and where they are tested.
const ELSEWHERE: [(&str, &str); 10] = [
    ("PAL028", "engine: the compile of a ruleset"),
    ("PAL029", "engine: the compile of a ruleset"),
    ("PAL030", "watcher: the configuration of nodes"),
    ("PAL031", "engine: the limits"),
    ("PAL033", "engine: workloads"),
    ("PAL511", "tests/it/lint: changes"),
    ("PAL801", "tests/it/assertions"),
    ("PAL802", "tests/it/assertions"),
    ("PAL807", "tests/it/lint: known findings"),
    ("PAL808", "watcher: the configuration of lint"),
];

/// The day of exceptions.
const TODAY: &str = "2026-11-27";

#[test]
fn every_rule_fires_and_keeps_quiet_as_its_fixtures_say() {
    let mut failures = Vec::new();
    for rule in catalogue::RULES {
        let code = rule.code.0;
        if ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == code) {
            continue;
        }
        let folder = folder().join(code);
        let mut said = String::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for file in files(&folder) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let (findings, sources) = judge(&folder, &file);
            let own: Vec<_> = findings.iter().filter(|finding| finding.code.0 == code).collect();
            let kind = if name.starts_with("fires-") { "fires" } else { "quiet" };
            *counts.entry(kind).or_default() += 1;
            match (kind, own.is_empty()) {
                ("fires", true) => failures.push(format!("{code}/{name} does not fire: {:?}", codes(&findings))),
                ("quiet", false) => failures.push(format!("{code}/{name} fires: {}", own[0].message)),
                _ => {}
            }
            for finding in own.iter().filter(|_| kind == "fires") {
                writeln!(said, "{name}:{}", line(finding, &sources)).unwrap();
            }
        }
        for kind in ["fires", "quiet"] {
            let count = counts.get(kind).copied().unwrap_or_default();
            if count < FEWEST {
                failures.push(format!("{code} has {count} fixtures that must be {kind}"));
            }
        }
        failures.extend(differs(&folder.join("expected.txt"), &said));
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_bad_example_of_every_page_fires_and_the_good_one_does_not() {
    let mut failures = Vec::new();
    for rule in catalogue::RULES.iter().filter(|rule| !ELSEWHERE.iter().any(|(code, _)| *code == rule.code.0)) {
        for (heading, wanted) in [("Bad", true), ("Good", false)] {
            let example = example(rule.page, heading);
            // What cannot be written in a few lines is described instead.
            let Some((language, text)) = example.filter(|(_, text)| !text.starts_with("a list of lists")) else {
                continue;
            };
            if text.starts_with("the same as") || rule.code.0 == "PAL806" {
                continue;
            }
            let folder = std::env::temp_dir().join(format!("palisade-lint-{}-{}", rule.code, std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            let extension = if language == "text" { "ferm" } else { "yaml" };
            let file = folder.join(format!("example.{extension}"));
            fs::write(&file, text).unwrap();
            let (findings, _) = judge(&self::folder().join(rule.code.0), &file);
            fs::remove_dir_all(&folder).unwrap();
            if findings.iter().any(|finding| finding.code == rule.code) != wanted {
                failures.push(format!("{} {heading}: {:?}", rule.code, codes(&findings)));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

/// The text of an example, and its language.
fn example(page: &str, heading: &str) -> Option<(String, String)> {
    let lines = page.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut lines = lines.skip_while(|line| *line != format!("## {heading}")).skip(2);
    let language = lines.next()?.strip_prefix("```")?.to_owned();
    let text: String = lines.take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
    Some((language, text))
}

fn judge(folder: &Path, file: &Path) -> (Vec<Diagnostic>, Sources) {
    let config = fs::read_to_string(folder.join("palisade.yaml")).unwrap_or_else(|_| "version: 1\n".to_owned());
    let (config, found) = Config::parse(&folder.join("palisade.yaml"), &config, &mut Sources::default());
    assert!(found.is_empty(), "{}: {found:?}", folder.display());
    let paths = [file.to_owned()];
    let loaded =
        load(Paths { reported: &paths, context: &[], stdin: None, edited: &BTreeMap::new(), given: &Given::default() })
            .unwrap();
    let wanted = Wanted { select: vec!["ALL".to_owned()], ..Wanted::default() };
    let findings = judged(&loaded, &config, &wanted.resolve().0, TODAY);
    (findings, loaded.sources)
}

fn line(finding: &Diagnostic, sources: &Sources) -> String {
    let at = finding.span.map(|span| sources.position(span.source, span.start));
    let at = at.map_or_else(String::new, |at| format!("{}:{}", at.line, at.column));
    let fix = finding.fix.as_ref().map(|fix| format!(" [fix: {}]", fix.title)).unwrap_or_default();
    format!("{at}: {}: {}{fix}", finding.severity, finding.message)
}

fn codes(findings: &[Diagnostic]) -> Vec<&str> {
    findings.iter().map(|finding| finding.code.0).collect()
}

fn differs(path: &Path, text: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECT").is_some() && path.parent().is_some_and(Path::is_dir) {
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    (found != text).then(|| format!("{} is stale (UPDATE_EXPECT=1 writes it):\n{text}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.starts_with("fires-") || name.starts_with("quiet-")
    });
    files.sort();
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/lint")
}
