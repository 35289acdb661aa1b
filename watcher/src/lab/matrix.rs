//! Truth tables: who reaches whom, as text, as expectation and as observation.
//!
//! ```text
//! 80/TCP     shop/cart  shop/db    node-a
//! shop/cart  -          open       drop
//! alpha      drop       open|drop  refused
//! ```
//!
//! Rows ask, columns answer. A cell is `open`, `drop`, `refused` or `unreachable` for both families, `V4|V6` where they
//! differ, and `-` where nothing is asked. A column may be an address. A family that one of the two does not have is
//! not asked either. An empty line ends a table; `#` starts a comment.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use super::LabError;
use super::build::Lab;
use super::probe::{Outcome, Patience, Probe};
use super::service::Service;

/// The table of one service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matrix {
    /// What is asked for.
    pub service: Service,
    /// Who is asked.
    pub columns: Vec<Box<str>>,
    /// Who asks, and a cell for each column.
    pub rows: Vec<(Box<str>, Vec<Cell>)>,
}

/// What becomes of one question in each family; `None` where it is not asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    /// By IPv4.
    pub v4: Option<Outcome>,
    /// By IPv6.
    pub v6: Option<Outcome>,
}

/// A question that became of what it should not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch {
    /// The question.
    pub probe: Probe,
    /// The column's name.
    pub to: Box<str>,
    /// What the table says.
    pub expected: Outcome,
    /// What the packets say.
    pub observed: Outcome,
}

impl Matrix {
    /// Reads any number of tables.
    ///
    /// # Errors
    /// [`LabError::Description`] with the line.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, LabError> {
        let mut tables = Vec::new();
        let mut open: Option<Self> = None;
        for (idx, line) in text.lines().enumerate() {
            let comment = line.trim_start().starts_with('#');
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let bad = |message: String| LabError::Description { line: idx + 1, message: message.into() };
            match (words.next(), &mut open) {
                (None, _) if comment => {}
                (None, table) => tables.extend(table.take()),
                (Some(service), None) => {
                    let service = service.parse().map_err(bad)?;
                    open = Some(Self { service, columns: words.map(Into::into).collect(), rows: Vec::new() });
                }
                (Some(name), Some(table)) => {
                    let cells = words.map(cell).collect::<Result<Vec<_>, _>>().map_err(bad)?;
                    if cells.len() != table.columns.len() {
                        return Err(bad(format!("{} cells below {} columns", cells.len(), table.columns.len())));
                    }
                    table.rows.push((name.into(), cells));
                }
            }
        }
        tables.extend(open);
        Ok(tables)
    }

    /// Every cell asked, none answered: for finding out.
    pub fn unknown(service: Service, rows: &[Box<str>], columns: &[Box<str>]) -> Self {
        let every = Cell { v4: Some(Outcome::Dropped), v6: Some(Outcome::Dropped) };
        let cells = |from: &str| {
            let cells = columns.iter().map(|to| if **to == *from { Cell::default() } else { every });
            cells.collect()
        };
        let rows = rows.iter().map(|from| (from.clone(), cells(from))).collect();
        Self { service, columns: columns.to_vec(), rows }
    }

    /// The questions of this table, with where their answers belong.
    fn questions(&self, lab: &Lab) -> Result<Vec<Question>, LabError> {
        let mut questions = Vec::new();
        for (row, (from, cells)) in self.rows.iter().enumerate() {
            let sources = lab.addresses(from)?;
            for (column, (to, cell)) in self.columns.iter().zip(cells).enumerate() {
                let targets = match to.parse::<IpAddr>() {
                    Ok(address) => vec![address],
                    Err(_) => lab.addresses(to)?.to_vec(),
                };
                for target in targets {
                    let expected = if target.is_ipv4() { cell.v4 } else { cell.v6 };
                    let asked = sources.iter().any(|source| source.is_ipv4() == target.is_ipv4());
                    if let (Some(expected), true) = (expected, asked) {
                        let probe = Probe { from: from.clone(), to: target, service: self.service };
                        questions.push(Question { row, column, expected, probe });
                    }
                }
            }
        }
        Ok(questions)
    }
}

#[derive(Clone, Debug)]
struct Question {
    row: usize,
    column: usize,
    expected: Outcome,
    probe: Probe,
}

impl Lab {
    /// Asks everything that these tables ask, says what came of it in tables of the same form, and what differs.
    ///
    /// What should have been answered and was not is asked again with more patience before it counts: on a machine that
    /// does much else an answer may be late, and a filter that drops the first question drops the second too.
    ///
    /// # Errors
    /// [`LabError::Unknown`], [`LabError::Io`].
    pub fn compare(&self, tables: &[Matrix]) -> Result<(Vec<Matrix>, Vec<Mismatch>), LabError> {
        let mut questions = Vec::new();
        for (idx, table) in tables.iter().enumerate() {
            questions.extend(table.questions(self)?.into_iter().map(|question| (idx, question)));
        }
        let mut found = self.answers(questions.iter().map(|(_, question)| question), Patience::default())?;
        let late: Vec<_> = (0..questions.len())
            .filter(|idx| found.get(*idx) == Some(&Outcome::Dropped))
            .filter(|idx| questions.get(*idx).is_some_and(|(_, question)| question.expected != Outcome::Dropped))
            .collect();
        let again = self.answers(late.iter().filter_map(|idx| questions.get(*idx)).map(|(_, q)| q), Patience::LONG)?;
        for (idx, outcome) in late.into_iter().zip(again) {
            if let Some(slot) = found.get_mut(idx) {
                *slot = outcome;
            }
        }

        let mut observed: Vec<_> = tables.iter().map(Matrix::emptied).collect();
        let mut mismatches = Vec::new();
        for ((table, question), outcome) in questions.into_iter().zip(found) {
            let Question { row, column, expected, probe } = question;
            let Some(table) = observed.get_mut(table) else { continue };
            if let Some(cell) = table.rows.get_mut(row).and_then(|(_, cells)| cells.get_mut(column)) {
                *(if probe.to.is_ipv4() { &mut cell.v4 } else { &mut cell.v6 }) = Some(outcome);
            }
            if outcome != expected
                && let Some(to) = table.columns.get(column)
            {
                mismatches.push(Mismatch { probe, to: to.clone(), expected, observed: outcome });
            }
        }
        Ok((observed, mismatches))
    }

    fn answers<'a>(
        &self,
        questions: impl Iterator<Item = &'a Question>,
        patience: Patience,
    ) -> Result<Vec<Outcome>, LabError> {
        let probes: Vec<_> = questions.map(|question| question.probe.clone()).collect();
        Ok(self.probe(&probes, patience)?.into_iter().map(|answer| answer.outcome).collect())
    }
}

impl Matrix {
    fn emptied(&self) -> Self {
        let rows = self.rows.iter().map(|(name, cells)| (name.clone(), vec![Cell::default(); cells.len()]));
        Self { service: self.service, columns: self.columns.clone(), rows: rows.collect() }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = self.service.to_string();
        let first = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(service.len());
        let widths: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(idx, column)| {
                let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(idx));
                let widest = cells.map(|cell| cell.to_string().len()).max().unwrap_or(0);
                widest.max(column.chars().count())
            })
            .collect();
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cells: &mut dyn Iterator<Item = String>| {
            let mut text = format!("{name:first$}");
            for (cell, width) in cells.zip(&widths) {
                write!(text, "  {cell:width$}")?;
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(f, &service, &mut self.columns.iter().map(ToString::to_string))?;
        for (name, cells) in &self.rows {
            line(f, name, &mut cells.iter().map(ToString::to_string))?;
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |outcome: Option<Outcome>| outcome.map_or_else(|| "-".into(), |outcome| outcome.to_string());
        if self.v4 == self.v6 { f.pad(&one(self.v4)) } else { f.pad(&format!("{}|{}", one(self.v4), one(self.v6))) }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probe, to, expected, observed } = self;
        let Probe { from, to: address, service } = probe;
        write!(f, "{from} -> {to} ({address}) {service}: {observed}, should be {expected}")
    }
}

fn cell(text: &str) -> Result<Cell, String> {
    let one = |text: &str| if text == "-" { Ok(None) } else { text.parse().map(Some) };
    match text.split_once('|') {
        Some((v4, v6)) => Ok(Cell { v4: one(v4)?, v6: one(v6)? }),
        None => one(text).map(|both| Cell { v4: both, v6: both }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let text = "80/TCP  b     n\na       -     drop|open\nb       open  refused\n";
        let tables = Matrix::parse_all(&format!("# a case\n{text}\n\necho  a # all\nb  unreachable\n")).unwrap();
        assert_eq!(tables.len(), 2);
        assert_eq!(tables[0].to_string(), text);
        assert_eq!(tables[0].rows[0].1[1], Cell { v4: Some(Outcome::Dropped), v6: Some(Outcome::Open) });
        assert_eq!(tables[1].service, Service::Echo);
    }

    #[test]
    fn a_bad_table_is_located() {
        for (text, line) in [("80/TCP a\nb open open\n", 2), ("tcp a\n", 1), ("echo a\nb maybe\n", 2)] {
            match Matrix::parse_all(text) {
                Err(LabError::Description { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
