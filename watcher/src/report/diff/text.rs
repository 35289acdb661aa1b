//! Lines for people, each change with the lines that it comes from.

use std::fmt;

use super::{cause, count, heading, words};
use crate::difference::rules::Rules;
use crate::difference::{Change, Kind, Side};
use crate::visible;

pub(super) fn write(changes: &[Change], rules: &Rules, out: &mut impl fmt::Write) -> fmt::Result {
    if changes.is_empty() && rules.is_empty() {
        return writeln!(out, "no connection changes");
    }
    for kind in Kind::ALL {
        let of_kind = changes.iter().filter(|change| change.kind == kind);
        for (index, change) in of_kind.enumerate() {
            if index == 0 {
                writeln!(out, "{} ({}):", kind.word(), count(changes, kind))?;
            }
            let sign = if kind.is_more() { '+' } else { '-' };
            let line = format!("{} -> {}: {}", change.from, change.to, words(change));
            writeln!(out, "{sign} {}", visible::line(&line))?;
            for found in &change.causes {
                writeln!(out, "    {}", visible::line(&cause(found)))?;
            }
        }
    }
    if !rules.is_empty() {
        writeln!(out, "{}:", heading(rules))?;
    }
    for part in &rules.parts {
        writeln!(out, "  {} {}", part.table, visible::line(&part.place))?;
        for line in &part.lines {
            let sign = match line.side {
                Side::Old => '-',
                Side::New => '+',
            };
            let origin = line.origin.as_ref().map(|origin| format!("  # {origin}")).unwrap_or_default();
            writeln!(out, "{sign}     {}", visible::line(&format!("{}{origin}", line.text)))?;
        }
    }
    Ok(())
}
