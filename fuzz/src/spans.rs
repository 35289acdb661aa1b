//! Findings point into the text that they are about.

use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::{Sources, Span};

/// Every span is a part of its text that begins and ends between characters, and has a line of it.
pub(crate) fn check(findings: &[Diagnostic], sources: &Sources) {
    for finding in findings {
        let labels = finding.labels.iter().map(|label| label.span);
        for Span { source, start, end } in finding.span.into_iter().chain(labels) {
            let text = sources.text(source);
            assert!(text.get(start as usize..end as usize).is_some(), "{start}..{end} is no part: {finding:?}");
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            let line = sources.position(source, start).line as usize;
            assert!((1..=lines).contains(&line), "line {line} of {lines}: {finding:?}");
        }
    }
}
