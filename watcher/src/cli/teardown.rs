//! `palisade teardown`: our tables, gone.

use engine::apply::apply;
use engine::ruleset::Ruleset;

use super::apply::{PATIENCE, not_applied};
use super::{Failure, Outcome, live};
use crate::applied;
use crate::confirm;
use crate::report;
use crate::run_dir::RunDir;

/// Remove palisade's tables of every family, and nothing else. Everything that they denied is open afterwards.
///
/// All of them go in one transaction. Tables of anybody else stay as they are. An apply that awaits its confirmation is
/// no longer reverted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args;

const EXAMPLES: &str = "\
Example:
  palisade teardown

Exit codes:
  0  removed, or there was nothing to remove
  3  the kernel, a missing permission (CAP_NET_ADMIN), another palisade that is writing or an agent
     that owns the tables stands in the way; nothing was removed";

pub(super) fn run(_: &Args) -> Result<Outcome, Failure> {
    remove_all()
}

/// Removes all of our tables.
pub(super) fn remove_all() -> Result<Outcome, Failure> {
    let run = RunDir::from_environment();
    let mut kernel = live::open()?;
    let lock = run.lock("palisade teardown", PATIENCE).map_err(|error| Failure::Refused(error.into()))?;
    let observed = live::observe(kernel.as_mut())?;
    live::refuse_owned(&observed)?;
    let flags = live::flags(kernel.as_ref());
    apply(&mut kernel, &Ruleset::default(), flags, &mut |_| std::ops::ControlFlow::Continue(()))
        .map_err(not_applied)?;
    // The tables are gone whatever becomes of the notes about them.
    for result in [confirm::confirm(&run).map(drop), applied::forget(&run)] {
        if let Err(error) = result {
            report::message(&format!("warning: {error}"));
        }
    }
    drop(lock);
    if observed.tables.is_empty() {
        super::print("not loaded: there was nothing to remove\n")?;
    }
    for key in observed.tables.keys() {
        super::print(&format!("removed table {key}\n"))?;
    }
    Ok(Outcome::Clean)
}
