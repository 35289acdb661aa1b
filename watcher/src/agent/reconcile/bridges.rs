//! Looks now and then whether bridges of the node hide pods from what is enforced.

use std::time::{Duration, Instant};

use engine::kernel::Kernel;

use super::Agent;
use crate::bridges;

/// How often: whoever turns `br_netfilter` off tells nobody.
const EVERY: Duration = Duration::from_secs(15);

impl<K: Kernel> Agent<K> {
    /// Counts the bridges between whose pods nothing is enforced.
    pub(super) fn look_at_bridges(&mut self, now: Instant) {
        if self.bridges_seen.is_some_and(|at| now.saturating_duration_since(at) < EVERY) {
            return;
        }
        let (Some((_, inventory)), Some(ruleset)) = (self.world.compiled_facts(), self.world.ruleset()) else { return };
        self.bridges_seen = Some(now);
        // What cannot be read stays as it was told last.
        if let Ok(unseen) = bridges::unseen(ruleset, inventory, &self.world.settings().node) {
            self.board.metrics.bridges.set(i64::try_from(unseen.len()).unwrap_or(i64::MAX));
        }
    }
}
