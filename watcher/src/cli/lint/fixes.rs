//! What fixes look like.

use std::collections::BTreeMap;

use similar::TextDiff;

/// What changed in texts, as a unified diff.
pub(super) fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (path, new) in after {
        let old = before.get(path).map_or("", String::as_str);
        let diff = TextDiff::from_lines(old, new);
        text.push_str(&diff.unified_diff().header(&format!("a/{path}"), &format!("b/{path}")).to_string());
    }
    text
}
