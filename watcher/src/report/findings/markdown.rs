//! For the comment of a pull request.

use std::fmt::Write as _;

use policy_lang::diagnostic::Severity;

use super::{Findings, Located, word};

/// Rows that are open; the others are folded away.
const OPEN: usize = 50;

pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut text = String::from("### palisade lint\n\n");
    if findings.located.is_empty() {
        text.push_str("No findings.\n");
        return text;
    }
    let counts =
        [Severity::Error, Severity::Warning, Severity::Note].map(|severity| (findings.count(severity), severity));
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, severity)| format!("{count} {}{}", word(*severity), if *count == 1 { "" } else { "s" }))
        .collect();
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(text, "{}\n", counts.join(", "));
    let (open, folded) = findings.located.split_at(findings.located.len().min(OPEN));
    table(&mut text, open);
    if !folded.is_empty() {
        let _: std::fmt::Result = writeln!(text, "\n<details><summary>{} more</summary>\n", folded.len());
        table(&mut text, folded);
        text.push_str("\n</details>\n");
    }
    text
}

fn table(text: &mut String, located: &[Located<'_>]) {
    text.push_str("| | rule | where | what |\n|---|---|---|---|\n");
    for located in located {
        let Located { finding, path, start, .. } = located;
        let help = finding.help.as_deref().map(|help| format!("<br>{}", cell(help))).unwrap_or_default();
        let _: std::fmt::Result = writeln!(
            text,
            "| {} | {} `{}` | {}:{} | {}{help} |",
            word(finding.severity),
            finding.code,
            located.name(),
            cell(path),
            start.line,
            cell(&located.said()),
        );
    }
}

/// Text of others in a cell: nothing in it is markup.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => cell.push(' '),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            '|' | '[' | ']' | '*' | '_' | '@' | '#' | '\\' | '!' => {
                cell.push('\\');
                cell.push(letter);
            }
            other => cell.push(other),
        }
    }
    cell
}
