//! Tables of Markdown for a comment on a change: by kind and namespace, folded where they are long.

use std::collections::BTreeMap;
use std::fmt;

use super::{cause, count, heading, words};
use crate::difference::rules::Rules;
use crate::difference::{Change, Kind};
use crate::report::map::{cell, namespace};

/// Longer tables are folded, in rows.
const ROWS_MAX: usize = 50;

pub(super) fn write(changes: &[Change], rules: &Rules, out: &mut impl fmt::Write) -> fmt::Result {
    writeln!(out, "### Network policy: what changes\n")?;
    if changes.is_empty() && rules.is_empty() {
        return writeln!(out, "No connection changes.");
    }
    let counts: Vec<_> = Kind::ALL.iter().map(|kind| format!("{} {}", count(changes, *kind), kind.word())).collect();
    writeln!(out, "{}.\n", counts.join(", "))?;
    for kind in Kind::ALL {
        let mut groups: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.kind == kind) {
            groups.entry(group(change)).or_default().push(change);
        }
        for (namespace, changes) in groups {
            table(kind, namespace, &changes, out)?;
        }
    }
    if rules.is_empty() { Ok(()) } else { differing(rules, out) }
}

/// Host rules that one side has and the other has not.
fn differing(rules: &Rules, out: &mut impl fmt::Write) -> fmt::Result {
    let title = cell(&capital(&heading(rules)));
    let folded = rules.lines().count() > ROWS_MAX;
    if folded {
        writeln!(out, "<details><summary>{title}</summary>\n")?;
    } else {
        writeln!(out, "**{title}**\n")?;
    }
    writeln!(out, "| table | chain | only in | rule | written |\n|---|---|---|---|---|")?;
    for (part, line) in rules.lines() {
        let side = line.side.word();
        let [table, place, text, origin] =
            [&*part.table, &part.place, &line.text, line.origin.as_deref().unwrap_or_default()].map(cell);
        writeln!(out, "| {table} | {place} | {side} | {text} | {origin} |")?;
    }
    writeln!(out, "{}", if folded { "\n</details>\n" } else { "" })
}

/// The namespace that a change is told under: the destination's, or the source's where that has none.
fn group(change: &Change) -> &str {
    namespace(&change.to).or_else(|| namespace(&change.from)).unwrap_or_default()
}

fn table(kind: Kind, namespace: &str, changes: &[&Change], out: &mut impl fmt::Write) -> fmt::Result {
    let title = format!("{} in {namespace}: {}", capital(kind.word()), changes.len());
    let folded = changes.len() > ROWS_MAX;
    if folded {
        writeln!(out, "<details><summary>{}</summary>\n", cell(&title))?;
    } else {
        writeln!(out, "**{}**\n", cell(&title))?;
    }
    writeln!(out, "| from | to | {} | because |\n|---|---|---|---|", if kind.is_more() { "gained" } else { "lost" })?;
    for change in changes {
        let causes: Vec<_> = change.causes.iter().map(|found| cell(&cause(found))).collect();
        let [from, to] = [&change.from, &change.to].map(|peer| cell(&peer.to_string()));
        writeln!(out, "| {from} | {to} | {} | {} |", cell(&words(change)), causes.join("<br>"))?;
    }
    writeln!(out, "{}", if folded { "\n</details>\n" } else { "" })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
