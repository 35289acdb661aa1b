//! The arguments that plugins of monitoring systems have, and the time that they may take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;

use crate::cli::Failure;
use crate::report;
use crate::report::plugin::{Line, PluginState, Range, Thresholds};

/// Arguments of `--format nagios`.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PluginArgs {
    /// With --format nagios: warn if the value is outside of this range, like 10, 10:, ~:10, 10:20, or inside of one like
    /// @10:20. The value is the number of objects that differ; with --agent, the seconds that the oldest change has not
    /// been in force [default with --agent: 60].
    #[arg(short, long, value_name = "RANGE")]
    warning: Option<Range>,

    /// The same for a critical state [default: 0; with --agent: 300].
    #[arg(short, long, value_name = "RANGE")]
    critical: Option<Range>,

    /// With --format nagios: after so many seconds the state is unknown [default: 10].
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    timeout: Option<u16>,
}

/// Seconds, unless it is said otherwise: plugins are killed after 60 by most who run them.
const TIMEOUT: u16 = 10;

impl PluginArgs {
    /// When to be concerned.
    pub(super) fn thresholds(&self) -> Thresholds {
        Thresholds { warning: self.warning, critical: self.critical }
    }

    /// Fails if any is given.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        match self {
            Self { warning: None, critical: None, timeout: None } => Ok(()),
            Self { .. } => Err(Failure::Input(anyhow!("--warning, --critical and --timeout are for --format nagios"))),
        }
    }

    /// Runs, and prints what it found; ends the process if that takes too long.
    pub(super) fn run(&self, work: impl FnOnce() -> Line) -> Result<PluginState, Failure> {
        static IS_ANSWERED: AtomicBool = AtomicBool::new(false);
        let limit = Duration::from_secs(self.timeout.unwrap_or(TIMEOUT).into());
        thread::spawn(move || {
            thread::sleep(limit);
            if !IS_ANSWERED.swap(true, Ordering::Relaxed) {
                let line = Line::new(PluginState::Unknown, &format!("no answer within {} s", limit.as_secs()));
                // Whether anybody reads it makes no difference any more.
                drop(report::result(&line.print()));
                exit(PluginState::Unknown);
            }
        });
        let line = work();
        if IS_ANSWERED.swap(true, Ordering::Relaxed) {
            // The other thread is about to end the process.
            thread::sleep(limit);
        }
        super::super::print(&line.print())?;
        Ok(line.state())
    }
}

#[expect(clippy::exit, reason = "what takes too long cannot be told to end")]
fn exit(state: PluginState) -> ! {
    std::process::exit(state.code().into())
}
