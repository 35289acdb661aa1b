//! One line for each finding.

use std::fmt::Write as _;

use super::{Findings, Located};
use crate::visible;

pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut text = String::new();
    for located in &findings.located {
        let Located { finding, path, start, .. } = located;
        let line = format!("{path}:{}:{}: {} {}", start.line, start.column, finding.code, located.said());
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{}", visible::line(&line));
    }
    text
}
