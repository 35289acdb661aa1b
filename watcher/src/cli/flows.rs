//! Live connections after a command has changed the ruleset.

use engine::compile::options::LocalPods;
use engine::revoke;
use engine::ruleset::Ruleset;

use super::{Failure, Outcome};
use crate::flows::{self, Before, FlowsError};
use crate::report;
use crate::run_dir::RunDir;

/// A file that is there from before a change until all flows that it concerns are judged. Whoever finds it does not know
/// who was killed in between, and judges every local flow.
const UNJUDGED: &str = "flows-unjudged";

/// Notes that flows will have to be judged. The note is only a help for whoever comes after a kill.
pub(super) fn announce(run: &RunDir) {
    if let Err(error) = run.replace(UNJUDGED, "") {
        report::message(&format!("warning: if this is killed, live connections may stay as they are: {error}"));
    }
}

/// Judges the flows that the change from `before` concerns, all local ones where it is not known what was in force or
/// whether its flows were judged. The ruleset is in force whatever comes of it.
pub(super) fn judge(
    run: &RunDir,
    before: Option<&Ruleset>,
    in_force: &Ruleset,
    local: &LocalPods,
    was_announced: bool,
) -> Result<Outcome, Failure> {
    let before = match before {
        Some(before) if !was_announced => Before::Judged(before),
        Some(_) | None => Before::Unknown,
    };
    match flows::judge(before, in_force, local) {
        Ok(outcome) => {
            if let Err(error) = run.remove(UNJUDGED) {
                report::message(&format!("warning: the next apply judges every connection: {error}"));
            }
            say(&outcome)?;
            Ok(Outcome::Clean)
        }
        Err(error) => {
            warn(&error);
            Ok(Outcome::Findings)
        }
    }
}

/// Judges every flow of known local pods, and says nothing but what went wrong. The note stays for the next command, which
/// may know of more.
pub(super) fn judge_known(in_force: &Ruleset) {
    if let Err(error) = flows::judge(Before::Unknown, in_force, &LocalPods::default()) {
        warn(&error);
    }
}

fn warn(error: &FlowsError) {
    report::message(&format!(
        "warning: it is in force, but connections that it no longer permits may live on: {error}"
    ));
}

/// Whether an earlier change was not followed by a judgement to its end.
pub(super) fn is_announced(run: &RunDir) -> bool {
    run.file(UNJUDGED).exists()
}

/// Says what was found, where there was something to look at.
fn say(outcome: &revoke::Outcome) -> Result<(), Failure> {
    let revoke::Outcome { n_read: _, n_judged, n_revoked, n_restored, n_gone: _ } = outcome;
    if *n_judged == 0 {
        return Ok(());
    }
    super::print(&format!("connections: {n_judged} looked at, {n_revoked} cut, {n_restored} restored\n"))
}
