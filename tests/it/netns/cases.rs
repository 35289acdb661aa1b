//! Truth tables from tests/data/netns: compiled, loaded on every node, and held by all three opinions.

use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use watcher::demo::World;

use self::arena::Arena;
use self::flows::Flow;
use self::group::Group;
use self::stage::Act;
use crate::privilege::{can_make_namespaces, report};

mod arena;
mod cluster;
mod flows;
mod group;
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
