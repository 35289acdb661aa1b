//! The guard of `apply --confirm`: `palisade revert`, started by palisade itself and in no help.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use engine::apply::apply;

use super::{Failure, Outcome, flows, live};
use crate::applied;
use crate::confirm::{Ending, Guard};
#[cfg(feature = "kernel")]
use crate::last_good;
#[cfg(feature = "kernel")]
use crate::migration::Migration;
use crate::report;
use crate::run_dir::RunDir;

/// What the guard says when it knows what to go back to.
pub(super) const ARMED: &str = "armed";
/// What it says when somebody confirmed.
pub(super) const KEPT: &str = "kept";
/// What it says when it has put the previous ruleset back.
pub(super) const REVERTED: &str = "reverted";

/// How long the guard waits for whoever is writing when its time has come. An apply that hangs for longer is over.
const PATIENCE: Duration = Duration::from_secs(300);

/// Put back what is in force, after a while, unless somebody confirms. Started by `apply --confirm`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS")]
    after: u32,
}

/// The guard.
pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    leave_session()?;
    let run = RunDir::from_environment();
    let mut kernel = live::open()?;
    let previous = live::observe(kernel.as_mut())?.to_ruleset();
    let note = applied::recall(&run);
    let guard = Guard::new(&run).context("guarding the apply").map_err(Failure::Refused)?;
    super::print(&format!("{ARMED}\n"))?;
    let watching = |error| Failure::Refused(anyhow::Error::new(error).context("watching for a confirmation"));
    if guard.wait(Duration::from_secs(args.after.into())).map_err(watching)? == Ending::Released {
        super::print(&format!("{KEPT}\n"))?;
        return Ok(Outcome::Clean);
    }
    // Whoever applies has the lock until it is done: a revert in the middle would be overtaken.
    let lock = run.lock("palisade, reverting", PATIENCE);
    if let Err(error) = &lock {
        report::message(&format!("reverting all the same: {error}"));
    }
    if guard.claim().map_err(watching)? == Ending::Released {
        super::print(&format!("{KEPT}\n"))?;
        return Ok(Outcome::Clean);
    }
    // What ferm had in iptables comes first, so that there is no moment with neither.
    #[cfg(feature = "kernel")]
    put_back(&run)?;
    let _: flows::Earlier = flows::announce(&run);
    let flags = live::flags(kernel.as_ref());
    apply(&mut kernel, &previous, flags, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| Failure::Refused(anyhow::Error::new(error).context("putting the previous ruleset back")))?;
    if let Err(error) = applied::restore(&run, note.as_ref()) {
        report::message(&format!("warning: `status` will have to be given the sources: {error}"));
    }
    // What the change had cut goes on, and what it had opened is cut. The guard does not know the configuration, so pods
    // that no API has told about wait for the next apply, which the note tells to look at everything.
    flows::judge_known(&previous);
    guard.done().map_err(watching)?;
    super::print(&format!("{REVERTED}\n"))?;
    Ok(Outcome::Findings)
}

/// Puts back what `host migrate` has taken out of iptables. Where that fails, palisade's rules stay: without either the host
/// would be open.
#[cfg(feature = "kernel")]
fn put_back(run: &RunDir) -> Result<(), Failure> {
    let proposed = last_good::proposed::<Migration>(run).context("reading what was taken out of iptables");
    if let Some(migration) = proposed.map_err(Failure::Refused)? {
        migration.put_back().context("putting ferm's rules back").map_err(Failure::Refused)?;
        super::migrate::forget(run);
    }
    Ok(())
}

/// Makes this process the leader of a session without a terminal, which no hang-up reaches.
#[cfg(feature = "kernel")]
fn leave_session() -> Result<(), Failure> {
    let session = nix::unistd::setsid().context("leaving the terminal's session");
    session.map(drop).map_err(Failure::Refused)
}

#[cfg(not(feature = "kernel"))]
fn leave_session() -> Result<(), Failure> {
    Err(Failure::Refused(anyhow::anyhow!("this palisade was built without the feature `kernel`: it reverts nothing")))
}
