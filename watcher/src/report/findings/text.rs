//! For people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::lint::catalogue;
use policy_lang::diagnostic::{Diagnostic, Safety};

use super::Findings;
use crate::report::{Color, diagnostics};

/// Every finding with its lines, and how many of them the program can mend.
pub(super) fn render(findings: &Findings<'_>) -> String {
    let mut text = diagnostics::review(findings.all, findings.sources, Color::Plain);
    let count = |safety| {
        let fixes = findings.all.iter().filter_map(|finding| finding.fix.as_ref());
        fixes.filter(|fix| fix.safety == safety).count()
    };
    let (safe, risky) = (count(Safety::Safe), count(Safety::Unsafe));
    if safe > 0 {
        let _: std::fmt::Result = writeln!(text, "{safe} can be mended with --fix");
    }
    if risky > 0 {
        let _: std::fmt::Result = writeln!(
            text,
            "{risky} more with --fix --unsafe-fixes, which changes what traffic may pass: look with --diff"
        );
    }
    text
}

/// How often each rule speaks, the most frequent one first.
pub fn statistics(findings: &[Diagnostic]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.code.0).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
    let mut text = String::new();
    for (code, count) in counts {
        let name = catalogue::named(code).map_or("", |rule| rule.name);
        let _: std::fmt::Result = writeln!(text, "{count:>6}  {code}  {name}");
    }
    text
}
