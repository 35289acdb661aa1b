//! What every [`Kernel`] must do, as a list of cases: the fake and nf_tables itself are held to the same.
//!
//! Each case wants a network namespace that is empty. Nothing in here is for production use; it is an ordinary module
//! so that every test program can use it, and it adds nothing to a binary that does not.

use std::fmt;

use super::{Kernel, KernelError};
use crate::diff::changes;
use crate::observed::TableFlags;
use crate::plan::Op;
use crate::ruleset::{Ruleset, TableKey};

mod refusals;
mod round_trips;
mod samples;
mod sets;
mod transactions;
mod world;

/// One thing that a kernel must do.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What, in words.
    pub name: &'static str,
    /// What the kernel must be able to do for it.
    pub needs: Needs,
    /// Tries it on a kernel whose network namespace is empty.
    pub run: fn(&mut dyn Kernel) -> Result<(), Deviation>,
}

/// What a case asks of a kernel besides nf_tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Tables that outlive their owner.
    Persist,
    /// Lookups in a map as in a set (6.5).
    MapAsSet,
    /// Packets for programs.
    Queue,
}

/// How a kernel differs from what the case expects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deviation(Box<str>);

/// How a case ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// As it must.
    Passed,
    /// The kernel cannot do what the case needs.
    Skipped,
    /// Not as it must.
    Failed(Deviation),
}

/// Every case.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [round_trips::CASES, sets::CASES, transactions::CASES, refusals::CASES].into_iter().flatten()
}

/// Runs every case, each on a kernel of its own: `make` gives a kernel whose network namespace is empty.
pub fn kernel_conformance<K: Kernel>(mut make: impl FnMut() -> K) -> Vec<(&'static str, Ending)> {
    cases()
        .map(|case| {
            let mut kernel = make();
            let ending = if can(case.needs, &mut kernel) {
                (case.run)(&mut kernel).map_or_else(Ending::Failed, |()| Ending::Passed)
            } else {
                Ending::Skipped
            };
            (case.name, ending)
        })
        .collect()
}

/// Whether the kernel has `nft_queue`. It loads the module when it is asked, so only tests ask.
pub fn has_queues(kernel: &mut dyn Kernel) -> bool {
    kernel.check(&world::queueing()).is_ok()
}

fn can(needs: Needs, kernel: &mut dyn Kernel) -> bool {
    match needs {
        Needs::Nothing => true,
        Needs::Persist => kernel.features().persist && kernel.features().owner,
        Needs::MapAsSet => kernel.check(&world::looking_up_in_map()).is_ok(),
        Needs::Queue => has_queues(kernel),
    }
}

impl Deviation {
    fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string().into())
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KernelError> for Deviation {
    fn from(error: KernelError) -> Self {
        Self::new(error)
    }
}

fn expect(holds: bool, what: impl fmt::Display) -> Result<(), Deviation> {
    if holds { Ok(()) } else { Err(Deviation::new(what)) }
}

/// Whether the kernel has exactly these tables.
fn expect_ruleset(kernel: &mut dyn Kernel, ruleset: &Ruleset) -> Result<(), Deviation> {
    let keys: Vec<TableKey> = ruleset.tables.keys().cloned().collect();
    let observed = kernel.observe(&keys)?;
    let differences = changes(&observed, ruleset, TableFlags::default());
    let words: Vec<String> =
        differences.iter().take(5).map(|change| format!("{} {change}", change.difference.found())).collect();
    expect(words.is_empty(), words.join("; "))
}

/// Whether the kernel refuses exactly one operation, with one of these error numbers, and is as before.
fn expect_refusal(kernel: &mut dyn Kernel, ops: &[Op], index: usize, errnos: &[i32]) -> Result<(), Deviation> {
    let before = kernel.generation()?;
    match kernel.commit(ops, super::Guard::None) {
        Err(KernelError::Rejected(rejections)) => {
            let found: Vec<(usize, i32)> = rejections.iter().map(|rejection| (rejection.op, rejection.errno)).collect();
            let as_expected = found.iter().all(|(op, errno)| *op == index && errnos.contains(errno));
            expect(as_expected && !found.is_empty(), format!("refused {found:?} instead of {index} with {errnos:?}"))?;
        }
        Err(error) => return Err(Deviation::new(format!("{error} instead of a refusal of operation {index}"))),
        Ok(()) => return Err(Deviation::new(format!("took operation {index} instead of refusing it"))),
    }
    expect(kernel.generation()? == before, "a refused batch counted the generation up")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Features;
    use crate::kernel::fake::Fake;

    #[test]
    fn the_fake_conforms() {
        let failed: Vec<_> =
            kernel_conformance(Fake::current).into_iter().filter(|(_, ending)| *ending != Ending::Passed).collect();
        assert_eq!(failed, []);
    }

    #[test]
    fn a_kernel_without_persist_skips_what_needs_it() {
        let endings = kernel_conformance(|| Fake::new(Features::default()));
        assert!(endings.iter().any(|(_, ending)| *ending == Ending::Skipped));
        assert!(endings.iter().all(|(_, ending)| !matches!(ending, Ending::Failed(_))));
    }
}
