//! The code quality report of GitLab: <https://docs.gitlab.com/ci/testing/code_quality/>.

use policy_lang::diagnostic::Severity;
use serde_json::json;

use super::{Findings, Located};
use crate::report::pretty;

pub(super) fn render(findings: &Findings<'_>) -> String {
    let issues = findings.located.iter().map(|located| {
        let Located { finding, path, start, end, fingerprint, .. } = located;
        let severity = match finding.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        json!({
            "description": located.said(),
            "check_name": finding.code.0,
            "fingerprint": fingerprint,
            "severity": severity,
            "location": {"path": path, "lines": {"begin": start.line, "end": end.line}},
        })
    });
    pretty(&issues.collect::<Vec<_>>())
}
