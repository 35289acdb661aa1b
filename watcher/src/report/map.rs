//! A map in the forms that people and programs read.

use std::collections::BTreeMap;
use std::fmt;

use crate::map::{Certainty, Connection, Led, Map, Peer};

mod csv;
mod dot;
pub(crate) mod html;
mod json;
mod markdown;
mod matrix;
mod mermaid;
mod svg;
mod text;

pub(crate) use self::json::{peer as peer_json, peer_value, permitted as permitted_json};
pub(crate) use self::markdown::cell;

/// The forms of a map.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A line for each connection.
    Text,
    /// docs/reference/map.schema.json.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// A table of Markdown.
    Markdown,
    /// Graphviz.
    Dot,
    /// A flowchart of Mermaid.
    Mermaid,
    /// Rows to columns.
    Matrix,
    /// A picture.
    Svg,
    /// A page for a browser, with everything in it.
    Html,
}

/// Writes a map.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(map: &Map, form: Form, out: &mut impl fmt::Write) -> fmt::Result {
    match form {
        Form::Text => text::write(map, out),
        Form::Json => json::write(map, out),
        Form::Csv => csv::write(map, out),
        Form::Markdown => markdown::write(map, out),
        Form::Dot => dot::write(map, out),
        Form::Mermaid => mermaid::write(map, out),
        Form::Matrix => matrix::write(map, out),
        Form::Svg => svg::write(map, out),
        Form::Html => html::write(map, out),
    }
}

/// What a connection is for, in words.
fn words(map: &Map, connection: &Connection) -> String {
    let shown = &map.permitted(connection).shown;
    match connection.certainty {
        Certainty::Certain => shown.to_string(),
        Certainty::DependsOnPodAddress => format!("{shown} (depends on pod address)"),
    }
}

/// The peers that have a connection or that a route leads to, by their numbers.
fn connected(map: &Map) -> Vec<usize> {
    let mut found: Vec<usize> = map.connections.iter().flat_map(|found| [found.from, found.to]).collect();
    found.extend(map.routes.iter().filter_map(|led| led.to));
    found.sort_unstable();
    found.dedup();
    found
}

/// The routes that lead to workloads, each once, with what they lead to.
fn routes(map: &Map) -> Vec<(String, Vec<&Led>)> {
    let mut found: Vec<(String, Vec<&Led>)> = Vec::new();
    for led in map.routes.iter().filter(|led| led.to.is_some()) {
        let name = led.name();
        match found.last_mut().filter(|(last, _)| *last == name) {
            Some((_, of_route)) => of_route.push(led),
            None => found.push((name, vec![led])),
        }
    }
    found
}

/// The same by namespace; those that are in none come first.
fn by_namespace(map: &Map) -> BTreeMap<Option<&str>, Vec<usize>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for peer in connected(map) {
        groups.entry(namespace(map.peer(peer))).or_default().push(peer);
    }
    groups
}

/// What a peer is shown under.
pub(crate) fn group(peer: &Peer) -> String {
    match peer {
        Peer::Workload { namespace, .. } => namespace.to_string(),
        Peer::Node { .. } => "Nodes".to_owned(),
        Peer::Addresses { .. } => "Addresses".to_owned(),
    }
}

/// The namespace of a workload.
pub(crate) fn namespace(peer: &Peer) -> Option<&str> {
    match peer {
        Peer::Workload { namespace, .. } => Some(namespace),
        Peer::Node { .. } | Peer::Addresses { .. } => None,
    }
}

#[cfg(test)]
mod tests;
