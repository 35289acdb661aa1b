//! The state for monitoring systems: a plugin's line and exit code, and metrics as text.

use super::{Size, Status};
use crate::confirm::Probation;

/// The states of a monitoring plugin, by their exit codes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum PluginState {
    /// 0.
    Ok,
    /// 1.
    Warning,
    /// 2.
    Critical,
    /// 3.
    Unknown,
}

impl PluginState {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// How bad it is: not loaded and drift are critical, an unconfirmed ruleset is a warning.
pub fn plugin_state(status: &Status) -> PluginState {
    if !status.is_loaded() || status.in_sync() == Some(false) {
        return PluginState::Critical;
    }
    match status.probation {
        Probation::None => PluginState::Ok,
        Probation::Guarded | Probation::Unguarded => PluginState::Warning,
    }
}

/// The line of a monitoring plugin, with performance data, and the differences as long text.
pub fn nagios(status: &Status) -> String {
    let Size { chains, rules, sets, elements } = status.size();
    let unconfirmed = match status.probation {
        Probation::None => "",
        Probation::Guarded => ", awaits confirmation",
        Probation::Unguarded => ", never confirmed",
    };
    let drift = status.drift();
    let mut text = format!(
        "PALISADE {} - {}{unconfirmed} | drift={};;1;0 chains={chains} rules={rules} sets={sets} elements={elements}\n",
        plugin_state(status).word(),
        plain(&status.headline()),
        drift.len(),
    );
    for change in drift {
        text.push_str(&plain(&format!("{} {change}", change.difference.found())));
        text.push('\n');
    }
    text
}

/// The line of a plugin that could not find out.
pub fn nagios_unknown(why: &str) -> String {
    format!("PALISADE {} - {}\n", PluginState::Unknown.word(), plain(why))
}

/// Text in front of performance data cannot hold the sign that begins them, nor a line's end.
fn plain(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

/// A metric: a gauge without labels.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its value, unless it cannot be told.
    value: fn(&Status) -> Option<usize>,
}

/// Every metric of `status --format prometheus`.
pub const METRICS: [Metric; 8] = [
    Metric {
        name: "palisade_loaded",
        help: "1 if a ruleset is loaded.",
        value: |status| Some(usize::from(status.is_loaded())),
    },
    Metric {
        name: "palisade_in_sync",
        help: "1 if the kernel has what the sources say. Absent where there is nothing to compare with.",
        value: |status| status.in_sync().map(usize::from),
    },
    Metric {
        name: "palisade_drift_objects",
        help: "Objects that differ from what the sources say. Absent where there is nothing to compare with.",
        value: |status| status.in_sync().map(|_| status.drift().len()),
    },
    Metric {
        name: "palisade_unconfirmed",
        help: "1 if the ruleset awaits a confirmation or never got it.",
        value: |status| Some(usize::from(status.probation != Probation::None)),
    },
    Metric {
        name: "palisade_ruleset_chains",
        help: "Chains in the kernel.",
        value: |status| Some(status.size().chains),
    },
    Metric { name: "palisade_ruleset_rules", help: "Rules in the kernel.", value: |status| Some(status.size().rules) },
    Metric {
        name: "palisade_ruleset_sets",
        help: "Named sets and maps in the kernel.",
        value: |status| Some(status.size().sets),
    },
    Metric {
        name: "palisade_set_elements",
        help: "Elements of named sets and maps in the kernel, those that rules added not counted.",
        value: |status| Some(status.size().elements),
    },
];

/// Metrics in the text format of Prometheus, for the textfile collector of a node exporter.
pub fn prometheus(status: &Status) -> String {
    METRICS
        .iter()
        .filter_map(|Metric { name, help, value }| {
            let value = value(status)?;
            Some(format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"))
        })
        .collect()
}
