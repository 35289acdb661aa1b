//! The demonstration as JSON, in the form that docs/reference/demo-json.md promises.

use serde::Serialize;

use super::report::{Cell, Family, Report};
use super::scene::{Party, Place};
use super::{Cut, Tightening};
use crate::report::drops;

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct ReportJson<'a> {
    version: u32,
    parties: Vec<PartyJson<'a>>,
    cells: Vec<CellJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tightening: Option<TighteningJson<'a>>,
    summary: SummaryJson,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TighteningJson<'a> {
    from: &'a str,
    to: &'a str,
    service: String,
    removed: String,
    was_open: bool,
    revoked: usize,
    silent: bool,
    denied_by: &'a str,
    drops: Vec<String>,
}

#[derive(Serialize)]
struct PartyJson<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct CellJson<'a> {
    from: &'a str,
    to: &'a str,
    service: String,
    family: &'static str,
    expected: String,
    observed: String,
    #[serde(rename = "answeredBy", skip_serializing_if = "Option::is_none")]
    answered_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(rename = "deniedOn", skip_serializing_if = "Option::is_none")]
    denied_on: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disagreement: Option<&'a str>,
}

#[derive(Serialize)]
struct SummaryJson {
    probes: usize,
    denied: usize,
    different: usize,
    disagreements: usize,
}

/// The whole report, with the tightening, if one was shown.
pub fn report(report: &Report, tightening: Option<(&Tightening, &Cut)>) -> String {
    let value = ReportJson {
        version: VERSION,
        parties: report.parties.iter().map(party).collect(),
        cells: report.cells.iter().map(|found| cell(report, found)).collect(),
        tightening: tightening.map(|(tightening, cut)| TighteningJson {
            from: &tightening.from,
            to: &tightening.to,
            service: format!("{}/TCP", tightening.port),
            removed: tightening.rule.to_string(),
            was_open: cut.was_open,
            revoked: cut.n_revoked,
            silent: cut.is_silent,
            denied_by: &tightening.denied_by,
            drops: cut.drops.iter().map(|seen| drops::line(seen).trim_end().to_owned()).collect(),
        }),
        summary: SummaryJson {
            probes: report.cells.len(),
            denied: report.cells.iter().filter(|cell| cell.is_denied()).count(),
            different: report.differences().count(),
            disagreements: report.disagreements().count(),
        },
    };
    // The form has no maps with odd keys and no floats, so there is nothing that JSON could not say.
    serde_json::to_string_pretty(&value).map(|text| text + "\n").unwrap_or_default()
}

fn party(party: &Party) -> PartyJson<'_> {
    let kind = match &party.place {
        Place::Pod { .. } => "pod",
        Place::Node(_) => "node",
        Place::Outside => "outside",
    };
    PartyJson {
        name: &party.name,
        kind,
        node: party.node().map(|node| &**node),
        addresses: party.addresses.iter().map(ToString::to_string).collect(),
    }
}

fn cell<'a>(report: &'a Report, cell: &'a Cell) -> CellJson<'a> {
    let denial = cell.verdict.denial.as_ref();
    CellJson {
        from: report.name(cell.from),
        to: report.name(cell.to),
        service: cell.service.to_string(),
        family: match cell.family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        },
        expected: cell.verdict.outcome.to_string(),
        observed: cell.answer.outcome.to_string(),
        answered_by: cell.answer.by.as_deref(),
        line: denial.and_then(|denial| denial.line.as_deref()),
        denied_on: denial.map(|denial| &*denial.node),
        disagreement: cell.verdict.disagreement.as_deref(),
    }
}
