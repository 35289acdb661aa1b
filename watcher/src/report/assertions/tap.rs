//! The Test Anything Protocol, version 14.

use std::fmt::Write as _;

use super::{Case, why};

pub(super) fn render(cases: &[Case<'_>]) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", cases.len());
    for (number, case) in (1..).zip(cases) {
        let Case { path, at, name, verdict, .. } = case;
        let is = if verdict.is_passed() { "ok" } else { "not ok" };
        // A name may hold what TAP reads as a directive or as an escape.
        let name: String = name.chars().flat_map(escaped).collect();
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{is} {number} - {name}");
        let lines = why(case);
        if !lines.is_empty() {
            let _: std::fmt::Result =
                writeln!(text, "  ---\n  at: {}\n  message: |", quoted(&format!("{path}:{}", at.line)));
            for line in lines {
                let _: std::fmt::Result = writeln!(text, "    {line}");
            }
            text.push_str("  ...\n");
        }
    }
    text
}

fn escaped(letter: char) -> Vec<char> {
    match letter {
        '#' | '\\' => vec!['\\', letter],
        '\n' | '\r' => vec![' '],
        other => vec![other],
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
