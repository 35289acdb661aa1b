//! `palisade top`: live counters per policy, or per line of the host rules.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use engine::kernel::Kernel;

use super::{Failure, Outcome, live};
use crate::drops::lines::{LineCount, by_line};
use crate::drops::{PolicyCount, by_policy};
use crate::report::lines as report_lines;
use crate::report::top as report_top;

/// Takes the cursor of a terminal home and clears what is there.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// Show what each policy denies, audits and logs: on a terminal again and again, with the policies that deny most now
/// at the top, otherwise once.
///
/// A policy's numbers are the sums over its places in the loaded ruleset, both directions together; `palisade drops`
/// shows each of them. Pods that several policies isolate are counted for the first of these policies.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Show what each line of the host rules has counted instead: packets that all of its matches were true for, whatever
    /// became of them. Counting begins when a line's rule is loaded.
    #[arg(long)]
    host: bool,

    /// With --host: name the lines that have counted nothing, and end.
    #[arg(long, requires = "host", conflicts_with_all = ["interval", "lines"])]
    unused: bool,

    /// Print once and end, also on a terminal. JSON is always printed once.
    #[arg(long)]
    once: bool,

    /// Seconds between two looks, 1 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=3600))]
    interval: u32,

    /// At most this many policies, or lines of host rules [default: 20 on a terminal, all otherwise].
    #[arg(long, value_name = "NUMBER")]
    lines: Option<usize>,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  palisade top
  palisade top --host
  palisade top --host --unused
  palisade top --format json | jq '.policies[0]'

Exit codes:
  0  printed
  1  nothing is loaded
  2  the usage is wrong
  3  the kernel cannot be read: CAP_NET_ADMIN in the network namespace is needed";

/// The forms of the counters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// JSON, described in docs/reference/top-json.md.
    Json,
}

/// Reads counters; nothing if nothing is loaded.
type Look<T> = fn(&mut dyn Kernel) -> Result<Option<Vec<T>>, Failure>;

/// Makes a table for people, with what was counted a while ago.
type Table<T> = fn(&[T], Option<(&[T], Duration)>, usize) -> String;

/// One kind of counters: how they are read and shown.
struct View<T> {
    look: Look<T>,
    table: Table<T>,
    json: fn(&[T]) -> String,
}

const POLICIES: View<PolicyCount> = View { look: policies, table: report_top::table, json: report_top::json };
const LINES: View<LineCount> = View { look: lines, table: report_lines::table, json: report_lines::json };
const UNUSED: View<LineCount> =
    View { look: unused, table: |lines, _, _| report_lines::names(lines), json: report_lines::json };

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    match (args.host, args.unused) {
        (false, _) => watch(args, &POLICIES),
        (true, false) => watch(args, &LINES),
        (true, true) => watch(args, &UNUSED),
    }
}

fn policies(kernel: &mut dyn Kernel) -> Result<Option<Vec<PolicyCount>>, Failure> {
    Ok(live::places(kernel)?.map(|places| by_policy(&places)))
}

fn lines(kernel: &mut dyn Kernel) -> Result<Option<Vec<LineCount>>, Failure> {
    Ok(live::counted(kernel)?.map(by_line))
}

fn unused(kernel: &mut dyn Kernel) -> Result<Option<Vec<LineCount>>, Failure> {
    Ok(lines(kernel)?.map(|lines| lines.into_iter().filter(|line| line.count.packets == 0).collect()))
}

fn watch<T>(args: &Args, view: &View<T>) -> Result<Outcome, Failure> {
    let is_live = args.format == Format::Text && !args.once && !args.unused && io::stdout().is_terminal();
    let lines = args.lines.unwrap_or(if is_live { 20 } else { usize::MAX });
    let mut kernel = live::open()?;
    let mut before: Option<(Vec<T>, Instant)> = None;
    loop {
        let Some(counts) = (view.look)(kernel.as_mut())? else {
            super::print(match args.format {
                Format::Text => "not loaded\n",
                Format::Json => "null\n",
            })?;
            return Ok(Outcome::Findings);
        };
        let now = Instant::now();
        let since = before.as_ref().map(|(counts, then)| (counts.as_slice(), now.duration_since(*then)));
        let text = match args.format {
            Format::Text => (view.table)(&counts, since, lines),
            Format::Json => (view.json)(&counts),
        };
        if !is_live {
            super::print(&text)?;
            return Ok(Outcome::Clean);
        }
        if super::print_on(&format!("{CLEAR}{text}"))? == ControlFlow::Break(()) {
            return Ok(Outcome::Clean);
        }
        before = Some((counts, now));
        thread::sleep(Duration::from_secs(args.interval.into()));
    }
}
