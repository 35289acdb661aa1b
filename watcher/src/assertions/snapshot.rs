//! A map that is kept in a file, so that a review shows what a change does to it.

use similar::TextDiff;

/// What is different in a map since it was kept: a connection is a line.
pub fn difference(path: &str, kept: &str, now: &str) -> Option<String> {
    if kept == now {
        return None;
    }
    let diff = TextDiff::from_lines(kept, now);
    Some(diff.unified_diff().context_radius(0).header(path, "the manifests").to_string())
}
