//! Lines for people, each change with the lines that it comes from.

use std::fmt;

use super::{cause, count, words};
use crate::difference::{Change, Kind};
use crate::visible;

pub(super) fn write(changes: &[Change], out: &mut impl fmt::Write) -> fmt::Result {
    if changes.is_empty() {
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
    Ok(())
}
