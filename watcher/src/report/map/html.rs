//! One file for a browser, with everything in it: search, focus, groups by namespace, and the lines that decide each
//! connection.

use std::fmt;

use serde::Serialize;

use super::{group, words};
use crate::map::{Certainty, Map, Peer};

#[derive(Serialize)]
struct Data<'a> {
    peers: Vec<PeerData>,
    edges: Vec<EdgeData<'a>>,
    lines: &'a [String],
}

#[derive(Serialize)]
struct PeerData {
    label: String,
    group: String,
    workload: bool,
}

#[derive(Serialize)]
struct EdgeData<'a> {
    from: usize,
    to: usize,
    allowed: String,
    depends: bool,
    lines: &'a [usize],
}

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    let peer = |peer: &Peer| PeerData {
        label: peer.to_string(),
        group: group(peer),
        workload: matches!(peer, Peer::Workload { .. }),
    };
    let data = Data {
        peers: map.peers.iter().map(peer).collect(),
        edges: map
            .connections
            .iter()
            .enumerate()
            .map(|(number, connection)| EdgeData {
                from: connection.from,
                to: connection.to,
                allowed: words(map, connection),
                depends: connection.certainty == Certainty::DependsOnPodAddress,
                lines: map.deciding.of_connection.get(number).map_or(&[], Vec::as_slice),
            })
            .collect(),
        lines: &map.deciding.lines,
    };
    // Our own types hold no maps with odd keys and no floats, so there is nothing that JSON could not say.
    let data = serde_json::to_string(&data).unwrap_or_default();
    // Nothing in it may end the element that it stands in.
    let data = data.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let (head, rest) = PAGE.split_once("{{STYLE}}").unwrap_or((PAGE, ""));
    let (middle, rest) = rest.split_once("{{DATA}}").unwrap_or((rest, ""));
    let (end, tail) = rest.split_once("{{SCRIPT}}").unwrap_or((rest, ""));
    for part in [head, STYLE, middle, &data, end, SCRIPT, tail] {
        out.write_str(part)?;
    }
    Ok(())
}

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
