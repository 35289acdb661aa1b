//! `palisade status --agent`.

use std::io;

use anyhow::anyhow;

use super::plugin::PluginArgs;
use super::{Format, unknown};
use crate::agent::{ask, serve};
use crate::cli::{Failure, Outcome};
use crate::report::plugin::{Line, PluginState};
use crate::report::{self, agent as report_agent};
use crate::run_dir::RunDir;

pub(super) fn run(format: Format, plugin: &PluginArgs) -> Result<Outcome, Failure> {
    let socket = RunDir::from_environment().file(serve::SOCKET);
    let refused = |error: io::Error| {
        let no_answer = format!("no agent answers at {}", socket.display());
        Failure::Refused(anyhow!(error).context(no_answer))
    };
    if format == Format::Nagios {
        let line = || match ask::report(&socket, ask::PATIENCE) {
            Ok(report) => report_agent::nagios(&report, plugin.thresholds()),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Line::new(PluginState::Critical, "no agent runs on this node; what it loaded last stays in force")
            }
            Err(error) => unknown(&refused(error)),
        };
        return plugin.run(line).map(Outcome::Plugin);
    }
    plugin.refuse()?;
    if format == Format::Prometheus {
        let metrics = ask::metrics(&socket).map_err(refused)?;
        super::super::print(&metrics)?;
        return Ok(Outcome::Clean);
    }
    let found = ask::report(&socket, ask::PATIENCE).map_err(refused)?;
    super::super::print(&match format {
        Format::Json => report::pretty(&found),
        Format::Text | Format::Nagios | Format::Prometheus => report_agent::text(&found),
    })?;
    Ok(if found.ready { Outcome::Clean } else { Outcome::Findings })
}
