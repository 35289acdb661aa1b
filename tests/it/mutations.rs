//! Deliberate faults in the compiler, each of which the opinions have to notice.
//!
//! All of them are built into one copy of the workspace, each behind a switch of its own, so that the copy is compiled
//! once and run once for each fault. The copy and what is built of it stay in `target/faults`.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::table::{FAULTS, Fault};
use crate::privilege::report;

/// Set by `make test-long`: hours of others' time are not spent without being asked.
const ASKED: &str = "PALISADE_FAULTS";
/// Which fault a run of the copy has; 0 for none.
const SWITCH: &str = "PALISADE_FAULT";

/// Arguments for cargo, and the name that the tests begin with.
type Judge = (&'static [&'static str], &'static str);

/// What runs of the copy ask, in this order.
const JUDGES: [Judge; 2] = [
    (&["--package", "palisade", "--test", "it"], "agree::oracle_and_simulator"),
    (&["--package", "engine", "--lib"], ""),
];

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_fault_can_still_be_made() {
    assert!(FAULTS.len() >= 40, "only {} faults", FAULTS.len());
    let broken = |fault: &&Fault| {
        let text = fs::read_to_string(Path::new(ROOT).join(fault.file)).unwrap();
        let (before, sound, after) = fault.parts();
        text.matches(&format!("{before}{sound}{after}")).count() != 1
    };
    let broken: Vec<_> = FAULTS.iter().filter(broken).map(|fault| (fault.file, fault.at)).collect();
    assert!(broken.is_empty(), "not there exactly once: {broken:#?}");
}

#[test]
fn every_fault_is_noticed() {
    if std::env::var_os(ASKED).is_none() {
        report(&format!("{} faults are tried where {ASKED} is set", FAULTS.len()));
        return;
    }
    let copy = copy();
    switch_faults_in(&copy);
    let mut sound = BTreeSet::new();
    let mut notices = |judge, number| {
        if sound.insert(judge) {
            assert!(passes(&copy, judge, 0), "fails without a fault: {judge:?}");
        }
        !passes(&copy, judge, number)
    };
    let mut survivors = Vec::new();
    let mut table = String::from("| | fault | noticed by |\n|---|---|---|\n");
    for (number, fault) in (1..).zip(FAULTS) {
        let noticed_by = JUDGES.iter().find(|judge| notices(*judge, number));
        let by = noticed_by.map_or("nobody".to_owned(), |(arguments, name)| match *name {
            "" => format!("unit tests of {}", arguments[1]),
            name => format!("`{name}`"),
        });
        let _infallible = writeln!(table, "| {number} | {} | {by} |", fault.name);
        report(&format!("fault {number}, {}: noticed by {by}", fault.name));
        survivors.extend(noticed_by.is_none().then_some(fault.name));
    }
    report(&format!("{} of {} faults are noticed\n{table}", FAULTS.len() - survivors.len(), FAULTS.len()));
    assert!(survivors.is_empty(), "nobody notices: {survivors:#?}");
}

/// A copy of the workspace, over the one of the last run.
fn copy() -> PathBuf {
    let to = Path::new(ROOT).join("target/faults/copy");
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(ROOT).unwrap() {
        let from = entry.unwrap().path();
        if [".git", "target"].iter().any(|left_out| from.ends_with(left_out)) {
            continue;
        }
        let status = Command::new("cp").arg("-Rp").arg(&from).arg(&to).status().unwrap();
        assert!(status.success(), "cannot copy {}", from.display());
    }
    to
}

/// Puts each fault behind its number.
fn switch_faults_in(copy: &Path) {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for (number, fault) in (1..).zip(FAULTS) {
        let text = files.entry(fault.file).or_insert_with(|| fs::read_to_string(copy.join(fault.file)).unwrap());
        let (before, sound, after) = fault.parts();
        let Fault { faulty, .. } = fault;
        let either = format!("{before}(if crate::has_fault({number}) {{ {faulty} }} else {{ {sound} }}){after}");
        assert!(text.contains(&format!("{before}{sound}{after}")), "another fault has changed {}", fault.at);
        *text = text.replacen(&format!("{before}{sound}{after}"), &either, 1);
    }
    for (file, text) in files {
        fs::write(copy.join(file), text).unwrap();
    }
    let library = copy.join("engine/src/lib.rs");
    let switch = format!(
        "\npub(crate) fn has_fault(number: u32) -> bool {{
            static FAULT: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
            let read = || std::env::var(\"{SWITCH}\").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
            *FAULT.get_or_init(read) == number
        }}\n"
    );
    fs::write(&library, fs::read_to_string(&library).unwrap() + &switch).unwrap();
}

/// Whether a judge has nothing against the copy with this fault.
fn passes(copy: &Path, (arguments, name): &Judge, number: u32) -> bool {
    let output = Command::new(env!("CARGO"))
        .current_dir(copy)
        .args(["test", "--quiet"])
        .args(*arguments)
        .args(["--", name])
        .env("CARGO_TARGET_DIR", Path::new(ROOT).join("target/faults/target"))
        .env("RUSTFLAGS", "--cap-lints=warn")
        .env(SWITCH, number.to_string())
        // A failing case is not shrunk: it is enough that there is one.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env_remove("PALISADE_LONG")
        .env_remove(ASKED)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("running "), "the copy cannot be built:\n{errors}");
    output.status.success()
}

impl Fault {
    /// The text before the marked expression, the expression, and the text behind it.
    fn parts(&self) -> (&'static str, &'static str, &'static str) {
        let marked = self.at.split_once('«').and_then(|(before, rest)| Some((before, rest.split_once('»')?)));
        let (before, (sound, after)) = marked.expect("an expression is marked");
        (before, sound, after)
    }
}
