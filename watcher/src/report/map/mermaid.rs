//! A flowchart of Mermaid, which code hosts draw in comments and pages.

use std::fmt;

use super::{by_namespace, routes, words};
use crate::map::{Certainty, Map, Peer};

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "flowchart LR")?;
    for (number, (group, peers)) in by_namespace(map).into_iter().enumerate() {
        if let Some(namespace) = group {
            writeln!(out, "  subgraph s{number}[{}]", quoted(namespace))?;
        }
        for peer in peers {
            let label = quoted(&map.peer(peer).to_string());
            match map.peer(peer) {
                Peer::Workload { .. } => writeln!(out, "    n{peer}[{label}]")?,
                Peer::Node { .. } => writeln!(out, "    n{peer}[[{label}]]")?,
                Peer::Addresses { .. } => writeln!(out, "    n{peer}([{label}])")?,
            }
        }
        if group.is_some() {
            writeln!(out, "  end")?;
        }
    }
    for connection in &map.connections {
        let arrow = match connection.certainty {
            Certainty::Certain => "-->",
            Certainty::DependsOnPodAddress => "-.->",
        };
        let label = quoted(&words(map, connection));
        writeln!(out, "  n{} {arrow}|{label}| n{}", connection.from, connection.to)?;
    }
    for (number, (name, led)) in routes(map).into_iter().enumerate() {
        writeln!(out, "    r{number}[/{}/]", quoted(&name))?;
        for led in led {
            writeln!(out, "  r{number} ==>|{}| n{}", quoted(&led.words()), led.to.unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Mermaid knows characters by their numbers.
fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    shown.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '#' | '<' | '>' | '&' | '`' | '|') || c.is_control() {
            shown.push('#');
            shown.push_str(&u32::from(c).to_string());
            shown.push(';');
        } else {
            shown.push(c);
        }
    }
    shown.push('"');
    shown
}
