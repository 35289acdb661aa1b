//! `palisade plan`: what `apply` would change.

use clap::ValueEnum;
use engine::diff::changes;

use super::input::{self, SourceArgs};
use super::{Failure, Outcome, live};
use crate::observing;
use crate::report::{self, Color, changes as report_changes};

/// Show what `apply` would change, object by object, each with the source line that it comes from. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade plan --manifests /etc/palisade/manifests --host /etc/palisade/node.ferm
  palisade plan --config /etc/palisade/palisade.yaml --format json | jq .summary

Exit codes:
  0  nothing would change
  1  something would change, or objects are broken (--keep-going)
  2  the input, the usage or the configuration is wrong
  3  the kernel cannot be read: CAP_NET_ADMIN in the network namespace is needed";

/// The forms of a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// One line for each object and for each rule of a new or removed chain: + is added, - is removed, ~ is changed.
    Text,
    /// JSON, described in docs/reference/plan-json.md.
    Json,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let desired = input::desired(&args.sources, color)?;
    let mut kernel = live::open()?;
    let observed = live::observe(kernel.as_mut())?;
    for source in live::dropped(&live::recorded(&observed), &desired.loaded.records) {
        report::message(&format!("note: apply would refuse to drop the source `{source}` without --replace"));
    }
    let desired = desired.with_pauses_of(&observed);
    for paused in observing::paused(&observed) {
        report::message(&format!(
            "note: {paused}: until it is over its rules are no part of this plan; an apply without an agent ends it"
        ));
    }
    let changes = changes(&observed, &desired.ruleset, live::flags(kernel.as_ref()));
    super::print(&match args.format {
        Format::Text => report_changes::plan(&changes, &observed, &desired.ruleset),
        Format::Json => report_changes::plan_json(&changes, &observed, &desired.ruleset),
    })?;
    Ok(if changes.is_empty() { desired.outcome } else { Outcome::Findings })
}
