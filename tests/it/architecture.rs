//! The structure that the other files promise: who imports whom, where `unsafe` lives, how large files grow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longest source file, in lines.
const FILE_MAX: usize = 800;
/// 90 % of the source files are no longer than this, in lines.
const FILE_P90: usize = 450;
/// Half of the source files are no longer than this, in lines.
const FILE_MEDIAN: usize = 150;
/// Longest function, in lines from `fn` to its closing brace.
const FUNCTION_MAX: usize = 80;

#[test]
fn crates_import_only_what_they_may() {
    let forbidden: [(&str, &[&str]); 3] = [
        ("policy-lang", &["engine", "watcher", "kube", "tokio", "nftnl", "nftnl-sys", "mnl", "mnl-sys", "libc"]),
        ("engine", &["watcher", "kube", "tokio", "saphyr", "saphyr-parser", "serde-saphyr", "clap"]),
        ("watcher", &["nftnl", "nftnl-sys", "mnl", "mnl-sys", "libc"]),
    ];
    let packages = packages();
    for (package, banned) in forbidden {
        let found = dependencies(&packages, package);
        let broken: Vec<_> = banned.iter().filter(|name| found.contains(**name)).collect();
        assert!(broken.is_empty(), "{package} must not depend on {broken:?}");
    }
}

#[test]
fn netlink_crates_are_used_in_engine_kernel_only() {
    for (path, text) in sources() {
        if !path.starts_with("engine/src/kernel/") {
            for word in ["nftnl", "mnl_sys", "mnl::"] {
                let used = code_lines(&text).any(|line| line.contains(word));
                assert!(!used, "{} uses {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_is_in_one_file_only() {
    for (path, text) in sources() {
        if path != Path::new("engine/src/kernel/ffi.rs") {
            // A fix can be called unsafe in a text; as a keyword the word is followed by one of these.
            let follows = ["{", "fn ", "impl ", "impl<", "extern ", "trait ", "(", "mod "];
            let is_keyword = |rest: &str| follows.iter().any(|word| rest.trim_start().starts_with(word));
            let used = code_lines(&text).any(|line| {
                let line = line.trim_end();
                line.ends_with(" unsafe") || line.split("unsafe").skip(1).any(is_keyword)
            });
            assert!(!used, "{} says unsafe", path.display());
        }
    }
    for (path, attribute) in
        [("policy-lang/src/lib.rs", "#![forbid(unsafe_code)]"), ("watcher/src/lib.rs", "#![forbid(unsafe_code)]")]
    {
        assert!(fs::read_to_string(Path::new(ROOT).join(path)).unwrap().contains(attribute), "{path}");
    }
}

#[test]
fn files_and_functions_stay_small() {
    let sources = sources();
    let mut sizes: Vec<usize> = sources.iter().map(|(_, text)| text.lines().count()).collect();
    sizes.sort_unstable();
    let at = |percent: usize| sizes[(sizes.len() - 1) * percent / 100];
    assert!(at(50) <= FILE_MEDIAN, "median file has {} lines", at(50));
    assert!(at(90) <= FILE_P90, "90th percentile file has {} lines", at(90));
    for (path, text) in &sources {
        assert!(text.lines().count() <= FILE_MAX, "{} has more than {FILE_MAX} lines", path.display());
        if let Some((line, length)) = longest_function(text) {
            assert!(length <= FUNCTION_MAX, "{}:{line} has a function of {length} lines", path.display());
        }
    }
}

#[test]
fn modules_have_names_of_the_field() {
    for (path, _) in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let banned = ["mod", "utils", "util", "common", "helpers", "helper", "manager", "misc"];
        assert!(!banned.contains(&stem), "{}", path.display());
    }
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The names of a package's normal dependencies; what only its tests use may be anything.
fn dependencies(packages: &[Value], package: &str) -> BTreeSet<String> {
    let package = packages.iter().find(|candidate| candidate["name"] == package).unwrap();
    let normal = package["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
}

/// Every Rust file of the crates and tests, by path from the root.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["policy-lang", "engine", "watcher", "tests", "benches"] {
        collect(&Path::new(ROOT).join(folder), &mut found);
    }
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(ROOT).unwrap().to_owned(), text));
        }
    }
}

/// Lines without comments, attributes and string contents that only talk about something.
fn code_lines(text: &str) -> impl Iterator<Item = String> + '_ {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.starts_with("#!")).map(|line| {
        let outside_strings: Vec<_> = line.split('"').step_by(2).collect();
        outside_strings.join("\"\"")
    })
}

/// The line and length of the longest function: from a line with `fn` to the brace that closes its indentation.
fn longest_function(text: &str) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts_function = |line: &str| {
        let line = line.trim_start();
        ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn ", "const fn "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lengths = lines.iter().enumerate().filter(|(_, line)| starts_function(line)).filter_map(|(start, line)| {
        // A method of a trait without a body ends where its declaration does.
        let opening = lines[start..].iter().find(|line| line.ends_with(['{', ';']))?;
        if opening.ends_with(';') {
            return None;
        }
        let closing = format!("{:1$}}}", "", line.len() - line.trim_start().len());
        let length = lines[start..].iter().position(|line| *line == closing)?;
        Some((start + 1, length + 1))
    });
    lengths.max_by_key(|(_, length)| *length)
}
