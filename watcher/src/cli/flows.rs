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

/// What is known of the flows of what was in force before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Earlier {
    /// They were judged.
    Judged,
    /// Whoever changed the ruleset last did not come to the end.
    Unknown,
}

/// Notes that flows will have to be judged, and says whether an earlier note is still there. The note is only a help for
/// whoever comes after a kill.
pub(super) fn announce(run: &RunDir) -> Earlier {
    let earlier = if run.file(UNJUDGED).exists() { Earlier::Unknown } else { Earlier::Judged };
    if let Err(error) = run.replace(UNJUDGED, "") {
        report::message(&format!("warning: if this is killed, live connections may stay as they are: {error}"));
    }
    earlier
}

/// Judges the flows that the change from `before` concerns, all local ones where it is not known what was in force or
/// whether its flows were judged. The ruleset is in force whatever comes of it.
pub(super) fn judge(
    run: &RunDir,
    before: Option<&Ruleset>,
    in_force: &Ruleset,
    local: &LocalPods,
    earlier: Earlier,
) -> Result<Outcome, Failure> {
    let before = match (before, earlier) {
        (Some(before), Earlier::Judged) => Before::Judged(before),
        (None, _) | (_, Earlier::Unknown) => Before::Unknown,
    };
    finish(run, judge_since(before, in_force, local), |found| found.n_judged > 0)
}

/// Judges every local flow where nothing was changed: whoever put the ruleset in force may have been killed before it had
/// judged them, or have been another program.
pub(super) fn judge_in_sync(run: &RunDir, in_force: &Ruleset, local: &LocalPods) -> Result<Outcome, Failure> {
    let is_worth_a_word = |found: &revoke::Outcome| found.n_revoked + found.n_restored > 0;
    finish(run, judge_since(Before::Unknown, in_force, local), is_worth_a_word)
}

fn judge_since(before: Before<'_>, in_force: &Ruleset, local: &LocalPods) -> Result<revoke::Outcome, FlowsError> {
    flows::judge(flows::affected(before, in_force), in_force, local)
}

fn finish(
    run: &RunDir,
    judged: Result<revoke::Outcome, FlowsError>,
    is_worth_a_word: impl FnOnce(&revoke::Outcome) -> bool,
) -> Result<Outcome, Failure> {
    let found = match judged {
        Ok(found) => found,
        Err(error) => {
            warn(&error);
            return Ok(Outcome::Findings);
        }
    };
    if let Err(error) = run.remove(UNJUDGED) {
        report::message(&format!("warning: the next apply judges every connection: {error}"));
    }
    if is_worth_a_word(&found) {
        let revoke::Outcome { n_read: _, n_judged, n_revoked, n_restored, n_gone: _, cut: _ } = found;
        super::print(&format!("connections: {n_judged} looked at, {n_revoked} cut, {n_restored} restored\n"))?;
    }
    Ok(Outcome::Clean)
}

/// Judges every flow of known local pods, and says nothing but what went wrong. The note stays for the next command, which
/// may know of more.
pub(super) fn judge_known(in_force: &Ruleset) {
    if let Err(error) = judge_since(Before::Unknown, in_force, &LocalPods::default()) {
        warn(&error);
    }
}

fn warn(error: &FlowsError) {
    report::message(&format!(
        "warning: it is in force, but connections that it no longer permits may live on: {error}"
    ));
}
