//! The demonstration as text for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::report::Report;
use super::{Cut, Tightening, World, denials, table};
use crate::report::{Color, drops};

/// Said where there is no connection to be cut.
pub const NO_TIGHTENING: &str =
    "\nNo tightening is shown: no TCP connection between pods hangs on one rule of a NetworkPolicy.\n";

/// Most differences that are shown.
const SHOWN: usize = 50;

/// One step that was done, and how long it took.
pub fn step(what: &str, took: Duration) -> String {
    format!("  {what:.<100} {:>6.2} s\n", took.as_secs_f64())
}

/// What a node's ruleset holds.
pub fn compiled(world: &World) -> String {
    let count = |ruleset: &engine::ruleset::Ruleset| -> (usize, usize) {
        let chains = ruleset.tables.values().flat_map(|table| table.chains.values());
        let sets = ruleset.tables.values().map(|table| table.sets.len());
        (chains.map(|chain| chain.rules.len()).sum(), sets.sum())
    };
    let nodes = world.rulesets.iter().map(|(node, ruleset)| {
        let (rules, sets) = count(ruleset);
        format!("{node} {rules} rules {sets} sets")
    });
    nodes.collect::<Vec<_>>().join(", ")
}

/// The tables and what denied what is denied.
pub fn report(report: &Report, color: Color) -> String {
    let mut text = format!("\n{}\n{}", table::parties(report), table::LEGEND);
    text.push_str(&table::tables(report, color));
    text.push_str("\nDenied, by the source line that decides:\n\n");
    text.push_str(&denials::by_line(report));
    text.push_str(&problems(report));
    text
}

/// What is not as the sources say, and where those who judge contradict each other.
fn problems(report: &Report) -> String {
    let mut text = String::new();
    let differences: Vec<_> = report.differences().collect();
    if !differences.is_empty() {
        text.push_str("\nNot what the sources say:\n\n");
        for cell in differences.iter().take(SHOWN) {
            let by = cell.answer.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            let line = cell.verdict.denial.as_ref().and_then(|denial| denial.line.as_deref());
            let line = line.map(|line| format!(" ({line})")).unwrap_or_default();
            let _: std::fmt::Result = writeln!(
                text,
                "    {}: {}{by}, should be {}{line}",
                report.question(cell),
                cell.answer.outcome,
                cell.verdict.outcome,
            );
        }
        if differences.len() > SHOWN {
            let _: std::fmt::Result = writeln!(text, "    and {} more", differences.len() - SHOWN);
        }
    }
    let disagreements: Vec<_> = report.disagreements().collect();
    if !disagreements.is_empty() {
        text.push_str("\nBugs of palisade: the oracle and the simulator contradict each other\n\n");
        for (cell, words) in disagreements.iter().take(SHOWN) {
            let _: std::fmt::Result = writeln!(text, "    {}: {words}", report.question(cell));
        }
        if disagreements.len() > SHOWN {
            let _: std::fmt::Result = writeln!(text, "    and {} more", disagreements.len() - SHOWN);
        }
    }
    text
}

/// A tightening, step by step.
pub fn tightening(tightening: &Tightening, cut: &Cut) -> String {
    let Tightening { from, to, port, rule, node, address: _, policy: _, denied_by: _, world: _ } = tightening;
    let verdict = |good: bool, words: &str, otherwise: &str| (if good { words } else { otherwise }).to_owned();
    let mut text =
        format!("\nA tightening cuts a live connection:\n\n{from} -> {to} {port}/TCP, permitted by {rule}\n");
    let steps = [
        verdict(cut.was_open, "it is open, and both ends speak", "! it is not open"),
        "that rule is taken out, and every node gets what is left".to_owned(),
        match cut.n_revoked {
            0 => "! no live connection was cut".to_owned(),
            1 => "1 live connection was cut".to_owned(),
            number => format!("{number} live connections were cut"),
        },
        verdict(cut.is_silent, "it is silent, both ways; neither end was told", "! it lives on"),
        format!("palisade drops --follow on {node}:"),
    ];
    for step in steps {
        let _: std::fmt::Result = writeln!(text, "    {step}");
    }
    for seen in &cut.drops {
        let line = drops::line(seen);
        // Its parts stand two spaces apart; together they are wider than the terminal.
        let mut parts = line.trim_end().splitn(4, "  ");
        let first: Vec<_> = parts.by_ref().take(2).collect();
        let _: std::fmt::Result = writeln!(text, "        {}", first.join("  "));
        for rest in parts {
            let _: std::fmt::Result = writeln!(text, "            {rest}");
        }
    }
    if !cut.is_as_written(tightening) {
        let _: std::fmt::Result =
            writeln!(text, "    ! not what it should be: {} has to deny it", tightening.denied_by);
    }
    text
}

/// What the questions came to.
pub fn summary(report: &Report, took: Duration) -> String {
    let denied = report.cells.iter().filter(|cell| cell.is_denied()).count();
    let disagreements = report.disagreements().count();
    let bugs = if disagreements == 0 { String::new() } else { format!(", {disagreements} judged two ways") };
    let unexplained = report.unexplained().count();
    let unexplained =
        if unexplained == 0 { String::new() } else { format!(", {unexplained} denied without a source line") };
    let agreed = if report.is_sound() { "oracle, simulator and kernel agree on every cell\n" } else { "" };
    format!(
        "{agreed}{} probes: {} open, {denied} denied, {} different from what the sources say{bugs}{unexplained}, in {:.1} s\n",
        report.cells.len(),
        report.cells.len() - denied,
        report.differences().count(),
        took.as_secs_f64(),
    )
}
