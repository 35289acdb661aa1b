//! `palisade confirm`: keep what `apply --confirm` loaded.

use anyhow::Context as _;
use policy_lang::baseline::Text;

use super::apply::not_kept;
use super::{Failure, Outcome};
use crate::confirm;
use crate::last_good;
#[cfg(feature = "kernel")]
use crate::migration::Migration;
use crate::run_dir::RunDir;
use crate::source::host_texts::HostTexts;
use crate::state_dir::StateDir;

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
    if confirm(&RunDir::from_environment())? {
        super::print("confirmed\n")?;
        return Ok(Outcome::Clean);
    }
    super::print("nothing awaits confirmation: it is confirmed or reverted already\n")?;
    Ok(Outcome::Findings)
}

/// Confirms what is on probation, if anything is, and keeps its baseline and its host rules as the last good ones.
pub(super) fn confirm(run: &RunDir) -> Result<bool, Failure> {
    let confirmed = confirm::confirm(run).context("confirming").map_err(Failure::Refused)?;
    if confirmed {
        keep_proposed(run);
    }
    Ok(confirmed)
}

/// Keeps the baseline and the host rules that were on probation.
pub(super) fn keep_proposed(run: &RunDir) {
    let state = StateDir::from_environment();
    not_kept::<Vec<Text>>(&state, last_good::keep_proposed::<Vec<Text>>(run, &state));
    not_kept::<HostTexts>(&state, last_good::keep_proposed::<HostTexts>(run, &state));
    #[cfg(feature = "kernel")]
    not_kept::<Migration>(&state, last_good::keep_proposed::<Migration>(run, &state));
}
