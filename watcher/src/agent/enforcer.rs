//! The end of the loop that the kernel sees: applies, has live connections judged, and finds out what others changed.
//!
//! Invariant: whatever fails, one whole generation is in force, and nothing is remembered as in force that is not.

use std::time::{Duration, Instant};

use engine::apply::{ApplyError, InForce, Phase, apply, our_tables};
use engine::compile::options::LocalPods;
use engine::kernel::{Guard, Kernel, KernelError};
use engine::observed::TableFlags;
use engine::plan::{Op, OpKind, Round};
use engine::revoke;
use engine::ruleset::{Element, ElementKey, Ruleset};

use self::stopwatch::Stopwatch;
use crate::flows::{Before, FlowsError};
use crate::grace;

mod stopwatch;

/// Judges live connections.
pub type Judge = Box<dyn FnMut(Before<'_>, &Ruleset, &LocalPods) -> Result<revoke::Outcome, FlowsError> + Send>;

/// Who may change our tables besides this process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Ownership {
    /// Nobody, where the kernel can tell; elsewhere what others change is repaired.
    #[default]
    WherePossible,
    /// Everybody: what others change is repaired.
    Shared,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Operations that were committed; none if the kernel had it all.
    pub n_ops: usize,
    /// What was refused at first, and another plan got round.
    pub failures: Vec<String>,
    /// How long it took, without the judging.
    pub took: Duration,
    /// How long each part of that took.
    pub parts: Vec<(Phase, Duration)>,
    /// What became of live connections.
    pub flows: Flows,
}

/// What became of live connections.
#[derive(Clone, Debug, Default)]
pub enum Flows {
    /// Nothing was to be judged.
    #[default]
    NotAsked,
    /// They were judged.
    Judged(revoke::Outcome),
    /// They could not be: it is tried again.
    Failed(String),
}

/// The kernel, and what is in force there as far as this process knows.
pub struct Enforcer<K> {
    kernel: K,
    flags: TableFlags,
    local: LocalPods,
    judge: Judge,
    in_force: Option<Ruleset>,
    /// Whether the flows of what is in force were judged.
    is_judged: bool,
}

impl<K: Kernel> Enforcer<K> {
    /// Takes the kernel over, with whatever is in force there.
    pub fn new(kernel: K, ownership: Ownership, local: LocalPods, judge: Judge) -> Self {
        let features = kernel.features();
        // An owner whose table does not outlive it would open everything when it dies.
        let owner = features.owner && features.persist && ownership == Ownership::WherePossible;
        let flags = TableFlags { owner, persist: features.persist };
        Self { kernel, flags, local, judge, in_force: None, is_judged: false }
    }

    /// Whether nobody else can change our tables.
    pub fn is_owner(&self) -> bool {
        self.flags.owner
    }

    /// Whether there is any table of ours.
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn is_loaded(&mut self) -> Result<bool, KernelError> {
        Ok(!self.kernel.observe(&our_tables())?.tables.is_empty())
    }

    /// Whether some table of ours is owned by whoever: another, if the kernel denies us to change it.
    pub fn has_owner(&mut self) -> bool {
        let observed = self.kernel.observe(&our_tables());
        observed.is_ok_and(|observed| observed.tables.values().any(|table| table.flags.owner))
    }

    /// What is in force as far as this process knows.
    pub fn in_force(&self) -> Option<&Ruleset> {
        self.in_force.as_ref()
    }

    /// Compares with what the kernel has, and does what is to be done.
    ///
    /// # Errors
    /// [`ApplyError`], after observing and planning again, and a fresh generation, were of no use either.
    pub fn apply(&mut self, desired: &Ruleset) -> Result<Done, ApplyError> {
        let begun = Instant::now();
        let mut watch = Stopwatch::start();
        let outcome = apply(&mut self.kernel, desired, self.flags, &mut |step| {
            watch.step(step);
            grace::wait(step)
        });
        let took = begun.elapsed();
        match outcome {
            Ok(outcome) => {
                let failures = outcome.failures.iter().map(|(phase, error)| format!("{phase}: {error}")).collect();
                let flows = self.follow_flows(desired);
                Ok(Done { n_ops: outcome.n_ops, failures, took, parts: watch.finish(), flows })
            }
            Err(error) => {
                match &error {
                    ApplyError::Kernel { in_force: InForce::Desired, .. }
                    | ApplyError::Stopped { in_force: InForce::Desired } => drop(self.follow_flows(desired)),
                    ApplyError::Kernel { in_force: InForce::Previous, .. }
                    | ApplyError::Stopped { in_force: InForce::Previous }
                    | ApplyError::Endless => {}
                }
                Err(error)
            }
        }
    }

    /// Puts right what others changed; says how many operations that took.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn repair(&mut self) -> Result<usize, ApplyError> {
        let Some(in_force) = self.in_force.clone() else { return Ok(0) };
        // Whatever was in force meanwhile let through what nobody judged.
        self.is_judged = false;
        Ok(self.apply(&in_force)?.n_ops)
    }

    /// Commits changes of elements without looking at what the kernel has; if it refuses them, compares.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn follow(&mut self, round: &Round, desired: &Ruleset) -> Result<Done, ApplyError> {
        let begun = Instant::now();
        // As a whole or not at all, however large: half of a change is no state that anybody wrote.
        if let Err(error) = self.kernel.commit(&round.flip, Guard::None) {
            let mut done = self.apply(desired)?;
            done.failures.insert(0, error.to_string());
            return Ok(done);
        }
        let took = begun.elapsed();
        let flows = self.follow_flows_of(round, desired);
        Ok(Done { n_ops: round.n_ops(), failures: Vec::new(), took, parts: vec![(Phase::Flip, took)], flows })
    }

    /// Judges flows again, where that failed.
    pub fn judge_again(&mut self) -> Flows {
        match self.in_force.clone() {
            Some(in_force) if !self.is_judged => self.follow_flows(&in_force),
            Some(_) | None => Flows::NotAsked,
        }
    }

    fn follow_flows(&mut self, desired: &Ruleset) -> Flows {
        let flows = match &self.in_force {
            Some(before) if self.is_judged && before == desired => return Flows::NotAsked,
            Some(_) | None => self.judge(desired, None),
        };
        self.in_force = Some(desired.clone());
        flows
    }

    /// The same after a change of elements: chains are not copied for it.
    fn follow_flows_of(&mut self, round: &Round, desired: &Ruleset) -> Flows {
        let keys: Vec<&ElementKey> = round.flip.iter().flat_map(elements).map(|(key, _)| key).collect();
        let flows = self.judge(desired, Some(&keys));
        let Some(in_force) = &mut self.in_force else { return flows };
        for Op { table, kind } in &round.flip {
            let (OpKind::AddElements { set: name, .. } | OpKind::DeleteElements { set: name, .. }) = kind else {
                continue;
            };
            let set = in_force.tables.get_mut(table).and_then(|table| table.sets.get_mut(name));
            let wanted = desired.tables.get(table).and_then(|table| table.sets.get(name));
            if let (Some(set), Some(wanted)) = (set, wanted) {
                set.elements.clone_from(&wanted.elements);
            }
        }
        flows
    }

    /// `changed` are the keys of the elements that changed, if nothing else did.
    fn judge(&mut self, desired: &Ruleset, changed: Option<&[&ElementKey]>) -> Flows {
        let before = match (&self.in_force, changed) {
            (Some(before), Some(changed)) if self.is_judged => Before::Elements(before, changed),
            (Some(before), None) if self.is_judged => Before::Judged(before),
            (Some(_) | None, _) => Before::Unknown,
        };
        let judged = (self.judge)(before, desired, &self.local);
        self.is_judged = judged.is_ok();
        match judged {
            Ok(outcome) => Flows::Judged(outcome),
            Err(error) => Flows::Failed(error.to_string()),
        }
    }
}

/// What an operation adds to a set or takes from it.
fn elements(op: &Op) -> &[(ElementKey, Element)] {
    let (OpKind::AddElements { elements, .. } | OpKind::DeleteElements { elements, .. }) = &op.kind else {
        return &[];
    };
    elements
}

impl<K> std::fmt::Debug for Enforcer<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enforcer")
            .field("flags", &self.flags)
            .field("is_judged", &self.is_judged)
            .finish_non_exhaustive()
    }
}
