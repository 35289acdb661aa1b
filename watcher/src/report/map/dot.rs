//! A graph for Graphviz, with namespaces as clusters.

use std::fmt;

use super::{by_namespace, routes, words};
use crate::map::{Certainty, Map, Peer};

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "digraph palisade {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];")?;
    for (group, peers) in by_namespace(map) {
        if let Some(namespace) = group {
            writeln!(
                out,
                "  subgraph {} {{\n    label={};",
                quoted(&format!("cluster_{namespace}")),
                quoted(namespace)
            )?;
        }
        for peer in peers {
            let shape = match map.peer(peer) {
                Peer::Workload { .. } => "box",
                Peer::Node { .. } => "component",
                Peer::Addresses { .. } => "ellipse",
            };
            writeln!(out, "    n{peer} [label={}, shape={shape}];", quoted(&map.peer(peer).to_string()))?;
        }
        if group.is_some() {
            writeln!(out, "  }}")?;
        }
    }
    for connection in &map.connections {
        let style = match connection.certainty {
            Certainty::Certain => "solid",
            Certainty::DependsOnPodAddress => "dashed",
        };
        let label = quoted(&words(map, connection));
        writeln!(out, "  n{} -> n{} [label={label}, style={style}];", connection.from, connection.to)?;
    }
    for (number, (name, led)) in routes(map).into_iter().enumerate() {
        writeln!(out, "  r{number} [label={}, shape=house];", quoted(&name))?;
        for led in led {
            let to = led.to.unwrap_or_default();
            writeln!(out, "  r{number} -> n{to} [label={}, style=dotted];", quoted(&led.words()))?;
        }
    }
    writeln!(out, "}}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
