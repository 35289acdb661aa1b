//! Packets that wait for a program.

use std::fmt::{self, Write as _};

use crate::ruleset::Queue;

/// `queue flags bypass,fanout to 0-3`.
pub(super) fn write(out: &mut String, queue: Queue) -> fmt::Result {
    let Queue { first, last, bypass, fanout } = queue;
    out.write_str(match (bypass, fanout) {
        (false, false) => "queue to ",
        (true, false) => "queue flags bypass to ",
        (false, true) => "queue flags fanout to ",
        (true, true) => "queue flags bypass,fanout to ",
    })?;
    if first == last { write!(out, "{first}") } else { write!(out, "{first}-{last}") }
}
