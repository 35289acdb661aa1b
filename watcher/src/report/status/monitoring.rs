//! The state for monitoring systems: a plugin's line, and metrics as text.

use super::{Size, Status};
use crate::confirm::Probation;
use crate::report::plugin::{Line, PluginState, Range, Thresholds};

/// Any object that differs is critical, unless it is said otherwise.
const DEFAULTS: Thresholds = Thresholds { warning: None, critical: Some(Range::up_to(0)) };

/// The line of a plugin. Not loaded is critical, an unconfirmed ruleset and pods between which a bridge hides packets are
/// a warning; the thresholds are those of the number of objects that differ.
pub fn nagios(status: &Status, thresholds: Thresholds) -> Line {
    let thresholds = thresholds.or(DEFAULTS);
    let Size { chains, rules, sets, elements } = status.size();
    let drift = status.drift();
    let n_drift = u64::try_from(drift.len()).unwrap_or(u64::MAX);
    let unconfirmed = match status.probation {
        Probation::None => "",
        Probation::Guarded => ", awaits confirmation",
        Probation::Unguarded => ", never confirmed",
    };
    let unseen = match status.not_enforced.len() {
        0 => String::new(),
        n => format!(", {n} bridges hide pods from it"),
    };
    let least = match (status.is_loaded(), status.probation, status.not_enforced.is_empty()) {
        (false, _, _) => PluginState::Critical,
        (true, Probation::None, true) => PluginState::Ok,
        (true, _, _) => PluginState::Warning,
    };
    let state = least.max(thresholds.judge(n_drift));
    let none = Thresholds::default();
    let number = |n: usize| n.to_string();
    let changes: Vec<String> = drift.iter().map(|change| format!("{} {change}", change.difference.found())).collect();
    let bridges: Vec<String> = status.not_enforced.iter().map(ToString::to_string).collect();
    let observing = if status.observing().is_empty() { "" } else { ", only observing" };
    Line::new(state, &format!("{}{unconfirmed}{observing}{unseen}", status.headline()))
        .with("drift", &n_drift.to_string(), thresholds)
        .with("chains", &number(chains), none)
        .with("rules", &number(rules), none)
        .with("sets", &number(sets), none)
        .with("elements", &number(elements), none)
        .with_long(changes.iter().chain(&bridges).map(String::as_str))
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
pub const METRICS: [Metric; 9] = [
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
        name: "palisade_observing",
        help: "1 if something that would be dropped is not, because it is only observed or paused.",
        value: |status| Some(usize::from(!status.observing().is_empty())),
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
