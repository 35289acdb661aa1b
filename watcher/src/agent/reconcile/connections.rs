//! Live connections: judged once what they are judged by is in force, and looked after while they are cut.
//!
//! Changes never wait for this: a batch that is due goes first, and what several batches concern is judged once.

use std::time::{Duration, Instant};

use engine::kernel::Kernel;
use tracing::{info, warn};

use super::super::schedule::{self, Schedule};
use super::{Agent, TICK};

/// How often it is looked whether those that are cut are so still, while there are any.
const LOOK: Duration = Duration::from_secs(2);

/// When connections are to be judged, and when those that are cut were looked at.
#[derive(Debug)]
pub(super) struct Turn {
    judging: Schedule,
    /// Whether any were judged, or tried to be.
    has_begun: bool,
    looked: Option<Instant>,
    /// An attempt failed, and it was said.
    has_failed: bool,
}

impl Default for Turn {
    fn default() -> Self {
        Self { judging: Schedule::new(schedule::JUDGING), has_begun: false, looked: None, has_failed: false }
    }
}

impl<K: Kernel> Agent<K> {
    /// How long nothing is due, if nothing happens.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let patience = self.keeper.patience(self.schedule.patience(now, TICK));
        self.connections.judging.patience(now, patience)
    }

    /// What an earlier run left is judged before anybody is told that this one is ready.
    pub(super) fn judge_at_first(&mut self, now: Instant) {
        if !self.connections.has_begun && self.enforcer.has_unjudged() {
            self.judge(now);
        }
    }

    /// Judges and looks at those whose turn it is.
    pub(super) fn look_at_connections(&mut self, now: Instant) {
        if self.enforcer.has_unjudged() {
            self.connections.judging.want(now);
            if self.connections.judging.is_due(now) {
                self.judge(now);
            }
        }
        // What is not judged yet may be permitted by now.
        let may_look = self.enforcer.n_cut() > 0 && !self.enforcer.has_unjudged();
        if may_look && self.connections.looked.is_none_or(|at| now >= at + LOOK) {
            self.connections.looked = Some(now);
            self.cut_again();
        }
    }

    fn judge(&mut self, now: Instant) {
        self.connections.has_begun = true;
        let begun = Instant::now();
        let judged = self.enforcer.judge();
        let took = begun.elapsed();
        let now = now + took;
        match judged {
            Ok(outcome) => {
                self.connections.has_failed = false;
                self.connections.judging.done(now, took);
                self.board.metrics.revoked.inc_by(u64::try_from(outcome.n_revoked).unwrap_or(u64::MAX));
                if outcome.n_revoked + outcome.n_restored > 0 {
                    info!(event = "connections", cut = outcome.n_revoked, restored = outcome.n_restored);
                }
            }
            Err(error) => {
                self.connections.judging.failed(now);
                if !std::mem::replace(&mut self.connections.has_failed, true) {
                    warn!(event = "connections-not-judged", %error, "those that are no longer permitted may live on");
                }
            }
        }
        self.board.metrics.cut.set(i64::try_from(self.enforcer.n_cut()).unwrap_or(i64::MAX));
    }

    /// What fails here is tried again at the next look.
    fn cut_again(&mut self) {
        match self.enforcer.look_at_cut() {
            Ok(0) => {}
            Ok(n) => {
                self.board.metrics.cut_again.inc_by(u64::try_from(n).unwrap_or(u64::MAX));
                warn!(
                    event = "connections-cut-again",
                    n, "another program had changed their conntrack marks, and they went on"
                );
            }
            Err(error) => warn!(event = "connections-not-looked-at", %error),
        }
        self.board.metrics.cut.set(i64::try_from(self.enforcer.n_cut()).unwrap_or(i64::MAX));
    }
}
