//! One finding for one cause: what follows from another finding at the same place is left out.

use std::collections::BTreeSet;

use policy_lang::diagnostic::Diagnostic;

/// Pairs of rules: where the first one speaks, the second has nothing to add inside of its span.
const CAUSES: &[(&str, &str)] = &[
    // A rule whose peers are all empty, and each of them.
    ("PAL203", "PAL202"),
    ("PAL203", "PAL129"),
    // A selector that no pod can match matches none.
    ("PAL125", "PAL201"),
    ("PAL125", "PAL202"),
    ("PAL125", "PAL203"),
    ("PAL125", "PAL129"),
    // Who knows what was meant need not say that nothing is.
    ("PAL129", "PAL201"),
    ("PAL129", "PAL202"),
    ("PAL129", "PAL203"),
    ("PAL128", "PAL202"),
    ("PAL128", "PAL203"),
    ("PAL127", "PAL202"),
    ("PAL127", "PAL203"),
    ("PAL126", "PAL201"),
    ("PAL107", "PAL202"),
    ("PAL107", "PAL203"),
    ("PAL107", "PAL108"),
    ("PAL108", "PAL202"),
    ("PAL108", "PAL203"),
    ("PAL101", "PAL202"),
    ("PAL101", "PAL128"),
    // A port that leads nowhere makes a rule that matches nothing.
    ("PAL111", "PAL203"),
    ("PAL112", "PAL203"),
    ("PAL114", "PAL203"),
    ("PAL112", "PAL111"),
    ("PAL110", "PAL115"),
    // A copy is redundant, and so are its rules.
    ("PAL209", "PAL208"),
    ("PAL209", "PAL207"),
    ("PAL209", "PAL210"),
    ("PAL208", "PAL207"),
    ("PAL210", "PAL207"),
    ("PAL210", "PAL208"),
    ("PAL206", "PAL207"),
    // What the types leave out is said once.
    ("PAL103", "PAL106"),
    ("PAL105", "PAL106"),
];

/// Takes out what another finding explains: at the same place, or around it.
pub fn hide(findings: &mut Vec<Diagnostic>) {
    let explained: BTreeSet<usize> = {
        let mut spots: Vec<(policy_lang::source::Span, &str, usize)> = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            spots.extend(finding.span.map(|span| (span, finding.code.0, index)));
        }
        spots.sort_unstable();
        spots.iter().filter(|(span, code, _)| is_explained(*span, code, &spots)).map(|(_, _, index)| *index).collect()
    };
    let mut index = 0;
    findings.retain(|_| {
        let keep = !explained.contains(&index);
        index += 1;
        keep
    });
}

/// Findings that touch a span are few: one rule of one policy.
fn is_explained(
    span: policy_lang::source::Span,
    code: &str,
    spots: &[(policy_lang::source::Span, &'static str, usize)],
) -> bool {
    let causes: Vec<&str> = CAUSES.iter().filter(|(_, effect)| *effect == code).map(|(cause, _)| *cause).collect();
    if causes.is_empty() {
        return false;
    }
    let same_source = |spot: &&(policy_lang::source::Span, &str, usize)| spot.0.source == span.source;
    let until = spots.partition_point(|(other, _, _)| (other.source, other.start) <= (span.source, span.end));
    let touches = |other: &policy_lang::source::Span| other.start <= span.end && span.start <= other.end;
    // Sorted by their start: what begins long before is the span of something larger, and those are few as well.
    let near = spots.get(..until).unwrap_or_default().iter().rev().take_while(same_source).take(NEAR);
    near.filter(|(other, _, _)| touches(other)).any(|(_, other, _)| causes.contains(other))
}

/// How many findings before one are looked at.
const NEAR: usize = 64;
