//! A table of Markdown, for a page or a comment.

use std::fmt;

use super::words;
use crate::map::Map;

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "| from | to | allowed |\n|---|---|---|")?;
    for connection in &map.connections {
        let [from, to] = [connection.from, connection.to].map(|peer| cell(&map.peer(peer).to_string()));
        writeln!(out, "| {from} | {to} | {} |", cell(&words(map, connection)))?;
    }
    if !map.routes.is_empty() {
        writeln!(out, "\n| route | leads to | for |\n|---|---|---|")?;
    }
    for led in &map.routes {
        let to = led.to.map(|to| map.peer(to).to_string()).unwrap_or_default();
        writeln!(out, "| {} | {} | {} |", cell(&led.name()), cell(&to), cell(&led.words()))?;
    }
    Ok(())
}

/// Text that Markdown shows as it is.
pub(crate) fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '@' => shown.extend(['\\', c]),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}
