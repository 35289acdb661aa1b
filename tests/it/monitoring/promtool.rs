//! Prometheus's own judge of metrics and rules. `scripts/setup.sh test` installs it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::privilege::skip;

/// The program, or nothing if this machine lacks it, which is then said.
pub(crate) fn command(test: &str) -> Option<Command> {
    let mut version = Command::new("promtool");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    match version.status() {
        Ok(status) if status.success() => Some(Command::new("promtool")),
        Ok(_) | Err(_) => {
            skip(test, "promtool is missing");
            None
        }
    }
}

/// Fails if it finds anything to say about metrics.
#[track_caller]
pub(crate) fn accepts_metrics(test: &str, metrics: &str) {
    let Some(mut promtool) = command(test) else { return };
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = said(&output);
    assert!(output.status.success() && said.is_empty(), "{said}\n{metrics}");
}

/// All that it printed.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
