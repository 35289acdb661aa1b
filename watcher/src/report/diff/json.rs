//! The form of docs/reference/diff.schema.json: one change on each line.

use std::fmt;

use engine::connectivity::Says;
use serde::Serialize;

use super::count;
use crate::difference::rules::Rules;
use crate::difference::{Cause, Change, Kind};
use crate::map::Certainty;
use crate::report::PlaceJson;
use crate::report::map::{peer_json, permitted_json};

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct CauseJson<'a> {
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    says: &'static str,
    #[serde(flatten)]
    place: PlaceJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
}

#[derive(Serialize)]
struct Summary {
    added: usize,
    removed: usize,
    widened: usize,
    narrowed: usize,
    rules: usize,
}

/// A host rule that one side has and the other has not.
#[derive(Serialize)]
struct RuleJson<'a> {
    side: &'static str,
    table: &'a str,
    chain: &'a str,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
}

pub(super) fn write(changes: &[Change], rules: &Rules, out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "{{\"version\":{VERSION},\"changes\":[")?;
    for (index, change) in changes.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let (from, to) = (peer_json(&change.from), peer_json(&change.to));
        let set = permitted_json(&change.shown, change.set.other);
        let certainty = match change.certainty {
            Certainty::Certain => "",
            Certainty::DependsOnPodAddress => ",\"certainty\":\"depends-on-pod-address\"",
        };
        let causes: Vec<_> = change.causes.iter().map(cause).collect();
        let causes = serde_json::to_string(&causes).unwrap_or_default();
        let kind = change.kind.word();
        write!(
            out,
            "{comma}\n{{\"change\":\"{kind}\",\"from\":{from},\"to\":{to},{set}{certainty},\"causes\":{causes}}}"
        )?;
    }
    let summary = Summary {
        added: count(changes, Kind::Added),
        removed: count(changes, Kind::Removed),
        widened: count(changes, Kind::Widened),
        narrowed: count(changes, Kind::Narrowed),
        rules: rules.lines().count(),
    };
    write!(out, "\n],\"rules\":[")?;
    for (index, (part, line)) in rules.lines().enumerate() {
        let rule = RuleJson {
            side: line.side.word(),
            table: &part.table,
            chain: &part.place,
            rule: &line.text,
            origin: line.origin.as_deref(),
        };
        let comma = if index > 0 { "," } else { "" };
        write!(out, "{comma}\n{}", serde_json::to_string(&rule).unwrap_or_default())?;
    }
    let asked = rules.is_asked;
    writeln!(out, "\n],\"packetsAsked\":{asked},\"summary\":{}}}", serde_json::to_string(&summary).unwrap_or_default())
}

fn cause(cause: &Cause) -> CauseJson<'_> {
    let Cause { side, says, origin } = cause;
    let (direction, says) = match says {
        None => (None, "only-here"),
        Some((direction, says)) => (Some(direction), says_word(*says)),
    };
    CauseJson {
        side: side.word(),
        direction: direction.map(ToString::to_string),
        says,
        place: PlaceJson::of(origin),
        subject: origin.subject.as_deref(),
    }
}

/// What a line says, for programs.
pub(crate) fn says_word(says: Says) -> &'static str {
    match says {
        Says::Accept => "permits",
        Says::Deny => "denies",
        Says::Pass => "passes-on",
        Says::Isolates => "isolates",
    }
}
