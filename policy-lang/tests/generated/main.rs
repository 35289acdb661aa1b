//! Configurations at random: ferm and palisade expand each alike, or both refuse it.
//!
//! `make test` asks about a few thousand, `PALISADE_LONG=1` about fifty thousand. `PALISADE_SEED=N` begins with another
//! seed. Needs Debian's ferm and the right to make a network namespace; where either is missing the test says so and
//! passes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]
#![expect(clippy::print_stdout, reason = "a skipped test says why, and a run says how much it saw")]
#![expect(clippy::disallowed_methods, reason = "the judge is a program")]

mod configuration;
#[path = "../host/disk.rs"]
#[expect(dead_code, reason = "other tests read the corpus")]
mod disk;
#[path = "../host/judge.rs"]
mod judge;
#[path = "../host/ours.rs"]
mod ours;
mod random;

use std::path::{Path, PathBuf};

use crate::judge::Asked;
use crate::ours::ours;

/// Configurations in `make test`.
const SHORT: u64 = 2_000;
/// Configurations with `PALISADE_LONG=1`.
const LONG: u64 = 50_000;
/// Configurations that are written and judged at a time.
const BATCH: u64 = 1_000;
/// Differences that are shown.
const SHOWN: usize = 40;
/// What palisade refuses and ferm takes, as docs/host/deviations.md says.
const DEVIATIONS: [&str; 2] = ["there is no table `", "`policy` cannot depend on matches"];

#[test]
fn ferm_and_palisade_agree_on_configurations_at_random() {
    if let Some(reason) = judge::missing() {
        println!("skipped: {reason}");
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("PALISADE_SEED").unwrap_or(1);
    let n = if std::env::var_os("PALISADE_LONG").is_some() { LONG } else { SHORT };
    let folder = std::env::temp_dir().join(format!("palisade-generated-{}", std::process::id()));
    let (mut differing, mut n_expanded, mut n_rules, mut n_died) = (Vec::new(), 0_u64, 0_usize, 0_u64);
    let mut n_refused: u64 = 0;
    for start in (first..first + n).step_by(usize::try_from(BATCH).unwrap()) {
        let seeds: Vec<u64> = (start..(start + BATCH).min(first + n)).collect();
        prepare(&folder);
        let asked: Vec<Asked> = seeds.iter().map(|seed| write(&folder, *seed)).collect();
        for ((seed, asked), ferm) in seeds.iter().zip(&asked).zip(judge::ferm(&asked)) {
            match (ferm, ours(&asked.path, &[])) {
                (Ok(theirs), Ok(ours)) if theirs == ours => {
                    n_expanded += 1;
                    n_rules += ours.lines().filter(|line| line.starts_with("-A ")).count();
                }
                (Err(_), Err(_)) => {}
                // ferm stumbles over its own feet here and there, for example over a negated protocol in a subchain.
                (Err(complaint), Ok(_)) if complaint.lines().any(|line| line.starts_with("Died at ")) => n_died += 1,
                (Ok(_), Err(refusal)) if DEVIATIONS.iter().any(|known| refusal.contains(known)) => n_refused += 1,
                (theirs, ours) => differing.push(report(*seed, &theirs, &ours)),
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!(
        "{n} configurations from seed {first} on: {n_expanded} expand to {n_rules} rules, ferm dies of {n_died}, \
         palisade alone refuses {n_refused}, the others are refused by both"
    );
    let shown: Vec<&str> = differing.iter().take(SHOWN).map(String::as_str).collect();
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), shown.join("\n"));
    assert!(n_died * 50 < n, "ferm dies of too many");
    assert!(n_refused * 1_000 < n.max(BATCH), "palisade refuses too many");
    assert!(n_expanded > n / 4, "too few of the configurations say anything");
}

fn prepare(folder: &Path) {
    for (name, text) in configuration::INCLUDED {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn write(folder: &Path, seed: u64) -> Asked {
    let path: PathBuf = folder.join(format!("{seed}.ferm"));
    std::fs::write(&path, configuration::configuration(seed)).unwrap();
    Asked { path, options: Vec::new() }
}

fn report(seed: u64, ferm: &judge::Verdict, ours: &judge::Verdict) -> String {
    let told = |verdict: &judge::Verdict| match verdict {
        Ok(text) => text.clone(),
        Err(complaint) => format!("refused: {complaint}"),
    };
    let (theirs, ours) = (told(ferm), told(ours));
    let n_alike = theirs.lines().zip(ours.lines()).take_while(|(theirs, ours)| theirs == ours).count();
    let rest = |text: &str| text.lines().skip(n_alike).take(8).collect::<Vec<_>>().join("\n  ");
    let text = configuration::configuration(seed);
    format!("seed {seed}: {text}\nferm:\n  {}\npalisade:\n  {}\n", rest(&theirs), rest(&ours))
}
