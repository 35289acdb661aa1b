//! `palisade status`: what is loaded, and whether it is what it should be.

use clap::ValueEnum;
use engine::diff::changes;
use engine::kernel::Kernel;
use engine::observed::Observed;

use self::plugin::PluginArgs;
use super::input::{self, Desired, OnErrors, SourceArgs};
use super::{Failure, Outcome, bridges, live};
use crate::confirm;
use crate::report::Color;
use crate::report::plugin::{Line, PluginState};
use crate::report::status::{self, Comparison, Status};
use crate::run_dir::RunDir;

#[cfg(feature = "cluster")]
mod agent;
mod plugin;

/// Say what is loaded, and whether it is what the sources say: every object that is missing, extra or different.
///
/// Without sources it compares with those of the last `apply` on this machine since it was started, if they can be
/// read again and are those that the loaded ruleset records; otherwise it says what is loaded. The last rule of each
/// base chain decides what becomes of packets that nothing else matched, so it is shown. Who made a change can be told
/// only by whoever was listening at that moment; otherwise it says that nobody was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, version)]
pub(super) struct Args {
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Ask the agent that runs on this machine: what it enforces and since when, its sources and what is wrong with
    /// them, what others changed, pods whose addresses are not known yet.
    #[cfg(feature = "cluster")]
    #[arg(long, conflicts_with_all = ["host", "manifests", "baseline", "node", "config", "keep_going"])]
    agent: bool,

    #[command(flatten)]
    plugin: PluginArgs,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade status --config /etc/palisade/palisade.yaml
  palisade status --agent --format json
  palisade status --agent --format nagios -w 60 -c 300 -t 10
  palisade status --format prometheus > /var/lib/prometheus/node-exporter/palisade.prom

Exit codes:
  0  loaded, and in sync where it was compared
  1  not loaded, drift, pods between which a bridge hides packets, or objects are broken (--keep-going)
  2  the input, the usage or the configuration is wrong
  3  the kernel cannot be read: CAP_NET_ADMIN in the network namespace is needed; with --agent:
     no agent answers
With --agent: 0 ready, 1 not ready
With --format nagios:
  0 OK, 1 WARNING (unconfirmed, or pods between which a bridge hides packets), 2 CRITICAL (not
  loaded, drift), 3 UNKNOWN (all else)
With --agent --format nagios:
  0 OK, 1 WARNING (not ready, a source is lost, others changed the tables in the last 15 minutes,
  its lease cannot be written),
  2 CRITICAL (no agent answers, nothing is enforced, the last attempt to apply failed), 3 UNKNOWN";

/// The forms of a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON, described in docs/reference/status-json.md.
    Json,
    /// The line and the exit code of a monitoring plugin.
    Nagios,
    /// Metrics in the text format of Prometheus, listed in docs/reference/metrics.md.
    Prometheus,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    #[cfg(feature = "cluster")]
    if args.agent {
        return agent::run(args.format, &args.plugin);
    }
    if args.format == Format::Nagios {
        let line = || match found(&args.sources, color) {
            Ok((found, _)) => status::nagios(&found, args.plugin.thresholds()),
            Err(failure) => unknown(&failure),
        };
        return args.plugin.run(line).map(Outcome::Plugin);
    }
    args.plugin.refuse()?;
    let (found, outcome) = found(&args.sources, color)?;
    super::print(&match args.format {
        Format::Text | Format::Nagios => status::text(&found),
        Format::Json => status::json(&found),
        Format::Prometheus => status::prometheus(&found),
    })?;
    let as_it_should = found.is_loaded() && found.in_sync() != Some(false) && found.not_enforced.is_empty();
    Ok(if as_it_should { outcome } else { Outcome::Findings })
}

/// What could not be found out.
fn unknown(failure: &Failure) -> Line {
    let (Failure::Input(error) | Failure::Refused(error) | Failure::Incomplete(error)) = failure;
    Line::new(PluginState::Unknown, &format!("{error:#}"))
}

fn found(sources: &SourceArgs, color: Color) -> Result<(Status, Outcome), Failure> {
    let given = if sources.are_given() { Some(input::compared(sources, color)?) } else { None };
    let run = RunDir::from_environment();
    let mut kernel = live::open()?;
    let observed = live::observe(kernel.as_mut())?;
    let recorded = live::recorded(&observed);
    let wanted = match given {
        Some(desired) => Ok(desired),
        None if observed.tables.is_empty() => Err("nothing is loaded".to_owned()),
        None => recalled(&run, &observed, color),
    };
    let (comparison, not_enforced, outcome) = match wanted {
        Ok(desired) => {
            let desired = desired.with_pauses_of(&observed);
            let differences = differences(&observed, &desired, kernel.as_ref());
            (Comparison::Compared(differences), bridges::unseen(&desired), desired.outcome)
        }
        Err(why) => (Comparison::NotCompared(why), Vec::new(), Outcome::Clean),
    };
    // Without the right to look, or without the folder, nothing is known to await a confirmation.
    let probation = confirm::probation(&run).unwrap_or(confirm::Probation::None);
    Ok((Status { observed, recorded, comparison, not_enforced, probation }, outcome))
}

fn differences(observed: &Observed, desired: &Desired, kernel: &dyn Kernel) -> Vec<engine::diff::Change> {
    changes(observed, &desired.ruleset, live::flags(kernel))
}

/// What the last apply was given, compiled again, if that is what is loaded; else why not.
fn recalled(run: &RunDir, observed: &Observed, color: Color) -> Result<Desired, String> {
    let applied = input::last_applied(run)?;
    let on_errors = if applied.keep_going { OnErrors::FailClosed } else { OnErrors::Refuse };
    let desired = match input::desired_of(&applied.config().comparing(), on_errors, color) {
        Ok(desired) => desired,
        Err(Failure::Input(error) | Failure::Refused(error) | Failure::Incomplete(error)) => {
            return Err(format!("the sources of the last apply cannot be used again: {error:#}"));
        }
    };
    let recorded = live::recorded(observed);
    let records = &desired.loaded.records;
    let same = live::dropped(&recorded, records).is_empty() && live::dropped(records, &recorded).is_empty();
    if same {
        Ok(desired)
    } else {
        Err("no sources are given, and the loaded ruleset is not of the last apply".to_owned())
    }
}
