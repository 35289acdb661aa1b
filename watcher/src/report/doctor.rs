//! What is wrong with a node, for people and programs.

use std::fmt::Write as _;

use policy_lang::diagnostic::Severity;
use serde::Serialize;

use crate::doctor::{Examination, Finding, Gap, GapKind, Reading};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// Lines for people: the worst first, each with what was read, why it matters and what mends it.
pub fn text(node: &str, examination: &Examination) -> String {
    let Examination { findings, gaps } = examination;
    let mut text = match findings.len() {
        0 => format!("node {node}: nothing found\n"),
        _ => {
            let of = |severity, word: &str| counted(examination.count(severity), word);
            let (errors, warnings) = (of(Severity::Error, "error"), of(Severity::Warning, "warning"));
            format!("node {node}: {errors}, {warnings}, {}\n", of(Severity::Note, "note"))
        }
    };
    for finding in findings {
        text.push_str(&paragraph(finding));
    }
    for Gap { what, why, kind } in gaps {
        let how = match kind {
            GapKind::Refused => "not looked at",
            GapKind::OutOfSight => "out of sight",
        };
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{how}: {what}: {why}");
    }
    text
}

fn counted(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

fn paragraph(finding: &Finding) -> String {
    let Finding { code, subject: _, message, read, fix } = finding;
    let mut lines = vec![format!("{}[{}]: {message}", code.severity(), code.word())];
    lines.extend(read.iter().map(|Reading { place, value }| format!("  read: {place}: {value}")));
    lines.push(format!("  why:  {}", code.why()));
    lines.extend(fix.iter().map(|fix| format!("  fix:  {fix}")));
    lines.join("\n") + "\n"
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExaminationForm<'a> {
    version: u32,
    node: &'a str,
    findings: Vec<FindingForm<'a>>,
    not_looked_at: Vec<GapForm<'a>>,
    summary: SummaryForm,
}

#[derive(Serialize)]
struct FindingForm<'a> {
    code: &'static str,
    severity: String,
    subject: &'a str,
    message: &'a str,
    read: Vec<ReadingForm<'a>>,
    why: &'static str,
    fix: &'a [String],
}

#[derive(Serialize)]
struct ReadingForm<'a> {
    place: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct GapForm<'a> {
    what: &'a str,
    why: &'a str,
    refused: bool,
}

#[derive(Serialize)]
struct SummaryForm {
    error: usize,
    warning: usize,
    note: usize,
}

/// The form of docs/reference/doctor.md.
pub fn json(node: &str, examination: &Examination) -> String {
    let Examination { findings, gaps } = examination;
    super::pretty(&ExaminationForm {
        version: VERSION,
        node,
        findings: findings.iter().map(form).collect(),
        not_looked_at: gaps
            .iter()
            .map(|Gap { what, why, kind }| GapForm { what, why, refused: *kind == GapKind::Refused })
            .collect(),
        summary: SummaryForm {
            error: examination.count(Severity::Error),
            warning: examination.count(Severity::Warning),
            note: examination.count(Severity::Note),
        },
    })
}

fn form(finding: &Finding) -> FindingForm<'_> {
    let Finding { code, subject, message, read, fix } = finding;
    FindingForm {
        code: code.word(),
        severity: code.severity().to_string(),
        subject,
        message,
        read: read.iter().map(|Reading { place, value }| ReadingForm { place, value }).collect(),
        why: code.why(),
        fix,
    }
}
