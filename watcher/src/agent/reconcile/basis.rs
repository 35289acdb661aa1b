//! What an attempt is to put in force.

use std::time::Instant;

use engine::kernel::Kernel;

use super::super::baseline;
use super::super::board::Enforcing;
use super::super::event::SourceName;
use super::super::host::Origin;
use super::super::world::{Facts, World};
use super::Agent;

/// What is to be enforced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Basis {
    /// Nothing new: what is in force stays.
    Nothing,
    /// What was kept.
    LastGood,
    /// What the sources say, and for those that are silent what was kept.
    StopGap,
    /// What the sources say.
    Sources,
}

impl<K: Kernel> Agent<K> {
    /// By what is known.
    pub(super) fn basis(&self, now: Instant) -> Basis {
        // The first batch waits until it is known how host rules that have changed are to be tried.
        let is_asking = self.host.is_asking() && self.enforcing != Enforcing::Sources;
        if self.gate.is_open() && !is_asking {
            return Basis::Sources;
        }
        let objects_are_silent = self.gate.silent().any(is_of_objects);
        if self.gate.is_patience_over(now) {
            // Without any object told, what an earlier run left is better than what can be made.
            let is_better = !objects_are_silent || self.enforcing != Enforcing::Adopted;
            return if is_better { Basis::StopGap } else { Basis::Nothing };
        }
        // What was adopted may be newer than what was kept, and so it stays, unless others took it away.
        if self.last_good.is_some() && self.enforcing != Enforcing::Adopted { Basis::LastGood } else { Basis::Nothing }
    }

    /// What the sources say, and for those that are silent what was kept.
    pub(super) fn stop_gap(&mut self) -> Facts {
        let mut facts = self.world.facts();
        let kept = self.last_good.as_mut().map(World::facts);
        let silent: Vec<SourceName> = self.gate.silent().cloned().collect();
        if silent.contains(&SourceName::baseline()) {
            facts.baseline = match &kept {
                Some(kept) => kept.baseline.clone(),
                None => baseline::unknown(&self.state).policies,
            };
        }
        facts.host = self.host.with_kept();
        let Some(kept) = kept else { return facts };
        if silent.iter().any(is_of_objects) {
            (facts.policies, facts.inventory) = (kept.policies, kept.inventory);
        }
        facts
    }
}

fn is_of_objects(source: &SourceName) -> bool {
    *source != SourceName::baseline() && Origin::of(source).is_none()
}
