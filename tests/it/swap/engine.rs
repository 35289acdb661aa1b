//! The swapper under test: the compiler's rulesets, the engine's plans.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use engine::apply::{Outcome, Step, apply};
use engine::kernel::Kernel;
use engine::observed::TableFlags;
use engine::ruleset::Ruleset;

use super::Swapper;
use super::cluster::{PEERS, ruleset};

/// Applies what the compiler makes of a generation.
#[derive(Debug)]
pub(super) struct Engine<K> {
    kernel: K,
    /// How many generations there are, an even number; after the last comes the first again.
    generations: u32,
    peers: u32,
    /// What has been compiled, by generation and peers: the load shall meet swaps, not compiles.
    rulesets: BTreeMap<(u32, u32), Ruleset>,
}

impl<K: Kernel> Engine<K> {
    pub(super) fn new(kernel: K, generations: u32) -> Self {
        Self::of(kernel, generations, ruleset)
    }

    /// The same with rulesets of another kind, by generation and peers.
    pub(super) fn of(kernel: K, generations: u32, ruleset: fn(u32, u32) -> Ruleset) -> Self {
        let cases = (0..generations).flat_map(|generation| (0..1 << PEERS).map(move |peers| (generation, peers)));
        let rulesets = cases.map(|(generation, peers)| ((generation, peers), ruleset(generation, peers))).collect();
        Self { kernel, generations, peers: 0, rulesets }
    }

    fn apply(&mut self, generation: u32) -> Outcome {
        let desired = &self.rulesets[&(generation % self.generations, self.peers)];
        let watch = &mut |_: Step<'_>| ControlFlow::Continue(());
        let outcome = apply(&mut self.kernel, desired, TableFlags::default(), watch).unwrap();
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        outcome
    }
}

impl<K: Kernel> Swapper for Engine<K> {
    fn install(&mut self) {
        self.apply(0);
    }

    fn swap(&mut self, generation: u32) {
        let outcome = self.apply(generation);
        assert!(outcome.n_commits >= 3, "no structural swap: {outcome:?}");
    }

    fn touch(&mut self, generation: u32, update: u32) {
        self.peers ^= 1 << (update % PEERS);
        let outcome = self.apply(generation);
        assert_eq!(outcome.n_commits, 1, "more than an update of elements: {outcome:?}");
    }
}

#[test]
fn the_swapper_swaps() {
    let mut swapper = Engine::new(engine::kernel::fake::Fake::current(), 4);
    swapper.install();
    for generation in 1..=4 {
        swapper.swap(generation);
        for update in 0..4 {
            swapper.touch(generation, generation * 4 + update);
        }
    }
}
