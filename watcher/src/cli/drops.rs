//! `palisade drops`: what is denied, and by which source line.

use clap::ValueEnum;

use super::input::SourceArgs;
use super::{Failure, Outcome, live};
use crate::report::{Color, drops as report_drops};

#[cfg(feature = "kernel")]
mod follow;
#[cfg(feature = "kernel")]
mod names;

/// Say what the loaded ruleset has denied, and which line of which source denied it.
///
/// Without `--follow` it prints what each place has counted since it came to be, those with most packets first. The
/// counters are exact, and a change of rules does not reset them. With `--follow` it prints packets as they are denied,
/// with the names of pods and nodes, until it is stopped. The ruleset logs at most 10 packets a second at each place,
/// after a burst of 20, so of a flood only some are printed.
///
/// The names come from the sources that are given, or else from the agent of this node, or where none runs from the
/// sources of the last `apply` since the machine was started. An address that nobody there has is printed as it is. The source lines come from the kernel.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Print packets as they are denied. One process in a network namespace can do that.
    #[arg(long)]
    follow: bool,

    /// Stop after this many packets.
    #[arg(long, value_name = "NUMBER", requires = "follow", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Which packets to follow: those that are denied, those that would be but are only observed, those that a rule with
    /// `audit: true` would deny, or those that a rule with `log: true` permits.
    #[arg(long, value_name = "EVENT", requires = "follow", value_enum, value_delimiter = ',')]
    #[arg(default_values = ["denied", "observed"])]
    events: Vec<EventWord>,

    /// The NFLOG group that the loaded ruleset logs to.
    #[arg(long, value_name = "NUMBER", default_value_t = engine::compile::options::LOG_GROUP)]
    group: u16,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade drops
  palisade drops --follow
  palisade drops --follow --format json --count 100 | jq -r .line | sort | uniq -c

Exit codes:
  0  printed
  1  nothing is loaded
  2  the usage or a given source is wrong
  3  the kernel cannot be read: CAP_NET_ADMIN in the network namespace is needed, or another
     process follows already";

/// What happened to a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum EventWord {
    /// It was dropped or rejected.
    Denied,
    /// A rule with `audit: true` would deny it.
    Audited,
    /// A rule with `log: true` permits it or passes it on.
    Logged,
    /// It would be dropped, but what denies it is only observed.
    Observed,
}

/// The forms of what is denied.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON, described in docs/reference/drops-json.md; with `--follow` an object on each line.
    Json,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    if args.follow {
        return follow(args, color);
    }
    let mut kernel = live::open()?;
    let Some(places) = live::places(kernel.as_mut())? else {
        super::print(match args.format {
            Format::Text => "not loaded\n",
            Format::Json => "null\n",
        })?;
        return Ok(Outcome::Findings);
    };
    super::print(&match args.format {
        Format::Text => report_drops::totals(&places),
        Format::Json => report_drops::totals_json(&places),
    })?;
    Ok(Outcome::Clean)
}

#[cfg(feature = "kernel")]
use self::follow::follow;

#[cfg(not(feature = "kernel"))]
fn follow(args: &Args, _: Color) -> Result<Outcome, Failure> {
    let Args { follow: _, count: _, events: _, group: _, format: _, sources: _ } = args;
    live::open().map(|_| Outcome::Clean)
}
