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
    let mut chosen: BTreeMap<SourceId, Vec<&Edit>> = BTreeMap::new();
    let mut count = 0;
    for fix in findings.iter().filter_map(|finding| finding.fix.as_ref()).filter(|fix| fix.safety <= riskiest) {
        let is_free = |edit: &Edit| {
            let others = chosen.get(&edit.span.source).map(Vec::as_slice).unwrap_or_default();
            !others.iter().any(|other| other.span.start <= edit.span.end && edit.span.start <= other.span.end)
        };
        if !fix.edits.is_empty() && fix.edits.iter().all(is_free) {
            count += 1;
            for edit in &fix.edits {
                chosen.entry(edit.span.source).or_default().push(edit);
            }
        }
    }
    let texts = chosen.into_iter().filter_map(|(source, mut edits)| {
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
        let mut text = sources.text(source).to_string();
        for edit in edits {
            let range = edit.span.start as usize..edit.span.end as usize;
            if text.get(range.clone()).is_none() {
                return None;
            }
            text.replace_range(range, &edit.text);
        }
        Some((source, text))
    });
    Fixed { texts: texts.collect(), count }
}
