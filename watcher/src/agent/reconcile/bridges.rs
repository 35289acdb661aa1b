//! Looks now and then whether bridges of the node hide pods from what is enforced.

use std::time::{Duration, Instant};

use engine::compile::bridge;
use engine::kernel::Kernel;
use engine::ruleset::{Family, TableKey};

use super::Agent;
use crate::bridges::{self, Roots};

/// How often: whoever turns `br_netfilter` off tells nobody.
const EVERY: Duration = Duration::from_secs(15);

impl<K: Kernel> Agent<K> {
    /// Counts the bridges between whose pods nothing is enforced; none where a table judges on the bridges themselves.
    pub(super) fn look_at_bridges(&mut self, now: Instant) {
        if self.bridges_seen.is_some_and(|at| now.saturating_duration_since(at) < EVERY) {
            return;
        }
        let Some((_, inventory)) = self.world.compiled_facts() else { return };
        self.bridges_seen = Some(now);
        let on_bridges = TableKey::ours(Family::Bridge);
        if self.world.ruleset().is_some_and(|ruleset| ruleset.tables.contains_key(&on_bridges)) {
            self.board.metrics.bridges.set(0);
            return;
        }
        // What cannot be read stays as it was told last.
        if let Ok(facts) = bridges::read(&Roots::default()) {
            let unseen = bridge::unseen(&facts, inventory, &self.world.settings().node);
            self.board.metrics.bridges.set(i64::try_from(unseen.len()).unwrap_or(i64::MAX));
        }
    }
}
