//! Ratios of one run as a table, as JSON, and as one closing line.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Figures of one thing, a figure for each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// What was measured.
    pub(crate) name: String,
    /// In the unit of the table, in the order of the rounds.
    pub(crate) figures: Vec<f64>,
}

/// What a ratio has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// For comparison only.
    Nothing,
}

/// Two series of the same rounds.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What both were asked to do.
    pub(crate) case: String,
    /// One.
    pub(crate) subject: Series,
    /// The other.
    pub(crate) peer: Series,
    /// `false`: the ratio is subject by peer. `true`: peer by subject.
    pub(crate) inverted: bool,
    /// What the ratio has to be.
    pub(crate) goal: Goal,
}

/// Rows of one unit.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Its name, and that of its file.
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) title: &'static str,
    /// Of all figures.
    pub(crate) unit: &'static str,
    /// What the ratio is.
    pub(crate) ratio: &'static str,
    /// The rows.
    pub(crate) rows: Vec<Row>,
}

/// The median and the two quartiles.
#[derive(Clone, Copy, Debug)]
struct Summary {
    low: f64,
    median: f64,
    high: f64,
}

impl Table {
    /// Prints the table and its closing line, and writes `target/bench/NAME.json`.
    pub(crate) fn publish(&self) {
        print(&format!("\n{}\n{}\n", self.text(), self.closing()));
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}.json", self.name));
        fs::write(path, format!("{:#}\n", self.json())).unwrap();
    }

    fn text(&self) -> String {
        let Self { title, unit, ratio, rows, .. } = self;
        let mut text = format!(
            "{title}\n| case | subject, {unit} | peer, {unit} | {ratio} | quartiles | goal | |\n|---|---|---|---|---|---|---|\n"
        );
        for row in rows {
            let Summary { low, median, high } = row.ratio();
            let of = |series: &Series| format!("{} {}", series.name, significant(series.summary().median));
            writeln!(
                text,
                "| {} | {} | {} | {} | {} - {} | {} | {} |",
                row.case,
                of(&row.subject),
                of(&row.peer),
                significant(median),
                significant(low),
                significant(high),
                row.goal.text(),
                row.verdict().unwrap_or_default(),
            )
            .unwrap();
        }
        text
    }

    fn closing(&self) -> String {
        let judged = self.rows.iter().filter(|row| row.verdict().is_some());
        let missed: Vec<_> = judged.clone().filter(|row| row.verdict() == Some("missed")).map(Row::name).collect();
        let n_judged = judged.count();
        let mut line = format!("{}: {} of {n_judged} goals hit", self.name, n_judged - missed.len());
        if !missed.is_empty() {
            write!(line, "; missed: {}", missed.join(", ")).unwrap();
        }
        line
    }

    fn json(&self) -> Value {
        let series = |series: &Series| {
            let Summary { low, median, high } = series.summary();
            json!({"name": series.name, "low": low, "median": median, "high": high, "rounds": series.figures})
        };
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let Summary { low, median, high } = row.ratio();
                json!({
                    "case": row.case,
                    "subject": series(&row.subject),
                    "peer": series(&row.peer),
                    "ratio": {"low": low, "median": median, "high": high},
                    "goal": row.goal.text(),
                    "verdict": row.verdict(),
                })
            })
            .collect();
        json!({"version": 1, "table": self.name, "unit": self.unit, "ratio": self.ratio, "rows": rows})
    }
}

impl Row {
    fn name(&self) -> String {
        format!("{}, {} against {}", self.case, self.subject.name, self.peer.name)
    }

    /// Of the ratios of each round: what disturbs a whole round disturbs both.
    fn ratio(&self) -> Summary {
        let pairs = self.subject.figures.iter().zip(&self.peer.figures);
        let ratios = pairs.map(|(subject, peer)| if self.inverted { peer / subject } else { subject / peer });
        Summary::of(ratios.collect())
    }

    fn verdict(&self) -> Option<&'static str> {
        let ratio = self.ratio().median;
        let hit = match self.goal {
            Goal::AtMost(most) => ratio <= most,
            Goal::AtLeast(least) => ratio >= least,
            Goal::Nothing => return None,
        };
        Some(if hit { "hit" } else { "missed" })
    }
}

impl Series {
    /// Nothing measured yet.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), figures: Vec::new() }
    }

    fn summary(&self) -> Summary {
        Summary::of(self.figures.clone())
    }
}

impl Summary {
    fn of(mut figures: Vec<f64>) -> Self {
        assert!(!figures.is_empty(), "nothing was measured");
        figures.sort_by(f64::total_cmp);
        let at = |quarter: usize| figures[(figures.len() - 1) * quarter / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("<= {most}"),
            Self::AtLeast(least) => format!(">= {least}"),
            Self::Nothing => String::new(),
        }
    }
}

/// Three digits that count.
fn significant(figure: f64) -> String {
    let decimals = if figure < 1.0 { 3 } else { usize::from(figure < 100.0) + usize::from(figure < 10.0) };
    format!("{figure:.decimals$}")
}

#[expect(clippy::print_stdout, reason = "tables are what the bench is for")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}
