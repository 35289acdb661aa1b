//! Writing fixes into texts.

use std::collections::BTreeMap;

use policy_lang::diagnostic::{Diagnostic, Edit, Safety};
use policy_lang::source::{SourceId, Sources};

/// What fixing made of texts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fixed {
    /// The texts that changed, as they are now.
    pub texts: BTreeMap<SourceId, String>,
    /// How many fixes were written.
    pub count: usize,
}

/// Writes every fix that is no riskier than wanted. Of fixes whose edits touch, the first counts; another run finds the
/// others again if they still apply.
pub fn apply(findings: &[Diagnostic], riskiest: Safety, sources: &Sources) -> Fixed {
    let mut chosen: BTreeMap<SourceId, BTreeMap<u32, &Edit>> = BTreeMap::new();
    let mut count = 0;
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()).filter(|fix| fix.safety <= riskiest) {
        let is_free = |edit: &Edit| {
            // They do not touch one another, so only the last one before the end of this one can touch it.
            let before = chosen.get(&edit.span.source).and_then(|edits| edits.range(..=edit.span.end).next_back());
            before.is_none_or(|(_, other)| other.span.end < edit.span.start)
        };
        if !fix.edits.is_empty() && fix.edits.iter().all(is_free) {
            count += 1;
            for edit in &fix.edits {
                chosen.entry(edit.span.source).or_default().insert(edit.span.start, edit);
            }
        }
    }
    let texts = chosen.into_iter().filter_map(|(source, edits)| {
        let old = sources.text(source);
        let mut text = String::with_capacity(old.len());
        let mut copied = 0;
        for edit in edits.into_values() {
            text.push_str(old.get(copied..edit.span.start as usize)?);
            text.push_str(&edit.text);
            copied = edit.span.end as usize;
        }
        text.push_str(old.get(copied..)?);
        Some((source, text))
    });
    Fixed { texts: texts.collect(), count }
}
