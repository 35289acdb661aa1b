//! `palisade apply`: the sources, in force.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use engine::apply::{ApplyError, InForce, apply};
use engine::diff::{Change, Changed, changes as differences, diff};
use engine::kernel::Kernel;
use engine::observed::Observed;
use engine::plan::Op;
use policy_lang::baseline::Text;

use super::input::{self, Desired, SourceArgs};
use super::live::Scratch;
use super::probation::Armed;
use super::{Failure, Outcome, bridges, flows, live};
use crate::applied::{self, Applied};
use crate::confirm::{self, Probation};
use crate::last_good::{self, Good};
#[cfg(feature = "kernel")]
use crate::migration::Migration;
use crate::report::changes::{self as report_changes, Counts};
use crate::report::{self, Color};
use crate::run_dir::RunDir;
use crate::source::host_texts::HostTexts;
use crate::state_dir::StateDir;

/// How long to wait for another palisade that is writing. An apply of 10,000 rules takes less than a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Load the ruleset of the sources, without losing or leaking a packet. If nothing has to change, nothing is written.
///
/// What changes is filled in beside what is in force, put in force by one small transaction, and only then is the old
/// removed. The rules are in force until the next reboot, whatever becomes of this program. Then live connections of the
/// pods concerned are judged: those that are no longer permitted are cut, those that are permitted again go on.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Load nothing: have the kernel check the ruleset. It is committed for real in a network namespace made for that
    /// and thrown away; without the right to make one, the kernel is given the changes without the end of the batch,
    /// which misses jump loops and expressions that their hook does not allow. The output says which was done.
    #[arg(long, conflicts_with_all = ["confirm", "replace"])]
    check: bool,

    /// Put the previous ruleset back after this many seconds, 1 to 86400, counted from just before the change, unless
    /// somebody runs `palisade confirm`, or types yes or Enter on this terminal. That happens by itself: also when the
    /// connection breaks and when this program is killed. Where nothing was loaded before, everything is removed again.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    confirm: Option<u32>,

    /// Drop sources that the loaded ruleset was built from and that are not given now. Without it such an apply is
    /// refused, because it would open what they closed.
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade apply --config /etc/palisade/palisade.yaml --confirm 60
  palisade apply --manifests manifests/ --baseline baseline.yaml --host node.ferm --check

Files:
  /run/palisade  the lock, the sources of the last apply, what awaits confirmation, and revert.log
  The environment variable PALISADE_RUN_DIR names another folder.
  /var/lib/palisade  the last good baseline and host rules, which --keep-going enforces in the place
  of broken ones
  The environment variable PALISADE_STATE_DIR names another folder; with PALISADE_RUN_DIR alone it
  is `state` in that one.

Exit codes:
  0  in force, nothing to do, or checked; with --confirm: confirmed on this terminal, or, where
     there is none, in force until somebody confirms or the time is over
  1  in force without the broken objects, which fail closed (--keep-going); in force with leftovers
     that could not be removed, with live connections that could not be judged, or with pods between
     which a bridge hides packets; or not confirmed and reverted
  2  the input, the usage or the configuration is wrong, or a source would be dropped (--replace);
     nothing was written
  3  the kernel, a missing permission (CAP_NET_ADMIN), an agent, another palisade that is writing,
     or an apply that awaits its confirmation stands in the way; nothing was written";

/// What is asked of an apply, beside the ruleset.
pub(super) struct Request<'a> {
    /// Seconds until it is reverted, unless somebody confirms.
    pub(super) confirm: Option<u32>,
    /// Whether sources that are not given any more may be dropped.
    pub(super) replace: bool,
    /// What else is done once it is in force, and reverted with it.
    pub(super) then: Option<Then<'a>>,
}

/// What else is done once a ruleset is in force.
pub(super) type Then<'a> = &'a mut dyn FnMut(&RunDir) -> Result<(), Failure>;

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    // Never freed: the end of the process does that, and faster than rule by rule.
    let desired: &Desired = Box::leak(Box::new(input::desired(&args.sources, color)?));
    if args.check {
        return check(live::open()?.as_mut(), desired);
    }
    enforce(desired, Request { confirm: args.confirm, replace: args.replace, then: None })
}

/// Puts it in force, and asks whether it is to stay.
pub(super) fn enforce(desired: &Desired, request: Request<'_>) -> Result<Outcome, Failure> {
    let Request { confirm, replace, then } = request;
    let local = &desired.config.pod_options().local;
    let run = RunDir::from_environment();
    let mut kernel = live::open()?;
    let lock = run.lock("palisade apply", PATIENCE).map_err(|error| Failure::Refused(error.into()))?;
    let observed = live::observe_for(kernel.as_mut(), &desired.ruleset)?;
    live::refuse_owned(&observed)?;
    refuse_unconfirmed(&run)?;
    // Of a probation whose guard was killed: a late confirmation must not put it in the place of what comes now.
    propose(&run, None);
    if !replace {
        refuse_dropped(&observed, desired)?;
    }
    let changes = differences(&observed, &desired.ruleset, live::flags(kernel.as_ref()));
    let is_guarded = !changes.is_empty() || then.is_some();
    let armed = confirm.filter(|_| is_guarded).map(|seconds| Armed::new(&run, seconds)).transpose()?;
    let mut outcome = if changes.is_empty() {
        remember(&run, desired);
        super::print("in sync: nothing to do\n")?;
        desired.outcome.max(flows::judge_in_sync(&run, &desired.ruleset, local)?)
    } else {
        let earlier = flows::announce(&run);
        let outcome = match load(&mut kernel, desired) {
            Ok(outcome) => outcome,
            Err(failure) => {
                // Nothing was changed, so there is nothing to revert.
                armed.map(Armed::release).transpose()?;
                return Err(failure);
            }
        };
        let outcome = outcome.max(left_over(kernel.as_mut(), desired, &changes));
        remember(&run, desired);
        report(&changes)?;
        let before = (!observed.tables.is_empty()).then(|| observed.to_ruleset());
        if armed.is_some() {
            propose(&run, Some(desired));
        }
        outcome.max(flows::judge(&run, before.as_ref(), &desired.ruleset, local, earlier)?)
    };
    outcome = outcome.max(bridges::warn(desired));
    let then = then.map_or(Ok(()), |then| then(&run));
    // Nobody was asked, or somebody confirmed before there was anything to find.
    if confirm::probation(&run).is_ok_and(|probation| probation == Probation::None) {
        super::confirm::keep_proposed(&run);
    }
    // What was in force before is, whoever confirms.
    if armed.is_none() || changes.is_empty() {
        keep(desired);
    }
    drop(lock);
    match (armed, then) {
        (Some(armed), Ok(())) => Ok(armed.ask()?.max(outcome)),
        (Some(armed), Err(failure)) => {
            armed.announce();
            Err(failure)
        }
        (None, then) => then.map(|()| outcome),
    }
}

/// Takes the kernel to what is desired. A failure means that what was in force before still is.
fn load(kernel: &mut Box<dyn Kernel>, desired: &Desired) -> Result<Outcome, Failure> {
    let flags = live::flags(kernel.as_ref());
    match apply(kernel, &desired.ruleset, flags, &mut |_| ControlFlow::Continue(())) {
        Ok(_) => Ok(desired.outcome),
        Err(error) => match not_applied(error) {
            Failure::Incomplete(error) => {
                report::failure(error.as_ref());
                Ok(Outcome::Findings)
            }
            failure @ (Failure::Input(_) | Failure::Refused(_)) => Err(failure),
        },
    }
}

/// Names what somebody else put into our tables and nobody can remove. Only where there was something strange is it
/// worth to look again.
fn left_over(kernel: &mut dyn Kernel, desired: &Desired, changes: &[Change]) -> Outcome {
    let is_strange = |change: &Change| matches!(change.object, Changed::Unknown(_));
    if !changes.iter().any(is_strange) {
        return Outcome::Clean;
    }
    let Ok(observed) = live::observe(kernel) else {
        report::message("warning: it is in force, but what others left in the tables cannot be read");
        return Outcome::Findings;
    };
    let left = differences(&observed, &desired.ruleset, live::flags(kernel));
    for change in &left {
        report::message(&format!("warning: not made by palisade, and cannot be removed: {change}"));
    }
    if left.is_empty() { Outcome::Clean } else { Outcome::Findings }
}

/// What an apply that ended early means.
pub(super) fn not_applied(error: ApplyError) -> Failure {
    match error {
        ApplyError::Kernel { in_force: InForce::Previous, .. }
        | ApplyError::Stopped { in_force: InForce::Previous } => Failure::Refused(error.into()),
        ApplyError::Kernel { in_force: InForce::Desired, .. }
        | ApplyError::Stopped { in_force: InForce::Desired }
        | ApplyError::Endless => Failure::Incomplete(error.into()),
    }
}

/// A change while another is on probation would be reverted with it.
pub(super) fn refuse_unconfirmed(run: &RunDir) -> Result<(), Failure> {
    match confirm::probation(run).context("looking for an unconfirmed apply").map_err(Failure::Refused)? {
        Probation::None => Ok(()),
        Probation::Unguarded => {
            report::message(
                "warning: an earlier apply was never confirmed, and its guard is dead: it was not reverted",
            );
            Ok(())
        }
        Probation::Guarded => {
            let message = "another apply awaits its confirmation: run `palisade confirm`, or wait until it is reverted";
            Err(Failure::Refused(anyhow!(message)))
        }
    }
}

fn refuse_dropped(observed: &Observed, desired: &Desired) -> Result<(), Failure> {
    let dropped = live::dropped(&live::recorded(observed), &desired.loaded.records);
    if dropped.is_empty() {
        return Ok(());
    }
    let dropped: Vec<_> = dropped.iter().map(|source| format!("`{source}`")).collect();
    let message = format!(
        "the loaded ruleset was built from {} too, which this apply would drop: give it again, or --replace",
        dropped.join(", "),
    );
    Err(Failure::Input(anyhow!(message)))
}

/// Notes what was applied. Without the note `status` has to be told.
fn remember(run: &RunDir, desired: &Desired) {
    let noted = Applied::new(&desired.config, &desired.node, desired.on_errors == input::OnErrors::FailClosed)
        .and_then(|applied| applied::remember(run, &applied));
    if let Err(error) = noted {
        report::message(&format!("warning: `status` will have to be given the sources: {error}"));
    }
}

/// Has what is sound of baseline and host rules wait for the confirmation; what is not there waits no more, and nor does
/// anything else.
fn propose(run: &RunDir, desired: Option<&Desired>) {
    propose_one(run, desired.and_then(|desired| desired.baseline.as_ref()));
    propose_one(run, desired.and_then(|desired| desired.host.as_ref()));
    #[cfg(feature = "kernel")]
    propose_one::<Migration>(run, None);
}

fn propose_one<T: Good>(run: &RunDir, good: Option<&T>) {
    if let Err(error) = last_good::propose(run, good) {
        report::message(&format!("warning: a confirmation will not keep {} as the last good: {error}", T::WHAT));
    }
}

/// Keeps baseline and host rules that are now in force, in case that the next ones are broken. Those on probation may yet be
/// reverted: whoever confirms keeps them.
fn keep(desired: &Desired) {
    let state = StateDir::from_environment();
    let Desired { baseline, host, .. } = desired;
    not_kept::<Vec<Text>>(&state, baseline.as_ref().map_or(Ok(()), |texts| last_good::keep(&state, texts)));
    not_kept::<HostTexts>(&state, host.as_ref().map_or(Ok(()), |texts| last_good::keep(&state, texts)));
}

/// Says what could not be kept.
pub(super) fn not_kept<T: Good>(state: &StateDir, kept: std::io::Result<()>) {
    if let Err(error) = kept {
        let path = last_good::path::<T>(state);
        report::message(&format!("warning: {} in force, but not kept in {}: {error}", T::WHAT, path.display()));
    }
}

fn report(changes: &[Change]) -> Result<(), Failure> {
    let Counts { add, change, remove } = report_changes::count(changes);
    super::print(&format!("in force: {add} added, {change} changed, {remove} removed\n"))
}

/// `--check`.
fn check(kernel: &mut dyn Kernel, desired: &Desired) -> Result<Outcome, Failure> {
    let flags = live::flags(kernel);
    if live::commit_in_scratch(&desired.ruleset, flags)? == Scratch::Committed {
        super::print("checked: the kernel committed the ruleset in a scratch network namespace\n")?;
        return Ok(desired.outcome);
    }
    let observed = live::observe(kernel)?;
    let plan = diff(&observed, &desired.ruleset, flags);
    // One batch, because what is filled in must be known to what refers to it.
    let first = plan.rounds.first();
    let ops: Vec<Op> = first.into_iter().flat_map(|round| round.fill.iter().chain(&round.flip)).cloned().collect();
    kernel.check(&ops).map_err(live::refused)?;
    super::print(
        "checked without a commit, because making a network namespace is not permitted: the kernel accepts every \
         object; jump loops and expressions that their hook does not allow would not have been found\n",
    )?;
    Ok(desired.outcome)
}
