//! Truth tables from tests/data/netns: compiled, loaded on every node, and held by all three opinions.

use std::fmt::Write as _;
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use watcher::demo::World;

use self::cluster::Cluster;
use self::flows::Flow;
use self::script::Script;
use self::stage::{Act, Arena};
use crate::privilege::{can_make_namespaces, report};

mod cluster;
mod flows;
mod opinions;
mod pods;
mod script;
mod stage;

/// How many cases are under way at once.
const WORKERS: usize = 4;
/// Most differences of a case that are shown.
const SHOWN: usize = 12;

/// The 48 traffic scenarios of Kubernetes' end-to-end suite, and their neighbours.
#[test]
fn scenarios() {
    group("scenarios");
}

/// What implementations most often get wrong.
#[test]
fn semantics() {
    group("semantics");
}

/// Policies, baseline and host rules on one node.
#[test]
fn sources_together() {
    group("together");
}

/// What is the same for all cases of a folder.
struct Group {
    name: &'static str,
    cluster: Cluster,
    /// The folder's `topology`.
    described: String,
    cases: Vec<(String, Script)>,
}

/// What came of some cases.
#[derive(Default)]
struct Tally {
    asked: usize,
    failures: String,
}

/// Runs every case of a folder, or those whose names begin with `PALISADE_CASE`, several at the same time: most of it
/// is waiting for packets that do not come.
fn group(name: &'static str) {
    if !can_make_namespaces(name) {
        return;
    }
    let group = Group::read(name);
    let next = AtomicUsize::new(0);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| group.run(&next))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let failures: String = tallies.iter().map(|tally| tally.failures.as_str()).collect();
    assert!(failures.is_empty(), "{failures}");
    let asked: usize = tallies.iter().map(|tally| tally.asked).sum();
    report(&format!("{name}: {} cases, {asked} questions, three opinions agree on each", group.cases.len()));
}

impl Group {
    fn read(name: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/netns").join(name);
        let wanted = std::env::var("PALISADE_CASE").unwrap_or_default();
        let (mut cluster, mut described, mut cases) = (Cluster::default(), String::new(), Vec::new());
        for path in entries(&folder) {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            match path.extension().map(|extension| extension.to_str().unwrap()) {
                Some("case") if stem.starts_with(&wanted) => cases.push((stem, Script::parse(&text))),
                Some("case") => {}
                Some("yaml") => cluster.apply(&text),
                Some(_) | None => described = text,
            }
        }
        assert!(!cases.is_empty(), "no cases in {}", folder.display());
        Self { name, cluster, described, cases }
    }

    /// Runs cases until none is left: each in a laboratory of its own, or in the one that this worker has for the rest.
    fn run(&self, next: &AtomicUsize) -> Tally {
        let mut tally = Tally::default();
        let mut common = None;
        while let Some((case, script)) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let acts = Act::all(script, self.cluster.clone());
            let own = script
                .lab
                .as_ref()
                .map(|described| Arena::new(acts.iter().map(|act| &act.world), described, script.tables()));
            let arena = match &own {
                Some(own) => own,
                None => common.get_or_insert_with(|| self.common()),
            };
            let mut held = Vec::new();
            let mut before = None;
            for act in &acts {
                tally.play(act, before, arena, &mut held, &format!("{}/{case}", self.name));
                before = Some(&act.world);
            }
        }
        tally
    }

    /// The laboratory of the cases that have none of their own.
    fn common(&self) -> Arena {
        let world = self.cluster.world();
        let scripts = self.cases.iter().filter(|(_, script)| script.lab.is_none());
        Arena::new([&world], &self.described, scripts.flat_map(|(_, script)| script.tables())).forgetful()
    }
}

impl Tally {
    fn play(&mut self, act: &Act, before: Option<&World>, arena: &Arena, held: &mut Vec<Flow>, case: &str) {
        let (found, questions) = act.played(before, arena, held);
        self.asked += questions;
        if let Some((opinion, reason)) = &act.expectation.without {
            report(&format!("left out: {case}: == {}: the {opinion}: {reason}", act.heading));
        }
        if !found.is_empty() {
            let shown = found.iter().take(SHOWN).fold(String::new(), |text, line| text + "  " + line + "\n");
            write!(self.failures, "\n{case}: == {} ({} differences)\n{shown}", act.heading, found.len()).unwrap();
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
