//! Workflow commands: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use std::cmp::Reverse;
use std::fmt::Write as _;

use policy_lang::diagnostic::Severity;

use super::{Findings, Located};

/// Annotations of one severity that a step shows; more of them are dropped without a word.
const SHOWN: usize = 10;

/// The worst first, and a line that counts what an annotation page would hide.
pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut located: Vec<&Located<'_>> = findings.located.iter().collect();
    located.sort_by_key(|located| Reverse(located.finding.severity));
    let mut text = String::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let of: Vec<_> = located.iter().filter(|located| located.finding.severity == severity).collect();
        for located in of.iter().take(SHOWN) {
            let Located { finding, path, start, end, .. } = located;
            let command = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "notice",
            };
            let message = match &finding.help {
                Some(help) => format!("{}\n{help}", located.said()),
                None => located.said().into_owned(),
            };
            // Writing to a String cannot fail.
            let _: std::fmt::Result = writeln!(
                text,
                "::{command} file={},line={},endLine={},col={},title={} {}::{}",
                property(path),
                start.line,
                end.line,
                start.column,
                finding.code,
                property(located.name()),
                data(&message),
            );
        }
        if let Some(more) = of.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _: std::fmt::Result = writeln!(
                text,
                "{more} more findings of severity {} are not annotated: see the other outputs of this step",
                super::word(severity)
            );
        }
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
