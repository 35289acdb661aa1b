//! The page of a map with what changes in it: gains and losses by colour and by dashes, and the lines that each comes
//! from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::{cause, heading, words};
use crate::difference::rules::Rules;
use crate::difference::{Change, Side};
use crate::map::{Certainty, Peer};
use crate::report::findings::xml::escaped;
use crate::report::map::group;
use crate::report::map::html::{About, Data, EdgeData, PeerData, page};
use crate::visible;

const ABOUT: About = About {
    title: "What changes in who may connect to whom",
    hint: "Whole lines are gained, dashed ones lost. Choose one for the lines that it comes from, a peer to look at it \
           alone, or search for added, removed, widened or narrowed.",
};

/// Where host rules differ that a picture of connections has no place for.
const ABOUT_RULES: About = About {
    title: ABOUT.title,
    hint: "Whole lines are gained, dashed ones lost. Choose one for the lines that it comes from. Host rules that differ \
           stand below, rule by rule.",
};

pub(super) fn write(changes: &[Change], rules: &Rules, out: &mut impl fmt::Write) -> fmt::Result {
    let ends: BTreeSet<(String, &Peer)> =
        changes.iter().flat_map(|change| [&change.from, &change.to]).map(|peer| (group(peer), peer)).collect();
    let numbers: BTreeMap<&Peer, usize> = ends.iter().enumerate().map(|(number, (_, peer))| (*peer, number)).collect();
    let mut lines: Vec<String> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut number_of = |line: String| {
        *known.entry(line).or_insert_with_key(|line| {
            lines.push(line.clone());
            lines.len() - 1
        })
    };
    let mut edges = Vec::new();
    for change in changes {
        let number = |peer: &Peer| numbers.get(peer).copied().unwrap_or_default();
        let causes: Vec<usize> = change.causes.iter().map(|found| number_of(cause(found))).collect();
        edges.push(EdgeData {
            from: number(&change.from),
            to: number(&change.to),
            allowed: words(change),
            depends: change.certainty == Certainty::DependsOnPodAddress,
            lines: Cow::Owned(causes),
            note: None,
            kind: Some(change.kind.word()),
        });
    }
    let peers = ends.iter().map(|(_, peer)| PeerData::new(peer)).collect();
    let about = if rules.is_empty() { ABOUT } else { ABOUT_RULES };
    let mut more = String::new();
    list(rules, &mut more)?;
    page(&about, &more, &Data { peers, edges, lines: &lines, changes: true }, out)
}

/// The rules that differ, with what is theirs alone.
fn list(rules: &Rules, out: &mut String) -> fmt::Result {
    if rules.is_empty() {
        return Ok(());
    }
    let shown = |text: &str| escaped(&visible::line(text)).into_owned();
    writeln!(out, "<article id=\"rules\">\n<h2>{}</h2>", shown(&heading(rules)))?;
    for part in &rules.parts {
        writeln!(out, "<h3>{} {}</h3>\n<ul>", shown(&part.table), shown(&part.place))?;
        for line in &part.lines {
            let (class, sign) = match line.side {
                Side::Old => ("less", '-'),
                Side::New => ("more", '+'),
            };
            let origin = line.origin.as_deref().map(shown).unwrap_or_default();
            let text = shown(&line.text);
            writeln!(
                out,
                "<li><span class=\"{class}\">{sign} {text}</span> <span class=\"origin\">{origin}</span></li>"
            )?;
        }
        writeln!(out, "</ul>")?;
    }
    writeln!(out, "</article>")
}
