//! `palisade host migrate`: from ferm to palisade in steps that are seen and undone.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use engine::observed::Observed;
use policy_lang::host::expand::expand;
use policy_lang::host::rule::Domain;

use super::apply::{self, Request, refuse_unconfirmed};
use super::input::{self, Desired, SourceArgs};
use super::{Failure, Outcome, live, teardown};
use crate::last_good;
use crate::migration::{self, Found, Migration, MigrationError};
use crate::report::{self, Color};
use crate::run_dir::RunDir;
use crate::state_dir::StateDir;

/// Take over from ferm: load the rules of its file, take ferm's own rules out of iptables, and ask whether that is to stay.
///
/// Which of the loaded rules are ferm's, iptables says itself: what the file expands to is loaded by it into a network
/// namespace that is thrown away. Only those rules go, from the older tables and from the ones on nf_tables, with chains that
/// nobody uses any more and the policies that the file sets; what Docker, kube-proxy and others have written stays. Rules
/// that the file does not have any more count as somebody else's. Live connections and their translations go on.
///
/// What ferm has loaded by arptables and ebtables stays, and is said to.
///
/// Nobody confirms: ferm's rules are put back among whatever others have changed in the meantime, then what palisade had
/// loaded before returns. Neither systemd's units nor files in /etc are touched.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What ferm read; the same as --host.
    #[arg(value_name = "FILE", conflicts_with = "host")]
    file: Option<PathBuf>,

    /// Change nothing: say what each step would do, with the input of iptables-restore.
    #[arg(long, conflicts_with_all = ["undo", "confirm", "replace"])]
    check: bool,

    /// The way back, also days later: put ferm's rules back, then remove palisade's tables. What others have changed in
    /// iptables since stays.
    #[arg(long, conflicts_with_all = ["confirm", "replace"])]
    undo: bool,

    /// Take everything back after this many seconds, at most 86400, unless somebody runs `palisade confirm`, or types yes or
    /// Enter on this terminal. That happens by itself: also when the connection breaks and when this program is killed.
    /// With 0 nobody is asked, and it stays.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    confirm: u32,

    /// Drop sources that the loaded ruleset was built from and that are not given now.
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade host migrate --check /etc/ferm/ferm.conf
  palisade host migrate --confirm 300 /etc/ferm/ferm.conf
  palisade host migrate --undo

Files:
  /var/lib/palisade/migration  what was taken out of iptables, until it is put back

Exit codes:
  0  taken over, and confirmed or awaiting that; checked; or undone
  1  palisade's rules are in force, and no rule of iptables is from this file; what `apply` ends
     with 1 for; or not confirmed and taken back
  2  the input or the usage is wrong, or there is nothing to undo; nothing was changed
  3  the kernel, iptables, a missing permission (CAP_NET_ADMIN, CAP_SYS_ADMIN), an agent or another
     palisade stands in the way; what had been taken out of iptables is back";

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    if args.undo {
        return undo();
    }
    let desired = input::desired(&args.sources.clone().with_host(args.file.clone()), color)?;
    let found = prepared(&desired)?;
    if args.check {
        return check(&found, &desired);
    }
    let migration = Migration::of(&found);
    super::print("3. load what it says\n")?;
    let mut then = |run: &RunDir| remove(&found, &migration, run);
    let confirm = (args.confirm > 0).then_some(args.confirm);
    let outcome = apply::enforce(&desired, Request { confirm, replace: args.replace, then: Some(&mut then) })?;
    if outcome == Outcome::Clean {
        super::print("left to do: let palisade, and no longer ferm, load at boot\n")?;
    }
    Ok(if migration.is_empty() { outcome.max(Outcome::Findings) } else { outcome })
}

/// The steps that change nothing.
fn prepared(desired: &Desired) -> Result<Vec<Found>, Failure> {
    let Some(rules) = &desired.loaded.host else {
        return Err(Failure::Input(anyhow!("no host rules are given: name the file that ferm reads")));
    };
    let count = |domain| expand(rules, domain).lines().filter(|line| line.starts_with("-A ")).count();
    super::print(&format!(
        "1. read the host rules: ferm makes {} rules of iptables and {} of ip6tables from them\n",
        count(Domain::Ip),
        count(Domain::Ip6)
    ))?;
    for (domain, program) in [(Domain::Arp, "arptables"), (Domain::Eb, "ebtables")] {
        let n_rules = count(domain);
        if !expand(rules, domain).is_empty() {
            report::message(&format!(
                "warning: what ferm has loaded by {program} ({n_rules} rules) stays there, beside palisade's table: what \
                 either drops is dropped. Take it out yourself when palisade's rules are to stay"
            ));
        }
    }
    let found = migration::find(rules).map_err(refused)?;
    super::print("2. look for those in iptables\n")?;
    for Found { iptables, removals } in &found {
        for removal in removals {
            let others: Vec<String> = removal.others.iter().map(|(chain, count)| format!("{chain} {count}")).collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!("; not from the file, and left alone: {}", others.join(", "))
            };
            let (name, table, rules) = (&iptables.name, &removal.before.name, removal.rules);
            super::print(&format!("   {name}, table {table}: {rules} of them{others}\n"))?;
        }
    }
    if found.iter().flat_map(|found| &found.removals).all(|removal| !removal.is_needed()) {
        report::message("warning: iptables has no rule and no policy that is from this file: nothing will be removed");
    }
    Ok(found)
}

/// The last step but one. What was removed before one that fails is put back.
fn remove(found: &[Found], migration: &Migration, run: &RunDir) -> Result<(), Failure> {
    super::print("4. take those out of iptables\n")?;
    if migration.is_empty() {
        return super::print("   there are none\n");
    }
    let state = StateDir::from_environment();
    // First the way back, then the change.
    last_good::keep(&state, migration)
        .and_then(|()| last_good::propose(run, Some(migration)))
        .context("keeping what is taken out of iptables")
        .map_err(Failure::Refused)?;
    for found in found {
        if let Err(error) = found.remove() {
            migration.put_back().context("putting ferm's rules back").map_err(Failure::Refused)?;
            forget(run);
            let error = anyhow::Error::new(error)
                .context("ferm's rules could not be removed and are all there again, beside those of palisade");
            return Err(Failure::Refused(error));
        }
        for removal in found.removals.iter().filter(|removal| removal.is_needed()) {
            let mut done = vec![format!("{} rules", removal.rules)];
            done.extend((!removal.chains.is_empty()).then(|| format!("{} chains", removal.chains.len())));
            done.extend((!removal.opened.is_empty()).then(|| format!("the policy of {}", removal.opened.join(", "))));
            let line = format!("   {}, table {}: {}\n", found.iptables.name, removal.before.name, done.join(", "));
            super::print(&line)?;
        }
    }
    super::print("5. let somebody confirm\n")
}

/// `--check`.
fn check(found: &[Found], desired: &Desired) -> Result<Outcome, Failure> {
    let mut kernel = live::open()?;
    let observed: Observed = live::observe(kernel.as_mut())?;
    let changes = engine::diff::changes(&observed, &desired.ruleset, live::flags(kernel.as_ref())).len();
    super::print(&format!(
        "3. would make {changes} changes to what palisade has loaded\n4. would take out of iptables:\n"
    ))?;
    for Found { iptables, removals } in found {
        for removal in removals.iter().filter(|removal| removal.is_needed()) {
            super::print(&format!("# {}-restore --noflush\n{}", iptables.name, removal.input))?;
        }
    }
    Ok(desired.outcome)
}

/// `--undo`.
fn undo() -> Result<Outcome, Failure> {
    let state = StateDir::from_environment();
    let kept = last_good::recall::<Migration>(&state).context("reading what was taken out of iptables");
    let Some(migration) = kept.map_err(Failure::Refused)? else {
        return Err(Failure::Input(anyhow!(
            "there is nothing to undo: no migration is kept in {}",
            state.folder().display()
        )));
    };
    let run = RunDir::from_environment();
    refuse_unconfirmed(&run)?;
    for name in migration.put_back().map_err(refused)? {
        super::print(&format!("{name} has ferm's rules again\n"))?;
    }
    // Before the tables go: an undo that is interrupted here leaves both, and is done again without harm.
    let outcome = teardown::remove_all()?;
    forget(&run);
    Ok(outcome)
}

/// Nothing is taken out of iptables any more.
pub(super) fn forget(run: &RunDir) {
    let state = StateDir::from_environment();
    for result in [last_good::propose::<Migration>(run, None), last_good::forget::<Migration>(&state)] {
        if let Err(error) = result {
            report::message(&format!("warning: the note of what was taken out of iptables stays: {error}"));
        }
    }
}

fn refused(error: MigrationError) -> Failure {
    Failure::Refused(error.into())
}
