//! A picture: workloads in the middle by namespace, who comes from outside on the left, what is outside on the right.

use std::collections::BTreeMap;
use std::fmt;

use super::{connected, group, routes, words};
use crate::map::{Certainty, Connection, Led, Map, Peer};

/// Sizes in pixels.
const ROW: usize = 26;
const BOX: usize = 22;
const LEFT: usize = 260;
const WIDTH: usize = 320;
const SIDE: usize = 230;
/// How far lines between workloads reach out to the right at most.
const REACH: usize = 360;

/// Where the boxes are.
struct Layout<'m> {
    /// Of workloads, from the top.
    middle: BTreeMap<usize, usize>,
    sources: BTreeMap<usize, usize>,
    targets: BTreeMap<usize, usize>,
    /// Those that lead to workloads, below the sources.
    routes: Vec<(String, usize, Vec<&'m Led>)>,
    /// Name, top and bottom of each namespace.
    groups: Vec<(String, usize, usize)>,
    right: usize,
    reach: usize,
    height: usize,
}

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    let layout = Layout::of(map);
    let width = layout.right + SIDE + 20;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{0}\" viewBox=\"0 0 {width} {0}\">",
        layout.height
    )?;
    writeln!(out, "<style>{STYLE}</style>")?;
    writeln!(
        out,
        "<marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" class=\"tip\"/></marker>"
    )?;
    writeln!(out, "<rect class=\"paper\" width=\"{width}\" height=\"{}\"/>", layout.height)?;
    for (name, top, bottom) in &layout.groups {
        let (x, width, height) = (LEFT - 8, WIDTH + 16, bottom - top + 6);
        writeln!(out, "<rect class=\"group\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>")?;
        writeln!(out, "<text class=\"name\" x=\"{LEFT}\" y=\"{}\">{}</text>", top + 15, escaped(name))?;
    }
    for connection in &map.connections {
        let class = match connection.certainty {
            Certainty::Certain => "edge",
            Certainty::DependsOnPodAddress => "edge doubt",
        };
        let title = format!("{} → {}: {}", map.peer(connection.from), map.peer(connection.to), words(map, connection));
        let line = layout.line(connection);
        writeln!(
            out,
            "<path class=\"{class}\" d=\"{line}\" marker-end=\"url(#tip)\"><title>{}</title></path>",
            escaped(&title)
        )?;
    }
    for (name, y, led) in &layout.routes {
        for led in led {
            let to = led.to.unwrap_or_default();
            let title = format!("{name} → {}: {}", map.peer(to), led.words());
            let line = layout.inward(*y, to);
            writeln!(
                out,
                "<path class=\"edge route\" d=\"{line}\" marker-end=\"url(#tip)\"><title>{}</title></path>",
                escaped(&title)
            )?;
        }
        labelled((name, &shortened(name, SIDE)), (10, *y, SIDE), out)?;
    }
    for (column, x, width) in
        [(&layout.middle, LEFT, WIDTH), (&layout.sources, 10, SIDE), (&layout.targets, layout.right, SIDE)]
    {
        // Long labels may begin alike: those that are cut to the same get numbers.
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (peer, y) in column {
            let label = map.peer(*peer).to_string();
            let mut short = shortened(&label, width);
            let nth = known.entry(short.clone()).or_default();
            *nth += 1;
            if *nth > 1 {
                short = format!("{} #{nth}", short.chars().take(width / 7 - 4).collect::<String>());
            }
            labelled((&label, &short), (x, *y, width), out)?;
        }
    }
    writeln!(out, "</svg>")
}

/// As much of a label as a box has room for.
fn shortened(label: &str, width: usize) -> String {
    let most = width / 7;
    let cut = if label.chars().count() > most { "…" } else { "" };
    label.chars().take(most).collect::<String>() + cut
}

/// A box with what it is called in short and in full.
fn labelled(
    (label, short): (&str, &str),
    (x, y, width): (usize, usize, usize),
    out: &mut impl fmt::Write,
) -> fmt::Result {
    writeln!(
        out,
        "<g><title>{}</title><rect class=\"peer\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{BOX}\" rx=\"4\"/>\
         <text x=\"{}\" y=\"{}\">{}</text></g>",
        escaped(label),
        y - 2,
        x + 6,
        y + 13,
        escaped(short)
    )
}

impl<'m> Layout<'m> {
    fn of(map: &'m Map) -> Self {
        let mut middle = BTreeMap::new();
        let mut groups: Vec<(String, usize, usize)> = Vec::new();
        let mut y = 20;
        for peer in connected(map) {
            let Peer::Workload { .. } = map.peer(peer) else { continue };
            let name = group(map.peer(peer));
            if groups.last().is_none_or(|(last, ..)| *last != name) {
                groups.push((name, y + 14, 0));
                y += 14 + BOX;
            }
            middle.insert(peer, y);
            y += ROW;
            if let Some((_, _, bottom)) = groups.last_mut() {
                *bottom = y;
            }
        }
        let is_outside = |peer: &usize| !matches!(map.peer(*peer), Peer::Workload { .. });
        let column = |ends: Vec<usize>| -> BTreeMap<usize, usize> {
            let mut ends: Vec<_> = ends.into_iter().filter(is_outside).collect();
            ends.sort_unstable();
            ends.dedup();
            ends.into_iter().enumerate().map(|(row, peer)| (peer, 40 + row * ROW)).collect()
        };
        let sources = column(map.connections.iter().map(|found| found.from).collect());
        let targets = column(map.connections.iter().map(|found| found.to).collect());
        let first = 40 + sources.len() * ROW;
        let routes = routes(map).into_iter().enumerate();
        let routes: Vec<_> = routes.map(|(row, (name, led))| (name, first + row * ROW, led)).collect();
        let reach = REACH.min(60 + middle.len() * 6);
        let height = y.max(40 + ROW * (sources.len() + routes.len()).max(targets.len())) + 20;
        Self { middle, sources, targets, routes, groups, right: LEFT + WIDTH + reach + 20, reach, height }
    }

    /// A curve from a box on the left to a workload.
    fn inward(&self, from: usize, to: usize) -> String {
        let (y, end) = (from + 10, self.middle.get(&to).copied().unwrap_or_default() + 8);
        format!("M240,{y} C250,{y} {},{end} {LEFT},{end}", LEFT - 10)
    }

    /// A curve from one box to another.
    fn line(&self, connection: &Connection) -> String {
        let Connection { from, to, .. } = connection;
        let row = |column: &BTreeMap<usize, usize>, peer: &usize| column.get(peer).copied().unwrap_or_default();
        let edge = LEFT + WIDTH;
        if self.sources.contains_key(from) {
            return self.inward(row(&self.sources, from), *to);
        }
        let y = row(&self.middle, from) + 8;
        if self.targets.contains_key(to) {
            let (x, end) = (self.right, row(&self.targets, to) + 10);
            return format!("M{edge},{y} C{},{y} {},{end} {x},{end}", edge + 60, x - 60);
        }
        let end = row(&self.middle, to) + 13;
        let bulge = edge + 30 + self.reach.min(y.abs_diff(end) / 2);
        format!("M{edge},{y} C{bulge},{y} {bulge},{end} {edge},{end}")
    }
}

/// Text that is no markup.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '"' => shown.push_str("&quot;"),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1d2430}.name{font-weight:bold}.paper{fill:#fff}.group{fill:#eef1f5}\
.peer{fill:#fff;stroke:#6b7a90}.edge{fill:none;stroke:#6b7a90;stroke-width:1.2}.doubt{stroke:#a15c00;stroke-dasharray:4 3}\
.route{stroke-dasharray:2 3}.tip{fill:#6b7a90}@media(prefers-color-scheme:dark){text{fill:#e4e8ee}.paper,.peer{fill:#14181f}.group{fill:#222936}}";
