//! `palisade confirm`: keep what `apply --confirm` loaded.

use anyhow::Context as _;

use super::{Failure, Outcome};
use crate::confirm;
use crate::run_dir::RunDir;

/// Keep the ruleset that `apply --confirm` loaded: it is no longer reverted.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args;

const EXAMPLES: &str = "\
Example:
  palisade apply --host node.ferm --confirm 60 </dev/null && ./still-reachable && palisade confirm

Exit codes:
  0  confirmed
  1  nothing awaits confirmation: it is confirmed or reverted already
  3  the state in /run/palisade cannot be changed";

pub(super) fn run(_: &Args) -> Result<Outcome, Failure> {
    let run = RunDir::from_environment();
    let confirmed = confirm::confirm(&run).context("confirming").map_err(Failure::Refused)?;
    if confirmed {
        super::print("confirmed\n")?;
        return Ok(Outcome::Clean);
    }
    super::print("nothing awaits confirmation: it is confirmed or reverted already\n")?;
    Ok(Outcome::Findings)
}
