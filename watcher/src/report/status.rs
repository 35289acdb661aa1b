//! What is loaded, and whether it is what it should be.

use engine::compile::bridge::Unseen;
use engine::compile::marker::SourceRecord;
use engine::diff::{Change, Difference};
use engine::observed::{Observed, ObservedTable};
use serde::Serialize;

use crate::confirm::Probation;
use crate::observing;

mod ends;
mod json;
mod monitoring;

pub use self::json::json;
pub use self::monitoring::{METRICS, Metric, nagios, prometheus};

/// Why nobody is named: the kernel tells who commits only to those who listen at that moment.
const NOT_KNOWN: &str = "not known (nothing was listening when it happened)";

/// What `status` found.
#[derive(Debug)]
pub struct Status {
    /// Our tables in the kernel.
    pub observed: Observed,
    /// What they say that they were built from.
    pub recorded: Vec<SourceRecord>,
    /// Whether they are what the sources want.
    pub comparison: Comparison,
    /// Bridges between whose pods nothing is enforced, as far as that was looked at.
    pub not_enforced: Vec<Unseen>,
    /// Whether they await a confirmation.
    pub probation: Probation,
}

/// Whether kernel and sources agree.
#[derive(Debug)]
pub enum Comparison {
    /// Each difference; none means in sync.
    Compared(Vec<Change>),
    /// Not to be told, for this reason.
    NotCompared(String),
}

/// Numbers of objects in one table.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
struct Size {
    chains: usize,
    rules: usize,
    sets: usize,
    elements: usize,
}

impl Status {
    /// Whether there is any table of ours.
    pub fn is_loaded(&self) -> bool {
        !self.observed.tables.is_empty()
    }

    /// Every difference that is known of.
    pub fn drift(&self) -> &[Change] {
        match &self.comparison {
            Comparison::Compared(drift) => drift,
            Comparison::NotCompared(_) => &[],
        }
    }

    /// Whether kernel and sources agree, as far as that can be told.
    pub fn in_sync(&self) -> Option<bool> {
        match &self.comparison {
            Comparison::Compared(drift) => Some(self.is_loaded() && drift.is_empty()),
            Comparison::NotCompared(_) => None,
        }
    }

    /// What of it is only observed.
    fn observing(&self) -> Vec<String> {
        observing::loaded(&self.observed)
    }

    /// All tables together.
    fn size(&self) -> Size {
        self.observed.tables.values().map(size).fold(Size::default(), |all, one| Size {
            chains: all.chains + one.chains,
            rules: all.rules + one.rules,
            sets: all.sets + one.sets,
            elements: all.elements + one.elements,
        })
    }

    /// The state in one line: the first of the text, and that of a monitoring plugin.
    fn headline(&self) -> String {
        if !self.is_loaded() {
            return "not loaded".to_owned();
        }
        match &self.comparison {
            Comparison::Compared(drift) if drift.is_empty() => "in sync".to_owned(),
            Comparison::Compared(drift) => {
                let differ = if drift.len() == 1 { "object differs" } else { "objects differ" };
                format!("drift: {} {differ} from what the sources say", drift.len())
            }
            Comparison::NotCompared(why) => format!("loaded, not compared: {why}"),
        }
    }
}

/// For people.
pub fn text(status: &Status) -> String {
    let mut lines = vec![status.headline()];
    if status.is_loaded() {
        let drift = status.drift();
        lines.extend(drift.iter().map(|change| format!("  {} {change}", found(&change.difference))));
        if !drift.is_empty() {
            lines.push(format!("  changed by: {NOT_KNOWN}"));
        }
        match status.probation {
            Probation::None => {}
            Probation::Guarded => lines.push("awaits confirmation: `palisade confirm` keeps it".to_owned()),
            Probation::Unguarded => {
                lines.push("was never confirmed, and the guard that would revert it is dead: it stays".to_owned());
            }
        }
        lines.extend(status.observed.tables.iter().map(|(key, table)| {
            let Size { chains, rules, sets, elements } = size(table);
            format!("table {key}: {chains} chains, {rules} rules, {sets} sets, {elements} elements")
        }));
        lines.extend(status.observing());
        lines.extend(status.not_enforced.iter().map(ToString::to_string));
        lines.extend(status.recorded.iter().map(|source| format!("built from: {source}")));
        lines.extend(ends::base_chains(&status.observed).iter().map(ToString::to_string));
    }
    lines.join("\n") + "\n"
}

fn found(difference: &Difference) -> &'static str {
    difference.found()
}

fn size(table: &ObservedTable) -> Size {
    Size {
        chains: table.chains.len(),
        rules: table.chains.values().map(|chain| chain.rules.len()).sum(),
        sets: table.sets.len(),
        elements: table.sets.values().map(|set| set.elements.len()).sum(),
    }
}
