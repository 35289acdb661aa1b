//! Twins: two routers in namespaces of their own, one with ferm's output through iptables, the other with what palisade
//! makes of the same file. Both get the same packets, and what comes of each has to be the same: delivered, sent on or
//! dropped, with which addresses, ports, marks and class, and which error or reset comes back.
//!
//! The packets come from the constants of ferm's output: for every rule one that matches it, then one for each edge of
//! each constant and one just beside it; what arrives is answered, continued, and complained about by an ICMP error.
//!
//! What is absent: an expectation. Neither side is told what should come out.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::compile::failsafe;
use engine::compile::host::Names;
use engine::compile::{HostInput, compile_host};
use engine::ruleset::{Expr, Ruleset};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use policy_lang::diagnostic::Severity;
use policy_lang::host::Surroundings;
use policy_lang::source::Sources;
use watcher::source::host_files::HostFiles;

use self::configurations::{Configuration, Folder, sets_of};
use self::ferm::{Backend, Expanded};
use self::pair::{Compared, Pair};
use crate::privilege::{can_make_namespaces, report, skip};

mod clock;
mod configurations;
mod draw;
mod edits;
mod event;
mod expectations;
mod ferm;
mod link;
mod observer;
mod packet;
mod pair;
mod parts;
mod probes;
mod proxied;
mod queued;
mod router;
mod rules;
mod sequence;

/// How many configurations are drawn, and how many probes each gets at most.
const DRAWN: u64 = 520;
const PROBES: usize = 120;
const DRAWN_LONG: u64 = 4500;
const PROBES_LONG: usize = 240;
/// What has to be compared at least.
const CONFIGURATIONS_MIN: usize = 250;
const PROBES_MIN: usize = 20_000;
const PROBES_MIN_LONG: usize = 200_000;

/// As many pairs of routers at a time as there are processors in a small machine.
const WORKERS: usize = 2;
/// Connections of so many configurations are remembered by one pair.
const PER_PAIR: usize = 50;

/// What is known to differ, and why it may: each is in docs/host/deviations.md.
const MAY_DIFFER: &[(&str, &str)] = &[
    ("ferm/language/builtin-ne-arrays.ferm", "an array is equal to itself"),
    (
        "state/errors about what is not tracked",
        "iptables' NOTRACK leaves alone what the kernel sends about such packets",
    ),
    ("drawn/1179", "the same"),
    ("sequence/some of the packets", "each kernel draws for itself; sequences count how often"),
    ("state/connections that a few may have", "iptables counts a connection that it refused for longer than nftables"),
];

/// Configurations whose packets come one tick of the kernel's clock after the other. A second packet of a connection that
/// comes within the tick of another packet can be counted as one connection more, on either side and by chance.
const COUNT_CONNECTIONS: &[&str] = &["sequence/few connections of a network", "sequence/few connections at a time"];

/// Configurations that only the newer backend of iptables judges: the older one looks behind an AH.
const NEWER: &[&str] = &["parts/authentication headers"];

/// More than the longest tick there is, at 100 Hz.
const TICK: Duration = Duration::from_millis(11);

/// What came of one configuration.
#[derive(Debug)]
enum Fate {
    Compared(Compared),
    /// ferm complains.
    NoConfiguration,
    /// palisade refuses something.
    Refused,
    /// Packets wait for programs, which kernels that have the rest may not have.
    Queued,
    /// iptables does not take what ferm says, and why.
    NotLoaded(String),
}

/// Whether this machine can be both routers; if not, says so.
fn can_compare(test: &str) -> bool {
    if !can_make_namespaces(test) {
        return false;
    }
    let missing = ferm::missing();
    if let Some(reason) = missing {
        skip(test, reason);
    }
    missing.is_none()
}

#[test]
fn both_routers_say_the_same_of_every_packet() {
    if !can_compare("both_routers_say_the_same") {
        return;
    }
    let is_long = std::env::var_os("PALISADE_LONG").is_some();
    let (drawn, most, probes_min) =
        if is_long { (DRAWN_LONG, PROBES_LONG, PROBES_MIN_LONG) } else { (DRAWN, PROBES, PROBES_MIN) };
    let start = Instant::now();
    let folder = Folder::new(drawn);
    let only = std::env::var("PALISADE_TWIN").unwrap_or_default();
    let configurations: Vec<Configuration> =
        folder.configurations.iter().filter(|configuration| configuration.name.contains(&only)).cloned().collect();
    let fates = judge(&configurations, most);
    let mut compared = Compared::default();
    let mut n_compared = 0;
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing = 0;
    for (Configuration { name, path }, fate) in configurations.iter().zip(fates) {
        match fate {
            Fate::Compared(found) => {
                n_compared += 1;
                compared.probes += found.probes;
                compared.packets += found.packets;
                if !found.differences.is_empty() && !MAY_DIFFER.iter().any(|(known, _)| *known == name) {
                    differing += 1;
                    let text = std::fs::read_to_string(path).unwrap();
                    let first: Vec<&str> = found.differences.iter().take(4).map(String::as_str).collect();
                    report(&format!(
                        "{name}: {} differences\n{text}\n  {}\n",
                        found.differences.len(),
                        first.join("\n  ")
                    ));
                }
            }
            Fate::NoConfiguration => *others.entry("refused by ferm").or_default() += 1,
            Fate::Queued => *others.entry("with queues").or_default() += 1,
            Fate::Refused => *others.entry("refused by palisade").or_default() += 1,
            Fate::NotLoaded(complaint) => {
                *others.entry("not taken by iptables").or_default() += 1;
                report(&format!("{name}: {complaint}"));
            }
        }
    }
    report(&format!(
        "{n_compared} configurations, {} probes, {} packets through each router in {:?}; left out: {others:?}",
        compared.probes,
        compared.packets,
        start.elapsed()
    ));
    assert_eq!(differing, 0, "configurations of which the routers say different things");
    if only.is_empty() {
        assert!(n_compared >= CONFIGURATIONS_MIN, "{n_compared} configurations");
        assert!(compared.probes >= probes_min, "{} probes", compared.probes);
    }
}

/// Judges all configurations, several at a time.
fn judge(configurations: &[Configuration], most: usize) -> Vec<Fate> {
    let paths: Vec<_> = configurations.iter().map(|configuration| configuration.path.clone()).collect();
    let half = paths.len().div_ceil(WORKERS).max(1);
    let expanded: Vec<Option<Expanded>> = std::thread::scope(|scope| {
        let mut parts = Vec::new();
        for part in paths.chunks(half) {
            parts.push(scope.spawn(|| ferm::expand(part)));
        }
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let next = AtomicUsize::new(0);
    let fates: Mutex<BTreeMap<usize, Fate>> = Mutex::default();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (next, fates, expanded) = (&next, &fates, &expanded);
            scope.spawn(move || {
                stay_on(worker);
                let mut pair = None;
                let mut n_compared = 0;
                loop {
                    let idx = next.fetch_add(1, Ordering::Relaxed);
                    let Some(configuration) = configurations.get(idx) else { break };
                    if n_compared % PER_PAIR == 0 {
                        pair = None;
                    }
                    let expanded = expanded[idx].as_ref();
                    let fate = judge_one(configuration, expanded, idx, most, &mut pair);
                    n_compared += usize::from(matches!(fate, Fate::Compared(_)));
                    fates.lock().unwrap().insert(idx, fate);
                }
            });
        }
    });
    fates.into_inner().unwrap().into_values().collect()
}

fn judge_one(
    configuration: &Configuration,
    expanded: Option<&Expanded>,
    idx: usize,
    most: usize,
    pair: &mut Option<Pair>,
) -> Fate {
    let Some(expanded) = expanded else { return Fate::NoConfiguration };
    let Some(ruleset) = compiled(configuration) else { return Fate::Refused };
    let rules = ruleset.tables.values().flat_map(|table| table.chains.values()).flat_map(|chain| &chain.rules);
    if rules.flat_map(|rule| &rule.exprs).any(|expr| matches!(expr, Expr::Queue(_))) {
        return Fate::Queued;
    }
    let is_newer = idx.is_multiple_of(2) || NEWER.contains(&&*configuration.name);
    let backend = if is_newer { Backend::Nft } else { Backend::Legacy };
    let pair = pair.get_or_insert_with(Pair::new);
    pair.pace(COUNT_CONNECTIONS.contains(&&*configuration.name).then_some(TICK));
    let fate = match pair.load(backend, expanded) {
        Ok(()) => Fate::Compared(pair.compare(backend, expanded, &ruleset, most)),
        Err(complaint) => Fate::NotLoaded(complaint),
    };
    pair.unload(backend);
    fate
}

/// What palisade makes of it; nothing if it refuses anything.
fn compiled(configuration: &Configuration) -> Option<Ruleset> {
    let mut sources = Sources::default();
    let path = configuration.path.display().to_string();
    let sets = Some(sets_of(&configuration.path)).filter(|sets| sets.exists());
    let ipsets: Vec<String> = sets.into_iter().map(|sets| sets.display().to_string()).collect();
    let surroundings = Surroundings { ipsets: &ipsets, ..Surroundings::of_files(&HostFiles) };
    let (rules, mut findings) = policy_lang::host::parse_in(&path, surroundings, &[], &mut sources);
    let mut names = Names::built_in();
    names.add_users(&std::fs::read_to_string("/etc/passwd").unwrap());
    names.add_groups(&std::fs::read_to_string("/etc/group").unwrap());
    let failsafes = &failsafe::NONE;
    let (ruleset, found) = compile_host(HostInput { rules: &rules, names: &names, sources: &sources, failsafes });
    findings.extend(found);
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    if is_refused && std::env::var_os("PALISADE_TWIN").is_some() {
        report(&format!("{}: {findings:#?}", configuration.name));
    }
    (!is_refused).then_some(ruleset)
}

/// Packets between namespaces wait in a queue of the processor that sends them, so a sender that stays on one sees
/// them come in the order in which it sent them.
fn stay_on(worker: usize) {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let usable: Vec<usize> = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    let mut one = CpuSet::new();
    one.set(usable[worker % usable.len()]).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}
