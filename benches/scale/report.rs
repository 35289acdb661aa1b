//! The figures as a table, as JSON, and as one closing line.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

/// What a figure is to be at most.
#[derive(Clone, Copy)]
pub(crate) struct Goal {
    what: &'static str,
    most: f64,
}

impl Goal {
    pub(crate) const fn at_most(what: &'static str, most: f64) -> Self {
        Self { what, most }
    }
}

/// One measurement.
#[derive(Clone, Serialize)]
pub(crate) struct Figure {
    of: &'static str,
    what: String,
    value: f64,
    goal: Option<f64>,
}

/// The measurements of one cluster.
pub(crate) struct Figures {
    of: &'static str,
    goals: Vec<Goal>,
    all: Vec<Figure>,
}

impl Figures {
    pub(crate) fn new(of: &'static str, goals: &[Goal]) -> Self {
        Self { of, goals: goals.to_vec(), all: Vec::new() }
    }

    pub(crate) fn add(&mut self, what: impl Into<String>, figure: f64) {
        let what = what.into();
        let goal = self.goals.iter().find(|goal| goal.what == what).map(|goal| goal.most);
        eprintln!("{}: {what}: {figure:.3}", self.of);
        self.all.push(Figure { of: self.of, what, value: figure, goal });
    }

    /// The median and the 99th percentile, in milliseconds.
    pub(crate) fn add_percentiles(&mut self, what: impl Into<String>, milliseconds: &[f64]) {
        let what = what.into();
        let mut sorted = milliseconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        for percent in [50, 99] {
            let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            self.add(format!("{what}, p{percent}, ms"), sorted[at]);
        }
    }

    /// Every goal has its figure.
    pub(crate) fn finish(self) -> Vec<Figure> {
        let n_judged = self.all.iter().filter(|figure| figure.goal.is_some()).count();
        assert_eq!(n_judged, self.goals.len(), "a goal without a figure, or with two");
        self.all
    }
}

/// The slope of the line that fits best, for each step.
pub(crate) fn slope(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let steps = || values.iter().enumerate().map(|(step, value)| (step as f64 - middle, value - mean));
    steps().map(|(x, y)| x * y).sum::<f64>() / steps().map(|(x, _)| x * x).sum::<f64>()
}

/// Prints the table and its closing line, and writes `target/bench/scale.json`.
pub(crate) fn publish(figures: &[Figure]) {
    println!("| cluster | what | figure | goal |\n|---|---|---|---|");
    for Figure { of, what, value, goal } in figures {
        let goal = goal.map(|most| format!("{most} {}", if *value <= most { "hit" } else { "**missed**" }));
        println!("| {of} | {what} | {value:.2} | {} |", goal.unwrap_or_default());
    }
    let is_missed = |figure: &&Figure| figure.goal.is_some_and(|most| figure.value > most);
    let missed: Vec<String> =
        figures.iter().filter(is_missed).map(|figure| format!("{}: {}", figure.of, figure.what)).collect();
    let closing = if missed.is_empty() { "every goal hit".into() } else { format!("missed: {}", missed.join("; ")) };
    println!("\nscale: {} figures, {closing}", figures.len());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    let table = serde_json::json!({"version": 1, "table": "scale", "figures": figures});
    fs::write(folder.join("scale.json"), format!("{table:#}\n")).unwrap();
}
