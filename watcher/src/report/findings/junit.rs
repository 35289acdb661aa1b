//! `JUnit`, for servers that show tests: every finding is a test case that failed.

use std::fmt::Write as _;

use policy_lang::diagnostic::Severity;

use super::xml::escaped;
use super::{Findings, Located, word};

/// One suite for each file. Findings that are only worth knowing are cases that passed, with what they say.
pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let failed = |located: &&&Located<'_>| located.finding.severity > Severity::Note;
    let failures = findings.located.iter().filter(|located| located.finding.severity > Severity::Note).count();
    let cases = findings.located.len();
    // Writing to a String cannot fail.
    let _: std::fmt::Result =
        writeln!(text, "<testsuites name=\"palisade lint\" tests=\"{cases}\" failures=\"{failures}\">");
    for (path, located) in findings.by_path() {
        let failures = located.iter().filter(failed).count();
        let _: std::fmt::Result = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\">",
            escaped(path),
            located.len()
        );
        for located in located {
            case(&mut text, located);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, located: &Located<'_>) {
    let Located { finding, path, start, .. } = located;
    let name = format!("{} {}:{}:{}", finding.code, path, start.line, start.column);
    let (name, class) = (escaped(&name), escaped(located.name()));
    let said = located.said();
    let message = escaped(&said);
    let help = finding.help.as_deref().map(escaped).unwrap_or_default();
    let _: std::fmt::Result = match finding.severity {
        Severity::Note => writeln!(
            text,
            "    <testcase name=\"{name}\" classname=\"{class}\"><system-out>{message}</system-out></testcase>"
        ),
        severity @ (Severity::Warning | Severity::Error) => writeln!(
            text,
            "    <testcase name=\"{name}\" classname=\"{class}\"><failure type=\"{}\" \
             message=\"{message}\">{help}</failure></testcase>",
            word(severity)
        ),
    };
}
