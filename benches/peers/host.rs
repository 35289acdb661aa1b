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

/// Times less processor time than ferm, from a size on.
const LESS_THAN_FERM: f64 = 20.0;

/// From here on, which is where a site feels what loading costs.
const LARGE: usize = 1_000;

/// Each size, and how often it is loaded.
const SIZES: [(usize, usize); 4] = [(100, 5), (1_000, 5), (10_000, 5), (100_000, 2)];

/// The files of one size: as first loaded, and with one line changed.
struct Files {
    ferm: [PathBuf; 2],
    restore: [PathBuf; 2],
    /// What palisade compiles them to, as text for `nft -f`; the second one deletes the table first, as such files do.
    nft: [PathBuf; 2],
}

/// What loads a file.
struct Contestant {
    name: &'static str,
    command: fn(&Files, version: usize) -> Command,
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant { name: "palisade", command: |files, version| ours(&files.ferm[version]) },
    Contestant { name: "nft -f", command: |files, version| with("nft", &["-f"], &files.nft[version]) },
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

/// The tables: processor time, and memory.
pub(crate) fn tables() -> [Table; 2] {
    let (mut rows, mut peaks) = (Vec::new(), Vec::new());
    for (size, rounds) in SIZES {
        let files = files(size);
        peaks.extend(memory(size, &files));
        let mut series: Vec<[Series; 2]> =
            CONTESTANTS.iter().map(|contestant| [0, 1].map(|_| Series::new(contestant.name))).collect();
        for _ in 0..rounds {
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
                let goal = match peer[version].name.as_str() {
                    "ferm" if size >= LARGE => Goal::AtLeast(LESS_THAN_FERM),
                    "nft -f" => Goal::AtLeast(1.0),
                    _ => Goal::Nothing,
                };
                rows.push(Row {
                    case: format!("{size} host rules, {case}"),
                    subject: ours[version].clone(),
                    peer: peer[version].clone(),
                    inverted: true,
                    goal,
                });
            }
        }
    }
    let ratio = "peer / palisade";
    [
        Table { name: "host", title: "Host rules from a file to the kernel", unit: "ms of CPU", ratio, rows },
        Table {
            name: "host-memory",
            title: "Host rules from a file to the kernel, memory at the most",
            unit: "MB",
            ratio,
            rows: peaks,
        },
    ]
}

/// The first load of each, once: what a program has resident hardly varies.
fn memory(size: usize, files: &Files) -> Vec<Row> {
    let of = |contestant: &Contestant| {
        let namespace = Namespace::new(contestant.name).unwrap();
        let peak = cost::peak_of_program(&namespace, &mut (contestant.command)(files, 0));
        Series { name: contestant.name.to_owned(), figures: vec![peak] }
    };
    let [ours, peers @ ..] = &CONTESTANTS;
    let ours = of(ours);
    // ferm to nft is the same program.
    let peers = peers.iter().filter(|peer| peer.name != "ferm to nft");
    peers
        .map(|peer| Row {
            case: format!("{size} host rules"),
            subject: ours.clone(),
            peer: of(peer),
            inverted: true,
            goal: if peer.name == "nft -f" { Goal::AtLeast(1.0) } else { Goal::Nothing },
        })
        .collect()
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
    let none = || [PathBuf::new(), PathBuf::new()];
    let mut files = Files { ferm: none(), restore: none(), nft: none() };
    for (version, text) in [first, second].iter().enumerate() {
        let ferm = folder.join(format!("{size} {version}.ferm"));
        fs::write(&ferm, text).unwrap();
        let output = Command::new("ferm").args(["--noexec", "--lines"]).arg(&ferm).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let restore = folder.join(format!("{size} {version}.restore"));
        fs::write(&restore, output.stdout).unwrap();
        let compiled =
            Command::new(env!("CARGO_BIN_EXE_palisade")).args(["compile", "--host"]).arg(&ferm).output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let nft = folder.join(format!("{size} {version}.nft"));
        let first: &[u8] = if version == 0 { b"" } else { b"delete table inet palisade\n" };
        fs::write(&nft, [first, &compiled.stdout].concat()).unwrap();
        files.nft[version] = nft;
        files.ferm[version] = ferm;
        files.restore[version] = restore;
    }
    files
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}
