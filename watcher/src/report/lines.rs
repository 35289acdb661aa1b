//! Counters by line of the host rules.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::places;
use super::top::VERSION;
use crate::drops::lines::LineCount;

#[derive(Serialize)]
struct LinesJson<'a> {
    version: u32,
    lines: Vec<LineJson<'a>>,
}

#[derive(Serialize)]
struct LineJson<'a> {
    line: &'a str,
    packets: u64,
    bytes: u64,
}

/// A table with the lines that counted something, at most this many: those with most packets now come first.
pub fn table(counts: &[LineCount], since: Option<(&[LineCount], Duration)>, lines_max: usize) -> String {
    let before: HashMap<&str, u64> = since
        .map(|(before, _)| before.iter().map(|one| (one.line.text(), one.count.packets)).collect())
        .unwrap_or_default();
    let rate = |one: &LineCount| {
        let before = before.get(one.line.text()).copied().unwrap_or(0);
        since.map_or(0, |(_, elapsed)| places::rate(one.count.packets, before, elapsed))
    };
    let mut rows: Vec<(u64, &LineCount)> =
        counts.iter().filter(|one| one.count.packets > 0).map(|one| (rate(one), one)).collect();
    // What is equal stays in the order of the totals.
    rows.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
    let mut text = format!("{:>12} {:>8} {:>9}  line\n", "packets", "/s", "bytes");
    for (rate, one) in rows.iter().take(lines_max) {
        let per_second = places::per_second(since.map(|_| *rate));
        let bytes = places::bytes(one.count.bytes);
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, "{:>12} {per_second:>8} {bytes:>9}  {}", one.count.packets, one.line);
    }
    let left_out = rows.len().saturating_sub(lines_max);
    let unused = counts.len() - rows.len();
    if left_out > 0 {
        let _: std::fmt::Result = writeln!(text, "and {left_out} more");
    }
    if unused > 0 {
        let _: std::fmt::Result = writeln!(text, "{unused} others have counted nothing: --unused names them");
    }
    text
}

/// The lines by themselves.
pub fn names(counts: &[LineCount]) -> String {
    counts.iter().map(|one| one.line.to_string() + "\n").collect()
}

/// The form of docs/reference/top-json.md.
pub fn json(counts: &[LineCount]) -> String {
    let lines =
        counts.iter().map(|one| LineJson { line: one.line.text(), packets: one.count.packets, bytes: one.count.bytes });
    super::pretty(&LinesJson { version: VERSION, lines: lines.collect() })
}
