//! Comma-separated values as RFC 4180 has them.

use std::fmt;

use crate::map::{Certainty, Map};

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "from,to,allowed,certainty")?;
    for connection in &map.connections {
        let certainty = match connection.certainty {
            Certainty::Certain => "certain",
            Certainty::DependsOnPodAddress => "depends-on-pod-address",
        };
        let shown = &map.permitted(connection).shown;
        let [from, to] = [connection.from, connection.to].map(|peer| field(&map.peer(peer).to_string()));
        writeln!(out, "{from},{to},{},{certainty}", field(&shown.to_string()))?;
    }
    Ok(())
}

/// In quotes where it has to be. What a spreadsheet would take for a formula is kept from being one.
fn field(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}
