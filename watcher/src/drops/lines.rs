//! What each line of the host rules has counted.

use std::collections::BTreeMap;

use engine::observed::Counted;
use engine::ruleset::Comment;

use super::{Count, SourceLine};

/// A line of the host rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineCount {
    /// Where it is.
    pub line: SourceLine,
    /// The packets that all of its matches were true for, of all rules that were made from it.
    pub count: Count,
}

/// The lines in the order of packets, and of the file where they have counted the same.
pub fn by_line(counted: BTreeMap<Comment, Counted>) -> Vec<LineCount> {
    let counts = counted.into_iter().map(|(comment, Counted { packets, bytes })| LineCount {
        line: SourceLine::new(comment.as_str()),
        count: Count { packets, bytes },
    });
    let mut counts: Vec<LineCount> = counts.collect();
    counts.sort_by(|a, b| {
        let in_file = || a.line.place().cmp(&b.line.place()).then_with(|| a.line.text().cmp(b.line.text()));
        b.count.packets.cmp(&a.count.packets).then_with(in_file)
    });
    counts
}
