//! What fuzzing has found stays found: every input of the corpus goes through the function that the fuzzer called.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "they are a crate of their own, for the fuzzer")]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::privilege::report;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Panics if something does not hold of an input.
type Judge = fn(&[u8]);

/// Every target, by its name.
const TARGETS: [(&str, Judge); 11] = [
    ("baseline", targets::baseline::judge),
    ("cluster_policy", targets::cluster_policy::judge),
    ("config", targets::config::judge),
    ("conntrack", targets::conntrack::judge),
    ("host_language", targets::host_language::judge),
    ("manifests", targets::manifests::judge),
    ("netlink", targets::netlink::judge),
    ("nflog", targets::nflog::judge),
    ("protobuf", targets::protobuf::judge),
    ("state", targets::state::judge),
    ("watch", targets::watch::judge),
];

#[test]
fn every_input_of_the_corpus_is_judged() {
    let folder = Path::new(ROOT).join("fuzz/corpus");
    for (name, judge) in TARGETS {
        let inputs = inputs(&folder.join(name));
        assert!(!inputs.is_empty(), "there is no corpus of {name}");
        for (path, bytes) in &inputs {
            let judged = std::panic::catch_unwind(|| judge(bytes));
            assert!(judged.is_ok(), "{name}: {path}");
        }
        report(&format!("{name}: {} inputs", inputs.len()));
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_none_is_left_over() {
    let names = |path: &str, suffix: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(Path::new(ROOT).join(path)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.trim_end_matches(suffix).to_owned()).collect()
    };
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz/fuzz_targets", ".rs"), known);
    assert_eq!(names("fuzz/corpus", ""), known);
    let manifest = fs::read_to_string(Path::new(ROOT).join("fuzz/Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml does not know {name}");
    }
}

/// Inputs by the names of their files.
fn inputs(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}
