//! The end of the loop that the kernel sees: applies, has live connections judged, and finds out what others changed.
//!
//! Invariant: whatever fails, one whole generation is in force, and nothing is remembered as in force that is not.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use engine::apply::{ApplyError, InForce, Phase, apply_after, our_tables};
use engine::compile::options::LocalPods;
use engine::kernel::{Guard, Kernel, KernelError};
use engine::observed::TableFlags;
use engine::plan::{Op, OpKind, Round};
use engine::revoke::{self, Affected, Cut};
use engine::ruleset::{Element, ElementKey, Ruleset};

use self::stopwatch::Stopwatch;
use crate::flows::{self, Before, FlowsError};

mod stopwatch;

/// What is done to live connections.
pub trait Connections: Send {
    /// Cuts those of these addresses that are no longer permitted, and lets go on those that are again.
    ///
    /// # Errors
    /// [`FlowsError`].
    fn judge(
        &mut self,
        affected: &Affected,
        in_force: &Ruleset,
        local: &LocalPods,
    ) -> Result<revoke::Outcome, FlowsError>;

    /// Cuts again what others have let go on; says how many those were.
    ///
    /// # Errors
    /// [`FlowsError`].
    fn look(&mut self, cut: &mut Cut, in_force: &Ruleset) -> Result<usize, FlowsError>;
}

/// Those of the network namespace of the calling thread.
#[derive(Debug)]
pub struct Live;

impl Connections for Live {
    fn judge(
        &mut self,
        affected: &Affected,
        in_force: &Ruleset,
        local: &LocalPods,
    ) -> Result<revoke::Outcome, FlowsError> {
        flows::judge(affected.clone(), in_force, local)
    }

    fn look(&mut self, cut: &mut Cut, in_force: &Ruleset) -> Result<usize, FlowsError> {
        flows::look(cut, in_force)
    }
}

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
    /// How long it took.
    pub took: Duration,
    /// How much of that was spent waiting for packets on their way.
    pub waited: Duration,
    /// How long each part of that took.
    pub parts: Vec<(Phase, Duration)>,
}

/// Whether the kernel has what it was left with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Memory {
    Trusted,
    Doubted,
}

/// The kernel, and what is in force there as far as this process knows.
pub struct Enforcer<K> {
    kernel: K,
    flags: TableFlags,
    local: LocalPods,
    connections: Box<dyn Connections>,
    in_force: Option<Ruleset>,
    /// Whose connections were not judged by what is in force.
    unjudged: Affected,
    /// Those that are cut.
    cut: Cut,
}

impl<K: Kernel> Enforcer<K> {
    /// Takes the kernel over, with whatever is in force there.
    pub fn new(kernel: K, ownership: Ownership, local: LocalPods, connections: Box<dyn Connections>) -> Self {
        let features = kernel.features();
        // An owner whose table does not outlive it would open everything when it dies.
        let owner = features.owner && features.persist && ownership == Ownership::WherePossible;
        let flags = TableFlags { owner, persist: features.persist };
        let (unjudged, cut) = (Affected::default(), Cut::default());
        Self { kernel, flags, local, connections, in_force: None, unjudged, cut }
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
        self.put_in_force(desired, Memory::Doubted)
    }

    /// The same where nobody else has changed anything since: the kernel sees to that where the tables are owned.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn change(&mut self, desired: &Ruleset) -> Result<Done, ApplyError> {
        self.put_in_force(desired, if self.flags.owner { Memory::Trusted } else { Memory::Doubted })
    }

    fn put_in_force(&mut self, desired: &Ruleset, memory: Memory) -> Result<Done, ApplyError> {
        let begun = Instant::now();
        let mut watch = Stopwatch::start();
        let left = self.in_force.as_ref().filter(|_| memory == Memory::Trusted);
        let outcome = apply_after(&mut self.kernel, desired, self.flags, left, &mut |step| {
            watch.step(step);
            ControlFlow::Continue(())
        });
        let took = begun.elapsed();
        match outcome {
            Ok(outcome) => {
                let failures = outcome.failures.iter().map(|(phase, error)| format!("{phase}: {error}")).collect();
                self.is_in_force(desired);
                let (parts, waited) = watch.finish();
                Ok(Done { n_ops: outcome.n_ops, failures, took, waited, parts })
            }
            Err(error) => {
                match &error {
                    ApplyError::Kernel { in_force: InForce::Desired, .. }
                    | ApplyError::Stopped { in_force: InForce::Desired } => self.is_in_force(desired),
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
        self.unjudged = Affected::all(&in_force);
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
        self.elements_are_in_force(round, desired);
        let parts = vec![(Phase::Flip, took)];
        Ok(Done { n_ops: round.n_ops(), failures: Vec::new(), took, waited: Duration::ZERO, parts })
    }

    /// Whether there are connections that were not judged by what is in force.
    pub fn has_unjudged(&self) -> bool {
        !self.unjudged.is_empty()
    }

    /// Judges them. Those that could not be are so still.
    ///
    /// # Errors
    /// [`FlowsError`].
    pub fn judge(&mut self) -> Result<revoke::Outcome, FlowsError> {
        let Some(in_force) = &self.in_force else { return Ok(revoke::Outcome::default()) };
        let mut outcome = self.connections.judge(&self.unjudged, in_force, &self.local)?;
        self.cut.judged(&std::mem::take(&mut self.unjudged), std::mem::take(&mut outcome.cut));
        Ok(outcome)
    }

    /// How many connections are known to be cut.
    pub fn n_cut(&self) -> usize {
        self.cut.len()
    }

    /// Cuts again those that others have let go on; says how many those were.
    ///
    /// # Errors
    /// [`FlowsError`].
    pub fn look_at_cut(&mut self) -> Result<usize, FlowsError> {
        let Some(in_force) = self.in_force.as_ref().filter(|_| !self.cut.is_empty()) else { return Ok(0) };
        self.connections.look(&mut self.cut, in_force)
    }

    fn is_in_force(&mut self, desired: &Ruleset) {
        let before = match &self.in_force {
            Some(before) if before == desired => return,
            Some(before) => Before::Judged(before),
            None => Before::Unknown,
        };
        self.are_affected(flows::affected(before, desired));
        self.in_force = Some(desired.clone());
    }

    /// The same after a change of elements: what is not changed is neither compared nor copied for it.
    fn elements_are_in_force(&mut self, round: &Round, desired: &Ruleset) {
        let Some(in_force) = &mut self.in_force else { return self.is_in_force(desired) };
        let keys: Vec<&ElementKey> = round.flip.iter().flat_map(elements).map(|(key, _)| key).collect();
        let affected = flows::affected(Before::Elements(in_force, &keys), desired);
        for Op { table, kind } in &round.flip {
            let (OpKind::AddElements { set, elements, .. } | OpKind::DeleteElements { set, elements, .. }) = kind
            else {
                continue;
            };
            let Some(set) = in_force.tables.get_mut(table).and_then(|table| table.sets.get_mut(set)) else { continue };
            for (key, element) in elements {
                if matches!(kind, OpKind::AddElements { .. }) {
                    set.elements.insert(key.clone(), element.clone());
                } else {
                    set.elements.remove(key);
                }
            }
        }
        self.are_affected(affected);
    }

    fn are_affected(&mut self, affected: Affected) {
        self.unjudged = std::mem::take(&mut self.unjudged).and(affected);
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
        f.debug_struct("Enforcer").field("flags", &self.flags).field("unjudged", &self.unjudged).finish_non_exhaustive()
    }
}
