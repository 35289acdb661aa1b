//! How commands end, and the exit codes that say so.

use std::process::ExitCode;

use crate::report;
use crate::report::plugin::PluginState;

/// How a command ended that did what it was asked to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Outcome {
    /// Exit code 0.
    Clean,
    /// Exit code 1: drift, changes, not loaded, incomplete.
    Findings,
    /// The exit code of a monitoring plugin.
    Plugin(PluginState),
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// Exit code 2: input, usage or configuration. Nothing was written; findings about the input have been printed.
    Input(anyhow::Error),
    /// Exit code 3: the kernel, a permission, or another owner. Nothing was written.
    Refused(anyhow::Error),
    /// Exit code 1: written, but leftovers remain, or somebody else undoes it all the time.
    Incomplete(anyhow::Error),
}

/// The exit code, after the reason of a failure is printed.
pub(super) fn exit(done: Result<Outcome, Failure>) -> ExitCode {
    let (code, error) = match done {
        Ok(Outcome::Clean) => (0, None),
        Ok(Outcome::Findings) => (1, None),
        Ok(Outcome::Plugin(state)) => (state.code(), None),
        Err(Failure::Incomplete(error)) => (1, Some(error)),
        Err(Failure::Input(error)) => (2, Some(error)),
        Err(Failure::Refused(error)) => (3, Some(error)),
    };
    if let Some(error) = error {
        report::failure(error.as_ref());
    }
    ExitCode::from(code)
}
