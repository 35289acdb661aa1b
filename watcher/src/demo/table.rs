//! The truth tables: rows ask, columns answer, one symbol for both families.

use std::fmt::Write as _;

use super::report::{Cell, Family, Report};
use super::scene::Place;
use crate::lab::{Outcome, Service};
use crate::report::Color;

/// Width of the terminal that is written for, in columns.
pub(super) const WIDTH: usize = 120;
/// Between two tables that stand beside each other.
const BETWEEN: &str = "    ";
/// The names of rows and columns, in their order; as many as there can be parties.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn";
/// What the symbols mean.
pub(super) const LEGEND: &str = "\
Rows ask, columns answer.
  o open   . dropped   r refused   u unreachable   4 open by IPv4, denied by IPv6   6 open by IPv6, denied by IPv4
  x denied, by each family in another way   - not asked   ! not what the sources say
";

/// All tables, as many beside each other as fit.
pub(super) fn tables(report: &Report, color: Color) -> String {
    let label = label_width(report);
    let one = (0..report.parties.len()).map(|column| cell_width(report, column)).sum::<usize>() + BETWEEN.len();
    let beside = (WIDTH.saturating_sub(label) / one.max(1)).max(1);
    let mut text = String::new();
    for services in report.services.chunks(beside) {
        text.push('\n');
        text.push_str(&band(report, services, (label, one), color));
    }
    text
}

/// Tables beside each other, with one label for each row.
fn band(report: &Report, services: &[Service], (label, one): (usize, usize), color: Color) -> String {
    let mut titles = " ".repeat(label);
    let mut letters = " ".repeat(label);
    for service in services {
        let _: std::fmt::Result = write!(titles, "{BETWEEN} {:<1$}", service.to_string(), one - BETWEEN.len() - 1);
        letters.push_str(BETWEEN);
        for column in 0..report.parties.len() {
            let _: std::fmt::Result = write!(letters, "{:>1$}", letter(column), cell_width(report, column));
        }
    }
    let mut text = format!("{}\n{}\n", titles.trim_end(), letters.trim_end());
    for (row, party) in report.parties.iter().enumerate() {
        if row > 0 && begins_group(report, row) {
            text.push('\n');
        }
        let mut line = format!("{:<label$}", format!("{} {}", letter(row), party.name));
        for service in services {
            line.push_str(BETWEEN);
            for (column, symbol) in symbols(report, *service, row).into_iter().enumerate() {
                let _: std::fmt::Result = write!(line, "{:1$}", "", cell_width(report, column) - 1);
                paint(&mut line, symbol, color);
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The parties by letter, with their addresses.
pub(super) fn parties(report: &Report) -> String {
    let label = label_width(report);
    let mut text = String::new();
    for (idx, party) in report.parties.iter().enumerate() {
        let what = match &party.place {
            Place::Pod { node, .. } => format!("pod on {node}"),
            Place::Node(_) => "process on the node's own network".to_owned(),
            Place::Outside => "outside of the cluster".to_owned(),
        };
        let addresses: Vec<_> = party.addresses.iter().map(|address| format!("{address:<16}")).collect();
        let line = format!("{:<label$}  {what:<33}  {}", format!("{} {}", letter(idx), party.name), addresses.join(""));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn label_width(report: &Report) -> usize {
    2 + report.parties.iter().map(|party| party.name.chars().count()).max().unwrap_or(0)
}

fn letter(party: usize) -> char {
    LETTERS.chars().nth(party).unwrap_or('?')
}

/// A symbol and the space before it; one more before the first of a node or of the outside.
fn cell_width(report: &Report, column: usize) -> usize {
    if column > 0 && begins_group(report, column) { 3 } else { 2 }
}

fn begins_group(report: &Report, party: usize) -> bool {
    let node = |party: usize| report.parties.get(party).and_then(|party| party.node());
    party == 0 || node(party) != node(party - 1)
}

/// What is open in green, what is wrong in red, all else as it is.
fn paint(line: &mut String, symbol: char, color: Color) {
    let style = match (color, symbol) {
        (Color::Styled, 'o' | '4' | '6') => "32",
        (Color::Styled, '!') => "1;31",
        (Color::Styled | Color::Plain, _) => {
            line.push(symbol);
            return;
        }
    };
    let _: std::fmt::Result = write!(line, "\u{1b}[{style}m{symbol}\u{1b}[0m");
}

/// The symbols of one row.
fn symbols(report: &Report, service: Service, row: usize) -> Vec<char> {
    let mut squares: Vec<Vec<&Cell>> = vec![Vec::new(); report.parties.len()];
    for cell in report.cells.iter().filter(|cell| cell.service == service && cell.from == row) {
        if let Some(square) = squares.get_mut(cell.to) {
            square.push(cell);
        }
    }
    squares.iter().map(|square| symbol(square)).collect()
}

fn symbol(square: &[&Cell]) -> char {
    if square.iter().any(|cell| !cell.is_as_written()) {
        return '!';
    }
    let of = |family| square.iter().find(|cell| cell.family == family).map(|cell| cell.answer.outcome);
    match (of(Family::V4), of(Family::V6)) {
        (None, None) => '-',
        (Some(one), None) | (None, Some(one)) => letter_of(one),
        (Some(v4), Some(v6)) if v4 == v6 => letter_of(v4),
        (Some(Outcome::Open), Some(_)) => '4',
        (Some(_), Some(Outcome::Open)) => '6',
        (Some(_), Some(_)) => 'x',
    }
}

fn letter_of(outcome: Outcome) -> char {
    match outcome {
        Outcome::Open => 'o',
        Outcome::Dropped => '.',
        Outcome::Refused => 'r',
        Outcome::Unreachable => 'u',
    }
}
