//! The command line: literal arguments first, their meaning second, then the work. One file for each command.
//!
//! Exit codes are a promise: see [`EXIT_CODES`].

use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::report::plugin::{Line, PluginState};
use crate::report::{self, Color};

#[cfg(feature = "cluster")]
mod agent;
mod apply;
mod bridges;
mod compile;
mod completions;
mod confirm;
mod demo;
mod diff;
#[cfg(feature = "kernel")]
mod doctor;
mod drops;
mod explain;
mod flows;
mod given;
mod host;
mod init;
mod input;
#[cfg(feature = "cluster")]
mod kubectl;
mod lint;
mod live;
mod man;
mod map;
#[cfg(feature = "kernel")]
mod migrate;
mod outcome;
mod output;
#[cfg(feature = "cluster")]
mod pause;
mod plan;
mod probation;
mod progress;
mod reference;
mod revert;
mod rule;
mod status;
mod teardown;
mod test;
mod top;
#[cfg(feature = "kernel")]
mod trace;

use self::outcome::{Failure, Outcome};
#[cfg(feature = "kernel")]
pub use self::reference::doctor_reference;
pub use self::reference::{config_reference, lints_reference, metrics_reference, reference};

/// What the exit codes of every command mean, for `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  clean, in sync, nothing to do
  1  drift, changes in a plan, not loaded, reverted, or written but incomplete under --keep-going
  2  the input, the usage or the configuration is wrong; nothing was written
  3  the kernel, a missing permission or another owner of the tables stands in the way;
     nothing was written";

/// Kubernetes network policy, an enforced egress baseline and ferm-style host rules as one nftables ruleset, swapped
/// into the kernel without losing or leaking a packet.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    /// When to colour findings on standard error: auto, which means on a terminal unless `NO_COLOR` is set, always or
    /// never.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    #[arg(hide_possible_values = true)]
    color: ColorChoice,

    #[command(subcommand)]
    command: Command,
}

// To describe the arguments of every command is a sixth of the instructions of an apply of one rule, so it waits until one is
// named.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    Compile(compile::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Confirm(confirm::Args),
    #[cfg(feature = "cluster")]
    Agent(agent::Args),
    #[cfg(feature = "cluster")]
    Pause(pause::PauseArgs),
    #[cfg(feature = "cluster")]
    Resume(pause::ResumeArgs),
    Status(status::Args),
    #[cfg(feature = "kernel")]
    Doctor(doctor::Args),
    Drops(drops::Args),
    Top(top::Args),
    #[cfg(feature = "kernel")]
    Trace(trace::Args),
    Explain(explain::Args),
    Map(map::Args),
    Diff(diff::Args),
    Lint(lint::Args),
    Test(test::Args),
    Rule(rule::Args),
    Init(init::Args),
    Teardown(teardown::Args),
    Host(host::Args),
    Demo(demo::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Revert(revert::Args),
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Runs the program on the arguments of this process.
pub fn main() -> ExitCode {
    #[cfg(feature = "cluster")]
    if let Some(ended) = kubectl::called(std::env::args_os().next().as_ref()) {
        return ended;
    }
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let color = match cli.color {
        ColorChoice::Auto => report::stderr_color(),
        ColorChoice::Always => Color::Styled,
        ColorChoice::Never => Color::Plain,
    };
    let done = match cli.command {
        Command::Compile(args) => compile::run(&args, color),
        Command::Plan(args) => plan::run(&args, color),
        Command::Apply(args) => apply::run(&args, color),
        Command::Confirm(args) => confirm::run(&args),
        #[cfg(feature = "cluster")]
        Command::Agent(args) => agent::run(&args, color),
        #[cfg(feature = "cluster")]
        Command::Pause(args) => pause::pause(&args),
        #[cfg(feature = "cluster")]
        Command::Resume(args) => pause::resume(&args),
        Command::Status(args) => status::run(&args, color),
        #[cfg(feature = "kernel")]
        Command::Doctor(args) => doctor::run(&args, color),
        Command::Drops(args) => drops::run(&args, color),
        Command::Top(args) => top::run(&args),
        #[cfg(feature = "kernel")]
        Command::Trace(args) => trace::run(&args),
        Command::Explain(args) => explain::run(&args, color),
        Command::Map(args) => map::run(&args, color),
        Command::Diff(args) => diff::run(&args, color),
        Command::Lint(args) => lint::run(&args, color),
        Command::Test(args) => test::run(&args, color),
        Command::Rule(args) => rule::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Teardown(args) => teardown::run(&args),
        Command::Host(args) => host::run(&args, color),
        Command::Demo(args) => demo::run(&args, color),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
        Command::Revert(args) => revert::run(&args),
    };
    outcome::exit(done)
}

/// The arguments of this process.
fn parse() -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    let is_named = std::env::args_os().nth(1).is_some_and(|word| command.find_subcommand(word).is_some());
    if !is_named {
        // What is asked of all commands together, such as their list, needs the words of each.
        command.build();
    }
    let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// `--help` and `--version` are results; anything else that cannot be parsed is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() && std::env::args_os().any(|word| word == "nagios" || word == "--format=nagios") {
        // Whoever runs plugins takes a 2 for the state of what is watched.
        let line = Line::new(PluginState::Unknown, text.trim_end());
        // Whether anybody reads it makes no difference any more.
        drop(report::result(&line.print()));
        return ExitCode::from(PluginState::Unknown.code());
    }
    if error.use_stderr() {
        report::message(&text);
        return ExitCode::from(2);
    }
    match report::result(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

/// Prints a result.
fn print(text: &str) -> Result<(), Failure> {
    print_on(text).map(drop)
}

/// Prints a piece of a result that goes on; breaks when nobody reads any more.
fn print_on(text: &str) -> Result<ControlFlow<()>, Failure> {
    report::stream(text).map_err(|error| Failure::Input(anyhow::Error::new(error).context("writing the result")))
}
