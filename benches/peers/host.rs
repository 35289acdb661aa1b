//! Host rules from a file to the kernel: ours against ferm, and against what loads ferm's output.
//!
//! Each contestant is a process that reads a file; its processor time is counted, that of the programs that it starts
//! included. Ours is the program itself, `palisade apply --host FILE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use watcher::lab::Namespace;

use super::cost;
use super::table::{Goal, Row, Series, Table};
use super::world;

/// Times less processor time than ferm, at the largest size.
const LESS_THAN_FERM: f64 = 20.0;

const SIZES: [usize; 3] = [100, 1_000, 10_000];

const ROUNDS: usize = 5;

/// The files of one size: as first loaded, and with one line changed.
struct Files {
    ferm: [PathBuf; 2],
    restore: [PathBuf; 2],
}

/// What loads a file.
struct Contestant {
    name: &'static str,
    command: fn(&Files, version: usize) -> Command,
}

const CONTESTANTS: [Contestant; 5] = [
    Contestant { name: "palisade", command: |files, version| ours(&files.ferm[version]) },
    Contestant { name: "ferm", command: |files, version| with("ferm", &[], &files.ferm[version]) },
    Contestant { name: "ferm to nft", command: |files, version| ferm_to_nft(&files.ferm[version]) },
    Contestant {
        name: "iptables-legacy-restore",
        command: |files, version| with("iptables-legacy-restore", &[], &files.restore[version]),
    },
    Contestant {
        name: "iptables-nft-restore",
        command: |files, version| with("iptables-nft-restore", &[], &files.restore[version]),
    },
];

/// The table.
pub(crate) fn table() -> Table {
    let mut rows = Vec::new();
    for size in SIZES {
        let files = files(size);
        let mut series: Vec<[Series; 2]> =
            CONTESTANTS.iter().map(|contestant| [0, 1].map(|_| Series::new(contestant.name))).collect();
        for _ in 0..ROUNDS {
            for (contestant, series) in CONTESTANTS.iter().zip(&mut series) {
                let namespace = Namespace::new(contestant.name).unwrap();
                for (version, series) in series.iter_mut().enumerate() {
                    let spent = cost::of_program(&namespace, &mut (contestant.command)(&files, version));
                    series.figures.push(spent.as_secs_f64() * 1000.0);
                }
            }
        }
        for (version, case) in ["fresh", "reload"].iter().enumerate() {
            let [ours, peers @ ..] = series.as_slice() else { continue };
            for peer in peers {
                let is_goal = size == 10_000 && peer[version].name == "ferm";
                rows.push(Row {
                    case: format!("{size} host rules, {case}"),
                    subject: ours[version].clone(),
                    peer: peer[version].clone(),
                    inverted: true,
                    goal: if is_goal { Goal::AtLeast(LESS_THAN_FERM) } else { Goal::Nothing },
                });
            }
        }
    }
    Table {
        name: "host",
        title: "Host rules from a file to the kernel",
        unit: "ms of CPU",
        ratio: "peer / palisade",
        rows,
    }
}

fn ours(file: &Path) -> Command {
    let mut command = with(env!("CARGO_BIN_EXE_palisade"), &["apply", "--replace", "--host"], file);
    command.env("PALISADE_RUN_DIR", folder().join("run"));
    command
}

/// ferm prefers the legacy programs where it finds them, so it is shown a path that has the others only.
fn ferm_to_nft(file: &Path) -> Command {
    let folder = folder().join("nft-only");
    let mut command = with("/usr/sbin/ferm", &[], file);
    command.env("PATH", folder);
    command
}

fn with(program: &str, arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).arg(file);
    command
}

fn files(size: usize) -> Files {
    let folder = folder();
    let nft_only = folder.join("nft-only");
    fs::create_dir_all(&nft_only).unwrap();
    for program in ["iptables", "iptables-restore", "iptables-save"] {
        let target = format!("/usr/sbin/{}", program.replacen("iptables", "iptables-nft", 1));
        let link = nft_only.join(program);
        if !link.exists() {
            std::os::unix::fs::symlink(target, link).unwrap();
        }
    }
    let first = world::host_rules(size);
    let second = first.replacen("saddr 10.0.0.0 ", "saddr 192.0.2.1 ", 1);
    assert!(first != second);
    let mut files = Files { ferm: [PathBuf::new(), PathBuf::new()], restore: [PathBuf::new(), PathBuf::new()] };
    for (version, text) in [first, second].iter().enumerate() {
        let ferm = folder.join(format!("{size} {version}.ferm"));
        fs::write(&ferm, text).unwrap();
        let output = Command::new("ferm").args(["--noexec", "--lines"]).arg(&ferm).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let restore = folder.join(format!("{size} {version}.restore"));
        fs::write(&restore, output.stdout).unwrap();
        files.ferm[version] = ferm;
        files.restore[version] = restore;
    }
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}
