//! The truth table of one service: rows ask, columns answer.

use std::fmt::Write as _;

use super::report::{Cell, Family, Report};
use super::scene::Place;
use crate::lab::{Outcome, Service};

/// Width of the terminal that is written for, in columns.
pub(super) const WIDTH: usize = 120;
/// Width of a cell with the space before it: `o|.` where the families differ.
const CELL: usize = 4;
/// What the symbols mean.
pub(super) const LEGEND: &str = "\
Rows ask, columns answer; the columns have the numbers of the rows.
  o open   . dropped   r refused   u unreachable   - not asked   o|. IPv4 open, IPv6 dropped   !o! not what the sources say
";

/// What stands in one cell.
#[derive(Clone, Copy, Debug, Default)]
struct Square<'a> {
    v4: Option<&'a Cell>,
    v6: Option<&'a Cell>,
}

/// The table of a service; of more parties than fit in a line, several below each other.
pub(super) fn table(report: &Report, service: Service) -> String {
    let squares = squares(report, service);
    let names = report.parties.iter().map(|party| party.name.chars().count()).max().unwrap_or(0);
    let label = names + 4;
    let mut text = String::new();
    for columns in chunks(report, label) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&heading(report, service, label, &columns));
        for (row, (party, squares)) in report.parties.iter().zip(&squares).enumerate() {
            if row > 0 && begins_group(report, row) {
                text.push('\n');
            }
            let mut line = format!("{:>3} {:names$}", row + 1, party.name);
            for column in &columns {
                line.push_str(gap(report, &columns, *column));
                let square = squares.get(*column).copied().unwrap_or_default();
                let _: std::fmt::Result = write!(line, "{:>CELL$}", symbol(square));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// The columns that stand beside each other.
fn chunks(report: &Report, label: usize) -> Vec<Vec<usize>> {
    let mut chunks = vec![Vec::new()];
    let mut used = label;
    for column in 0..report.parties.len() {
        let wanted = CELL + if begins_group(report, column) { 1 } else { 0 };
        if used + wanted > WIDTH {
            chunks.push(Vec::new());
            used = label;
        }
        used += wanted;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(column);
        }
    }
    chunks
}

/// The service and the groups in one line, the numbers in the next.
fn heading(report: &Report, service: Service, label: usize, columns: &[usize]) -> String {
    let mut groups = format!("{:label$}", service.to_string());
    let mut numbers = " ".repeat(label);
    let mut named = None;
    for column in columns {
        let space = gap(report, columns, *column);
        numbers.push_str(space);
        let group = group(report, *column);
        if named != Some(group) {
            let width = numbers.chars().count();
            // A long name of a group moves the next one to the right.
            let _: std::fmt::Result = write!(groups, "{}", " ".repeat(width.saturating_sub(groups.chars().count())));
            let _: std::fmt::Result = write!(groups, "   {group}");
            named = Some(group);
        }
        let _: std::fmt::Result = write!(numbers, "{:>CELL$}", column + 1);
    }
    format!("{groups}\n{numbers}\n")
}

/// What stands before a column beyond its own width.
fn gap(report: &Report, columns: &[usize], column: usize) -> &'static str {
    if columns.first() != Some(&column) && begins_group(report, column) { " " } else { "" }
}

fn begins_group(report: &Report, party: usize) -> bool {
    party == 0 || group(report, party) != group(report, party - 1)
}

/// The node of a party, or the outside.
fn group(report: &Report, party: usize) -> &str {
    report.parties.get(party).and_then(|party| party.node()).map_or("outside", |node| node)
}

fn squares(report: &Report, service: Service) -> Vec<Vec<Square<'_>>> {
    let count = report.parties.len();
    let mut squares = vec![vec![Square::default(); count]; count];
    for cell in report.cells.iter().filter(|cell| cell.service == service) {
        if let Some(square) = squares.get_mut(cell.from).and_then(|row| row.get_mut(cell.to)) {
            match cell.family {
                Family::V4 => square.v4 = Some(cell),
                Family::V6 => square.v6 = Some(cell),
            }
        }
    }
    squares
}

fn symbol(square: Square<'_>) -> String {
    let letter = |cell: &Cell| match cell.answer.outcome {
        Outcome::Open => 'o',
        Outcome::Dropped => '.',
        Outcome::Refused => 'r',
        Outcome::Unreachable => 'u',
    };
    let asked: Vec<&Cell> = square.v4.into_iter().chain(square.v6).collect();
    let wrong = asked.iter().any(|cell| !cell.is_as_written());
    let letters: Vec<char> = asked.iter().map(|cell| letter(cell)).collect();
    match letters.as_slice() {
        [] => "- ".to_owned(),
        [one, ..] if letters.iter().all(|letter| letter == one) && wrong => format!("!{one}!"),
        [one, ..] if letters.iter().all(|letter| letter == one) => format!("{one} "),
        [v4, v6, ..] if wrong => format!("{v4}!{v6}"),
        [v4, v6, ..] => format!("{v4}|{v6}"),
        [one] => format!("{one} "),
    }
}

/// Numbered names of the parties with their addresses, group by group.
pub(super) fn parties(report: &Report) -> String {
    let names = report.parties.iter().map(|party| party.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (idx, party) in report.parties.iter().enumerate() {
        let what = match &party.place {
            Place::Pod { node, .. } => format!("pod on {node}"),
            Place::Node(_) => "process on the node's own network".to_owned(),
            Place::Outside => "outside of the cluster".to_owned(),
        };
        let addresses: Vec<_> = party.addresses.iter().map(ToString::to_string).collect();
        let _: std::fmt::Result =
            writeln!(text, "{:>3} {:names$}  {:<33}  {}", idx + 1, party.name, what, addresses.join("  "));
    }
    text
}
