//! One file for a browser, with everything in it: search, focus, groups by namespace, and the lines that decide each
//! connection.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::{group, routes, words};
use crate::map::{Certainty, Map, Peer};

/// What the page is about, in its own words.
pub(crate) struct About {
    /// The heading.
    pub(crate) title: &'static str,
    /// What to do first.
    pub(crate) hint: &'static str,
}

/// What the page draws.
#[derive(Serialize)]
pub(crate) struct Data<'a> {
    /// Sorted by their groups.
    pub(crate) peers: Vec<PeerData>,
    pub(crate) edges: Vec<EdgeData<'a>>,
    pub(crate) lines: &'a [String],
    /// Whether edges are what changes, rather than what is.
    pub(crate) changes: bool,
}

#[derive(Serialize)]
pub(crate) struct PeerData {
    label: String,
    group: String,
    workload: bool,
}

/// An arrow from one peer to another, by their places in the list.
#[derive(Serialize)]
pub(crate) struct EdgeData<'a> {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) allowed: String,
    pub(crate) depends: bool,
    pub(crate) lines: Cow<'a, [usize]>,
    /// What is said of it in place of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// Which way a change goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
}

impl PeerData {
    fn route(name: &str) -> Self {
        Self { label: name.to_owned(), group: "Routes".to_owned(), workload: false }
    }

    pub(crate) fn new(peer: &Peer) -> Self {
        Self { label: peer.to_string(), group: group(peer), workload: matches!(peer, Peer::Workload { .. }) }
    }
}

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    let edges = map.connections.iter().enumerate().map(|(number, connection)| EdgeData {
        from: connection.from,
        to: connection.to,
        allowed: words(map, connection),
        depends: connection.certainty == Certainty::DependsOnPodAddress,
        lines: Cow::Borrowed(map.deciding.of_connection.get(number).map_or(&[], Vec::as_slice)),
        note: None,
        kind: None,
    });
    let peers = map.peers.iter().map(PeerData::new);
    let routes = routes(map);
    let of_routes = routes.iter().map(|(name, _)| PeerData::route(name));
    let led = routes.iter().enumerate().flat_map(|(number, (_, led))| {
        led.iter().map(move |led| EdgeData {
            from: map.peers.len() + number,
            to: led.to.unwrap_or_default(),
            allowed: led.words(),
            depends: false,
            lines: Cow::Borrowed(&[][..]),
            note: Some(ROUTE.to_owned()),
            kind: None,
        })
    });
    let data = Data {
        peers: peers.chain(of_routes).collect(),
        edges: edges.chain(led).collect(),
        lines: &map.deciding.lines,
        changes: false,
    };
    page(&ABOUT, "", &data, out)
}

/// The page with what it draws, and with markup below the picture.
pub(crate) fn page(about: &About, more: &str, data: &Data<'_>, out: &mut impl fmt::Write) -> fmt::Result {
    // Our own types hold no maps with odd keys and no floats, so there is nothing that JSON could not say.
    let data = serde_json::to_string(data).unwrap_or_default();
    // Nothing in it may end the element that it stands in.
    let data = data.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let frame = PAGE.replace("{{TITLE}}", about.title).replace("{{HINT}}", about.hint);
    let (head, rest) = frame.split_once("{{STYLE}}").unwrap_or((&frame, ""));
    let (middle, rest) = rest.split_once("{{DATA}}").unwrap_or((rest, ""));
    let (end, tail) = rest.split_once("{{SCRIPT}}").unwrap_or((rest, ""));
    let (above, below) = middle.split_once("{{BELOW}}").unwrap_or((middle, ""));
    for part in [head, STYLE, above, more, below, &data, end, SCRIPT, tail] {
        out.write_str(part)?;
    }
    Ok(())
}

/// Of an edge that is no connection.
const ROUTE: &str = "A route permits nothing by itself: whoever forwards for it has to be among those who may connect.";

const ABOUT: About = About {
    title: "Who may connect to whom",
    hint: "Choose a connection for the lines that decide it, or a peer to look at it alone.",
};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
