//! For people.

use std::fmt::Write as _;

use super::{Case, n_failed, why};
use crate::assertions::Verdict;

pub(super) fn render(cases: &[Case<'_>]) -> String {
    let mut text = String::new();
    for case in cases {
        let Case { path, at, name, verdict, .. } = case;
        // Writing to a String cannot fail.
        let _: std::fmt::Result = match (verdict, verdict.code()) {
            (Verdict::Passed { pairs }, _) => writeln!(text, "ok    {path}:{}: {name} ({pairs} checked)", at.line),
            (Verdict::Failed(_) | Verdict::Nobody { .. } | Verdict::Unclear { .. }, code) => {
                let code = code.map_or("", |code| code.0);
                writeln!(text, "FAIL  {path}:{}: {name} [{code}]", at.line)
            }
        };
        for line in why(case) {
            let _: std::fmt::Result = writeln!(text, "      {line}");
        }
    }
    let n_failed = n_failed(cases);
    let word = if cases.len() == 1 { "assertion" } else { "assertions" };
    let _: std::fmt::Result = match n_failed {
        0 => writeln!(text, "{} {word}, all hold", cases.len()),
        n_failed => writeln!(text, "{} {word}, {n_failed} failed", cases.len()),
    };
    text
}
