//! `JUnit`: a suite for each file, a case for each assertion.

use std::fmt::Write as _;

use super::xml::escaped;
use super::{Case, n_failed, why};
use crate::assertions::Verdict;

pub(super) fn render(cases: &[Case<'_>]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(
        text,
        "<testsuites name=\"palisade test\" tests=\"{}\" failures=\"{}\">",
        cases.len(),
        n_failed(cases)
    );
    for of_file in cases.chunk_by(|a, b| a.path == b.path) {
        let path = escaped(of_file.first().map_or("", |case| case.path));
        let (tests, failures) = (of_file.len(), n_failed(of_file));
        let _: std::fmt::Result =
            writeln!(text, "  <testsuite name=\"{path}\" tests=\"{tests}\" failures=\"{failures}\">");
        for case in of_file {
            self::case(&mut text, case);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, case: &Case<'_>) {
    let Case { path, at, name, verdict, .. } = case;
    let (name, path, line) = (escaped(name), escaped(path), at.line);
    let head = format!("<testcase name=\"{name}\" classname=\"{path}\" file=\"{path}\" line=\"{line}\"");
    let lines = why(case);
    let kind = match verdict {
        Verdict::Passed { .. } => {
            let _: std::fmt::Result = writeln!(text, "    {head}/>");
            return;
        }
        Verdict::Failed(failure) => failure.kind.word(),
        Verdict::Nobody { .. } => "nobody",
        Verdict::Unclear { .. } => "unclear",
    };
    let message = lines.first().map(String::as_str).unwrap_or_default();
    let _: std::fmt::Result = writeln!(
        text,
        "    {head}><failure type=\"{kind}\" message=\"{}\">{}</failure></testcase>",
        escaped(message),
        escaped(&lines.join("\n"))
    );
}
