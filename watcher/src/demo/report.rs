//! What came out.

use std::fmt;

use super::judge::Verdict;
use super::scene::Party;
use crate::lab::{Answer, Outcome, Service};

/// Every question with what the sources say and what the packets said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Who asked and answered.
    pub parties: Vec<Party>,
    /// What was asked for.
    pub services: Vec<Service>,
    /// The questions, service by service, row by row.
    pub cells: Vec<Cell>,
}

/// One question by one family.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cell {
    /// Who asked, as an index into the parties.
    pub from: usize,
    /// Who was asked.
    pub to: usize,
    /// What for.
    pub service: Service,
    /// By which addresses.
    pub family: Family,
    /// What the sources say.
    pub verdict: Verdict,
    /// What the packets said.
    pub answer: Answer,
}

/// An address family.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Cell {
    /// Whether the packets said what the sources say. Who answers counts too, where the answer tells.
    pub fn is_as_written(&self) -> bool {
        let by_the_right_one = match (&self.answer.by, &self.verdict.answered_by) {
            (Some(found), Some(wanted)) => found == wanted,
            (None, _) | (_, None) => true,
        };
        self.answer.outcome == self.verdict.outcome && by_the_right_one
    }

    /// Whether the sources deny it.
    pub fn is_denied(&self) -> bool {
        self.verdict.outcome != Outcome::Open
    }
}

impl Report {
    /// The questions of which became something else than the sources say.
    pub fn differences(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| !cell.is_as_written())
    }

    /// The questions about which oracle and simulator contradict each other.
    pub fn disagreements(&self) -> impl Iterator<Item = (&Cell, &str)> {
        self.cells.iter().filter_map(|cell| Some((cell, cell.verdict.disagreement.as_deref()?)))
    }

    /// The denied questions for which no source line is known.
    pub fn unexplained(&self) -> impl Iterator<Item = &Cell> {
        let explained = |cell: &Cell| cell.verdict.denial.as_ref().is_some_and(|denial| denial.line.is_some());
        self.cells.iter().filter(move |cell| cell.is_denied() && !explained(cell))
    }

    /// Whether everything is as the sources say, and all who judge agree.
    pub fn is_sound(&self) -> bool {
        self.differences().next().is_none() && self.disagreements().next().is_none()
    }

    /// The name of a party.
    pub fn name(&self, party: usize) -> &str {
        self.parties.get(party).map_or("?", |party| &party.name)
    }

    /// `shop/web-1 -> shop/db-1 5432/TCP by IPv6`.
    pub fn question(&self, cell: &Cell) -> String {
        format!("{} -> {} {} by {}", self.name(cell.from), self.name(cell.to), cell.service, cell.family)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}
