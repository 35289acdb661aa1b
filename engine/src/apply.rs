//! Carries out what has to be done: observe, plan, fill, flip, collect, until nothing is left to do.
//!
//! A later round, and every attempt after a failure, starts from what the kernel has by then. Whenever this ends, also
//! by a kill between two batches, what is in force is either what was before or what is desired, as a whole: only a
//! flip changes what packets meet, and it is one transaction.
//!
//! Invariant: this module has no choices of its own about objects; those are [`crate::diff`]'s.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use crate::diff::{diff, fresh};
use crate::kernel::{Guard, Kernel, KernelError};
use crate::observed::{Observed, TableFlags};
use crate::plan::{Op, Round, batches};
use crate::ruleset::{Family, Ruleset, TableKey};

/// How often a flip is tried again because somebody else committed between the observation and the flip. Each try
/// observes again and finds the fill done, so the window is that of one dump: a few milliseconds.
pub const CONFLICTS_MAX: u32 = 16;

/// Most rounds of one apply, those after failures included: a plan has up to four, and a fresh generation one.
const ROUNDS_MAX: u32 = 12;

/// What an apply did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rounds carried out; 0 if the kernel had all that is desired.
    pub n_rounds: u32,
    /// Transactions committed.
    pub n_commits: u32,
    /// Operations committed.
    pub n_ops: usize,
    /// Flips tried again because others committed meanwhile.
    pub n_conflicts: u32,
    /// What the kernel refused at first, and another plan got round.
    pub failures: Vec<(Phase, KernelError)>,
}

/// The parts of an apply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Reading what the kernel has.
    Observe,
    /// Adding what nothing refers to yet.
    Fill,
    /// Changing what packets meet.
    Flip,
    /// Removing what is left over.
    Collect,
}

/// What packets meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InForce {
    /// What they met before.
    Previous,
    /// What is desired, though perhaps under other names or with leftovers beside it.
    Desired,
}

/// A moment of an apply at which the caller may wait or stop.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// These operations are about to be committed as one transaction.
    Before(Phase, &'a [Op]),
    /// The flip of a round is committed and its leftovers are not yet collected.
    ///
    /// A packet that entered the old rules before the flip may still be on its way through them, and misses in a map that
    /// is deleted under it: a denied one passes. So the kernel is given the time to [settle](Kernel::settle) after this,
    /// however long packets take, and however long a virtual machine is stopped in the middle.
    Flipped,
}

/// Why an apply ended early.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The kernel refused, and so it did the ways round it.
    #[error("{phase}: {source}")]
    Kernel {
        /// Where.
        phase: Phase,
        /// What packets meet.
        in_force: InForce,
        /// Why.
        source: KernelError,
    },
    /// The caller stopped it.
    #[error("stopped before the end, {in_force}")]
    Stopped {
        /// What packets meet.
        in_force: InForce,
    },
    /// Each round left something to do.
    #[error("the tables do not become what is desired: somebody else changes them all the time")]
    Endless,
}

/// The tables that are ours, of every family.
pub fn our_tables() -> [TableKey; 5] {
    [Family::Inet, Family::Ip, Family::Ip6, Family::Arp, Family::Bridge].map(TableKey::ours)
}

/// Takes the kernel to what is desired. Our tables that are not desired go, so an empty ruleset removes everything.
///
/// New tables get `flags`; with `owner` the kernel's socket owns them, and flips need no guard against others.
/// `watch` is asked at every [`Step`].
///
/// The first batch that is refused leads to a new plan from a new observation, the second to a fresh generation of all
/// objects, the third to an error. A table that lives is never deleted and added again.
///
/// # Errors
/// [`ApplyError`]; whatever it is, one whole generation is in force.
pub fn apply(
    kernel: &mut impl Kernel,
    desired: &Ruleset,
    flags: TableFlags,
    watch: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Outcome, ApplyError> {
    apply_after(kernel, desired, flags, None, watch)
}

/// The same for whoever owns the tables and knows what it left in them: that is not read again, unless the kernel refuses
/// what was planned by it.
///
/// # Errors
/// As [`apply`].
pub fn apply_after(
    kernel: &mut impl Kernel,
    desired: &Ruleset,
    flags: TableFlags,
    mut left: Option<&Ruleset>,
    watch: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
) -> Result<Outcome, ApplyError> {
    let ours: BTreeSet<TableKey> = our_tables().into_iter().chain(desired.tables.keys().cloned()).collect();
    let ours: Vec<TableKey> = ours.into_iter().collect();
    let mut run = Run { kernel, flags, watch, in_force: InForce::Previous, outcome: Outcome::default() };
    let mut attempt = Attempt::Minimal;
    while run.outcome.n_rounds < ROUNDS_MAX {
        let observed = match left.take() {
            Some(left) => run.kernel.observe_left(&ours, left),
            None => run.kernel.observe_for(&ours, desired),
        };
        let observed = match observed {
            Ok(observed) => observed,
            Err(source) => return Err(run.failed(Phase::Observe, source)),
        };
        let mut rounds = match attempt {
            Attempt::Minimal | Attempt::Last => diff(&observed, desired, flags).rounds,
            Attempt::Fresh => vec![fresh(&observed, desired, flags)],
        }
        .into_iter();
        let Some(round) = rounds.next() else { return Ok(run.outcome) };
        // What is left where the plan has no other round is what is desired: reading it back would cost half as much
        // again as writing it.
        let is_last = attempt != Attempt::Fresh && rounds.next().is_none();
        match run.round(&observed, &round) {
            Ok(()) if is_last => return Ok(run.outcome),
            Ok(()) if attempt == Attempt::Fresh => attempt = Attempt::Last,
            Ok(()) => {}
            Err(End::Stopped) => return Err(ApplyError::Stopped { in_force: run.in_force }),
            Err(End::Refused(phase, source)) => attempt = run.recover(attempt, phase, source)?,
        }
    }
    Err(ApplyError::Endless)
}

/// How the next round is planned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attempt {
    /// As little as possible.
    Minimal,
    /// Everything anew, after two failures.
    Fresh,
    /// As little as possible, with no way round a failure left.
    Last,
}

enum End {
    Stopped,
    Refused(Phase, KernelError),
}

struct Run<'a, K> {
    kernel: &'a mut K,
    flags: TableFlags,
    watch: &'a mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    in_force: InForce,
    outcome: Outcome,
}

impl<K: Kernel> Run<'_, K> {
    fn round(&mut self, observed: &Observed, round: &Round) -> Result<(), End> {
        let mut generation = observed.generation;
        for batch in batches(&round.fill) {
            self.commit(Phase::Fill, batch, Guard::None)?;
            generation = generation.following();
        }
        let guard = if self.owns_all(observed, round) { Guard::None } else { Guard::Generation(generation) };
        if !round.flip.is_empty() {
            self.commit(Phase::Flip, &round.flip, guard)?;
        }
        self.in_force = InForce::Desired;
        if !round.collect.is_empty() {
            self.ask(Step::Flipped)?;
            self.kernel.settle();
            self.commit(Phase::Collect, &round.collect, Guard::None)?;
        }
        self.outcome.n_rounds += 1;
        Ok(())
    }

    fn commit(&mut self, phase: Phase, ops: &[Op], guard: Guard) -> Result<(), End> {
        self.ask(Step::Before(phase, ops))?;
        self.kernel.commit(ops, guard).map_err(|source| End::Refused(phase, source))?;
        self.outcome.n_commits += 1;
        self.outcome.n_ops += ops.len();
        Ok(())
    }

    fn ask(&mut self, step: Step<'_>) -> Result<(), End> {
        match (self.watch)(step) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(End::Stopped),
        }
    }

    /// Whether nobody else can have changed what a flip changes: this socket owns each of its tables, either since it
    /// created or claimed it in the fill or from before.
    fn owns_all(&self, observed: &Observed, round: &Round) -> bool {
        let owned =
            |key: &TableKey| observed.tables.get(key).is_none_or(|table| table.flags.owner || table.flags.persist);
        self.flags.owner && round.flip.iter().all(|op| owned(&op.table))
    }

    /// The next attempt after a failure, if there is one that can help.
    fn recover(&mut self, attempt: Attempt, phase: Phase, source: KernelError) -> Result<Attempt, ApplyError> {
        match source {
            KernelError::Conflict { .. } if self.outcome.n_conflicts < CONFLICTS_MAX => {
                self.outcome.n_conflicts += 1;
                Ok(attempt)
            }
            KernelError::Rejected(_) | KernelError::Unknown | KernelError::TooLarge { .. }
                if attempt == Attempt::Minimal =>
            {
                self.outcome.failures.push((phase, source));
                Ok(if self.outcome.failures.len() < 2 { Attempt::Minimal } else { Attempt::Fresh })
            }
            KernelError::Rejected(_)
            | KernelError::Unknown
            | KernelError::TooLarge { .. }
            | KernelError::Conflict { .. }
            | KernelError::Denied(_)
            | KernelError::Moving { .. }
            | KernelError::Io(_)
            | KernelError::Malformed(_) => Err(self.failed(phase, source)),
        }
    }

    fn failed(&self, phase: Phase, source: KernelError) -> ApplyError {
        ApplyError::Kernel { phase, in_force: self.in_force, source }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observe => "observe",
            Self::Fill => "fill",
            Self::Flip => "flip",
            Self::Collect => "collect",
        })
    }
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Previous => "with the previous ruleset in force",
            Self::Desired => "with the desired ruleset in force",
        })
    }
}

#[cfg(test)]
mod tests;
