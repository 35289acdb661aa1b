//! Rows to columns: who may open a connection, and to whom. Columns bear numbers, which the list below explains.

use std::collections::BTreeMap;
use std::fmt;

use super::connected;
use crate::map::{Certainty, Map, Shown};
use crate::visible;

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    let peers = connected(map);
    let mut cells: BTreeMap<(usize, usize), char> = BTreeMap::new();
    for connection in &map.connections {
        let mark = match (connection.certainty, &map.permitted(connection).shown) {
            (Certainty::Certain, Shown::Any) => '#',
            (Certainty::Certain, Shown::Ports(_)) => '+',
            (Certainty::DependsOnPodAddress, _) => '?',
        };
        // Of both what is certain comes first.
        cells.entry((connection.from, connection.to)).or_insert(mark);
    }
    let width = peers.len().to_string().len().max(1) + 1;
    let names: Vec<String> =
        peers.iter().map(|peer| visible::line(&map.peer(*peer).to_string()).into_owned()).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_MAX);
    write!(out, "{:longest$} {:>width$}", "", "")?;
    for number in 1..=peers.len() {
        write!(out, "{number:>width$}")?;
    }
    writeln!(out)?;
    for (row, (from, name)) in peers.iter().zip(&names).enumerate() {
        let name: String = name.chars().take(NAME_MAX).collect();
        write!(out, "{name:longest$} {:>width$}", row + 1)?;
        for to in &peers {
            write!(out, "{:>width$}", cells.get(&(*from, *to)).unwrap_or(&'.'))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\n# everything   + some ports   ? depends on pod address   . nothing; rows connect to columns")
}

/// Longer names are cut, in characters.
const NAME_MAX: usize = 60;
