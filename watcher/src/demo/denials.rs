//! The denied questions, by the source line that denies them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::report::{Family, Report};
use super::table::WIDTH;
use crate::lab::Service;

/// What of a pair is denied.
type Denied = BTreeSet<(Service, Family)>;
/// Who asks whom.
type Pair = (usize, usize);
/// Those who ask all of those, and what they are denied there.
type Block = (BTreeSet<usize>, BTreeSet<usize>, String);

/// Every denied question below its deciding source line: `askers -> asked: services`.
pub(super) fn by_line(report: &Report) -> String {
    let mut lines: BTreeMap<(&str, u32, &str), BTreeMap<Pair, Denied>> = BTreeMap::new();
    let mut asked: BTreeMap<Pair, Denied> = BTreeMap::new();
    for cell in &report.cells {
        let pair = (cell.from, cell.to);
        asked.entry(pair).or_default().insert((cell.service, cell.family));
        if cell.is_denied() {
            let line = cell.verdict.denial.as_ref().and_then(|denial| denial.line.as_deref());
            let pairs = lines.entry(in_order(line.unwrap_or("without a source line"))).or_default();
            pairs.entry(pair).or_default().insert((cell.service, cell.family));
        }
    }
    let mut text = String::new();
    for ((_, _, line), pairs) in lines {
        let cells: usize = pairs.values().map(BTreeSet::len).sum();
        let _: std::fmt::Result = writeln!(text, "{line}  ({cells} cells)");
        for (from, to, services) in blocks(report, &pairs, &asked) {
            let sentence = format!("{} -> {}: {services}", names(report, &from), names(report, &to));
            wrap(&mut text, &sentence);
        }
    }
    text
}

/// Path and number of a line apart, so that line 9 comes before line 10.
fn in_order(line: &str) -> (&str, u32, &str) {
    let place = line.split(' ').next().unwrap_or_default();
    let (path, number) = place.rsplit_once(':').unwrap_or((place, ""));
    (path, number.parse().unwrap_or(0), line)
}

/// Pairs with the same services are told together, and so are those who ask the same.
fn blocks(report: &Report, pairs: &BTreeMap<Pair, Denied>, asked: &BTreeMap<Pair, Denied>) -> Vec<Block> {
    let mut askers: BTreeMap<(String, usize), BTreeSet<usize>> = BTreeMap::new();
    for (pair, denied) in pairs {
        let services = services(report, denied, asked.get(pair).unwrap_or(denied));
        askers.entry((services, pair.1)).or_default().insert(pair.0);
    }
    let mut merged: BTreeMap<(String, BTreeSet<usize>), BTreeSet<usize>> = BTreeMap::new();
    for ((services, to), from) in askers {
        merged.entry((services, from)).or_default().insert(to);
    }
    let mut blocks: Vec<Block> = merged.into_iter().map(|((services, from), to)| (from, to, services)).collect();
    blocks.sort();
    blocks
}

/// `everything`, `all but 443/TCP`, or a list; a family where only one is meant.
fn services(report: &Report, denied: &Denied, asked: &Denied) -> String {
    if denied == asked {
        return "everything".to_owned();
    }
    let listed = list(report, denied, asked);
    let others: Denied = asked.difference(denied).copied().collect();
    let rest = format!("all but {}", list(report, &others, asked));
    if rest.len() < listed.len() { rest } else { listed }
}

fn list(report: &Report, chosen: &Denied, asked: &Denied) -> String {
    let one = |service: &Service| {
        let of = |set: &Denied| -> Vec<Family> {
            [Family::V4, Family::V6].into_iter().filter(|family| set.contains(&(*service, *family))).collect()
        };
        let families = of(chosen);
        match families.as_slice() {
            [] => None,
            [family] if of(asked).len() > 1 => Some(format!("{service} by {family}")),
            _ => Some(service.to_string()),
        }
    };
    report.services.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

fn names(report: &Report, parties: &BTreeSet<usize>) -> String {
    parties.iter().map(|party| report.name(*party)).collect::<Vec<_>>().join(", ")
}

/// Lines of at most [`WIDTH`], the first indented by four, those that go on by eight.
fn wrap(text: &mut String, sentence: &str) {
    let mut line = "   ".to_owned();
    for word in sentence.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.clear();
            line.push_str("       ");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
