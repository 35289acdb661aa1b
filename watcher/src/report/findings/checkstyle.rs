//! Checkstyle's XML.

use std::fmt::Write as _;

use super::xml::escaped;
use super::{Findings, Located, word};

pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n");
    for (path, located) in findings.by_path() {
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "  <file name=\"{}\">", escaped(path));
        for located in located {
            let Located { finding, start, .. } = located;
            let _: std::fmt::Result = writeln!(
                text,
                "    <error line=\"{}\" column=\"{}\" severity=\"{}\" message=\"{}\" source=\"palisade.{}\"/>",
                start.line,
                start.column,
                word(finding.severity),
                escaped(&located.said()),
                finding.code
            );
        }
        text.push_str("  </file>\n");
    }
    text.push_str("</checkstyle>\n");
    text
}
