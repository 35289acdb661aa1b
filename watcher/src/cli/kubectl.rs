//! `kubectl palisade`: the commands of an agent's node, reached through the API server.
//!
//! The program is its own plugin: under the name `kubectl-palisade` it speaks like one. Whom to ask and with which
//! credentials is kubectl's business, which is run for both the look-up and the command (docs/adr/0013).

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use super::outcome::{self, Failure, Outcome};

mod call;
pub(super) mod complete;
mod explain;
mod target;

use self::target::Target;

/// The name under which the program is the plugin.
const PROGRAM: &str = "kubectl-palisade";

/// Ask the agents of a cluster: what is enforced, what is denied, what is wrong with a node.
///
/// It finds the agent's pod of a node, or of the node that a pod runs on, and runs the command there by `kubectl exec`.
/// `explain` runs here, on the objects that the API server has. kubectl itself is run for all of it, with the flags
/// below passed on.
#[derive(Debug, Parser)]
#[command(name = "kubectl-palisade", bin_name = "kubectl palisade", version, after_help = EXAMPLES, max_term_width = 100)]
struct Plugin {
    #[command(flatten)]
    access: call::Access,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  kubectl palisade status --node node-a
  kubectl palisade drops -n shop web-1 --follow
  kubectl palisade doctor --node node-a --format json
  kubectl palisade explain shop/web-1 shop/db-1:5432

Exit codes:
  those of the command that is run on the node; 2 if the usage is wrong; 3 if kubectl fails, there is
  no such pod, or no agent runs on its node";

#[derive(Debug, Subcommand)]
enum Command {
    /// What the agent enforces and since when, its sources, and what is wrong (`palisade status --agent`).
    Status {
        #[command(flatten)]
        target: Target,
        /// The form of the output.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// What the node denies, and by which source line (`palisade drops`).
    Drops {
        #[command(flatten)]
        target: Target,
        /// The form of the output.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Print packets as they are denied, until it is stopped.
        #[arg(long)]
        follow: bool,
        /// Stop after this many packets.
        #[arg(long, value_name = "NUMBER", requires = "follow")]
        count: Option<u64>,
    },
    /// What on the node would make enforcement a lie or a lock-out (`palisade doctor`).
    Doctor {
        #[command(flatten)]
        target: Target,
        /// The form of the output.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Whether FROM may connect to TO, and why, by the objects that the API server has (`palisade explain`).
    Explain(explain::Args),
}

/// The forms of an output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON.
    Json,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Runs what is meant, if the program was called by its name as a plugin, or by that of the plugin's completion.
pub(super) fn called(program: Option<&OsString>) -> Option<ExitCode> {
    let name = program.map(Path::new).and_then(Path::file_name)?;
    if name == PROGRAM {
        Some(main())
    } else if name == complete::PROGRAM {
        Some(complete::main())
    } else {
        None
    }
}

/// The help of the plugin, for the reference.
pub(super) fn command() -> clap::Command {
    <Plugin as clap::CommandFactory>::command()
}

/// Runs the plugin on the arguments of this process.
fn main() -> ExitCode {
    match Plugin::try_parse() {
        Ok(plugin) => outcome::exit(run(&plugin)),
        Err(error) => super::usage(&error),
    }
}

fn run(Plugin { access, command }: &Plugin) -> Result<Outcome, Failure> {
    let (target, arguments) = match command {
        Command::Status { target, format } => (target, words(&["status", "--agent", "--format", format.word()])),
        Command::Drops { target, format, follow, count } => {
            let mut arguments = words(&["drops", "--format", format.word()]);
            arguments.extend(follow.then(|| "--follow".to_owned()));
            arguments.extend(count.iter().flat_map(|count| ["--count".to_owned(), count.to_string()]));
            (target, arguments)
        }
        Command::Doctor { target, format } => (target, words(&["doctor", "--format", format.word()])),
        Command::Explain(args) => return explain::run(access, args),
    };
    let agent = target::agent(access, target)?;
    let mut arguments = arguments;
    if matches!(command, Command::Doctor { .. }) {
        arguments.extend(["--node".to_owned(), agent.node.clone()]);
        arguments.extend(agent.config.iter().flat_map(|path| ["--config".to_owned(), path.clone()]));
    }
    Err(call::become_exec(access, &agent, &arguments))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
