//! How an attempt went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::apply::ApplyError;
use engine::kernel::{Kernel, KernelError};
use tracing::{error, info, warn};

use super::super::board::Enforcing;
use super::super::causes::with_causes;
use super::super::enforcer::Done;
use super::super::metrics::Phase;
use super::Agent;
use super::basis::Basis;
use crate::last_good;

impl<K: Kernel> Agent<K> {
    /// Takes note of what is in force now, and tells of it.
    pub(super) fn done(&mut self, basis: Basis, done: &Done, compiled: Duration) {
        let Done { n_ops, failures, took, waited, parts } = done;
        let now = Instant::now();
        let board = Arc::clone(&self.board);
        let metrics = &board.metrics;
        // The wait costs nothing that the next batch should make up for.
        self.schedule.done(now, compiled + took.saturating_sub(*waited));
        self.must_compare = false;
        self.last_failure = None;
        metrics.failures.set(0);
        metrics.succeeded();
        metrics.took(Phase::Compile, compiled);
        metrics.took(Phase::Apply, *took);
        for (part, took) in parts {
            metrics.took(Phase::Part(*part), *took);
        }
        for failure in failures {
            warn!(event = "refused-at-first", failure, "another plan got round it");
        }
        let before = self.enforcing;
        self.enforcing = match basis {
            Basis::Sources => Enforcing::Sources,
            Basis::Nothing | Basis::LastGood | Basis::StopGap => Enforcing::LastGood,
        };
        if *n_ops > 0 || before != self.enforcing {
            self.generation += 1;
            self.put_in_force = Some(now);
            metrics.put_in_force(self.generation);
            let (compile_ms, apply_ms) = (compiled.as_millis(), took.as_millis());
            info!(event = "applied", generation = self.generation, enforcing = ?self.enforcing, ops = n_ops, compile_ms, apply_ms);
        }
        self.counts.are_stale = true;
        match basis {
            Basis::Sources | Basis::StopGap => {
                self.host.is_in_force(now);
                self.keep_trials();
            }
            Basis::Nothing | Basis::LastGood => {}
        }
        if basis == Basis::StopGap {
            // What sources told is in force; those that are silent told nothing.
            self.oldest = None;
        }
        if basis != Basis::Sources {
            return;
        }
        self.pods.in_force(now, metrics);
        if let Some(oldest) = self.oldest.take() {
            metrics.delayed(now.saturating_duration_since(oldest));
            self.keeper.want(now);
        }
        self.last_good = None;
        if let Some(texts) = self.baseline.texts.take()
            && let Err(error) = last_good::keep(&self.state, &texts)
        {
            warn!(event = "baseline-not-kept", %error);
            self.baseline.texts = Some(texts);
        }
    }

    /// Takes note of an attempt that failed.
    pub(super) fn failed(&mut self, error: &ApplyError) {
        self.must_compare = true;
        let wait = self.schedule.failed(Instant::now());
        let mut why = with_causes(error);
        let is_denied = matches!(error, ApplyError::Kernel { source: KernelError::Denied(_), .. });
        if is_denied && self.enforcer.has_owner() {
            why.push_str("; the table is owned by another process, perhaps another agent");
        }
        let failures = self.schedule.n_failures();
        error!(event = "apply-failed", failures, why, again_in_ms = wait.as_millis());
        self.board.metrics.failed(error);
        self.board.metrics.failures.set(i64::from(failures));
        self.last_failure = Some(why);
    }
}
