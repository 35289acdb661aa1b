//! What changes between two inputs, in the forms that people and programs read.

use std::fmt;

use crate::difference::rules::Rules;
use crate::difference::{Cause, Change, Kind};
use crate::map::Certainty;

mod html;
mod json;
mod markdown;
mod text;

pub(crate) use self::json::says_word;

/// The forms of a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// docs/reference/diff.schema.json.
    Json,
    /// Tables of Markdown, for a comment.
    Markdown,
    /// A page for a browser, with everything in it.
    Html,
}

/// Writes changes, and host rules that differ.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(changes: &[Change], rules: &Rules, form: Form, out: &mut impl fmt::Write) -> fmt::Result {
    match form {
        Form::Text => text::write(changes, rules, out),
        Form::Json => json::write(changes, rules, out),
        Form::Markdown => markdown::write(changes, rules, out),
        Form::Html => html::write(changes, rules, out),
    }
}

/// What is said before rules that differ.
fn heading(rules: &Rules) -> String {
    let count = rules.lines().count();
    let why = if rules.is_asked { "" } else { "; too many packets are told apart to ask for each" };
    format!("host rules that differ, rule by rule ({count}{why})")
}

/// How many changes are of a kind.
fn count(changes: &[Change], kind: Kind) -> usize {
    changes.iter().filter(|change| change.kind == kind).count()
}

/// What is gained or lost, in words.
fn words(change: &Change) -> String {
    match change.certainty {
        Certainty::Certain => change.shown.to_string(),
        Certainty::DependsOnPodAddress => format!("{} (depends on pod address)", change.shown),
    }
}

/// A cause in words.
fn cause(cause: &Cause) -> String {
    let Cause { side, says, origin } = cause;
    let side = side.word();
    match says {
        None => format!("only in the {side} input: {origin}"),
        Some((direction, says)) => {
            format!("{side}: {origin} {says} ({direction})")
        }
    }
}

#[cfg(test)]
mod tests;
