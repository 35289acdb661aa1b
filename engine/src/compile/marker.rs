//! Which sources a table was built from, recorded in the table itself.
//!
//! A table's own comment cannot change after its creation, so the record is a set of numbers whose element comments
//! name the sources (decisions.md 7). A one-shot apply reads it to refuse to drop a source silently.

use std::fmt;
use std::str::FromStr;

use super::builder::TableBuilder;
use crate::ruleset::{Comment, DataType, Datum, Element, ElementKey, Elements, Name, Set, SetSpec};

/// One source of a ruleset.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SourceRecord {
    /// What kind of source.
    pub kind: SourceKind,
    /// The path as the user gave it. Longer ones lose their beginning in the kernel.
    pub path: String,
}

/// The kinds of sources.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SourceKind {
    /// Host rules.
    Host,
    /// Manifests.
    Manifests,
    /// The baseline, given by itself.
    Baseline,
}

/// The name of the set that holds the record.
pub fn set_name() -> Name {
    Name::ours("sources")
}

/// Writes the record.
pub(super) fn record(sources: &[SourceRecord], builder: &mut TableBuilder) {
    let mut sources: Vec<_> = sources.to_vec();
    sources.sort();
    sources.dedup();
    let elements: Elements = (1..)
        .zip(&sources)
        .map(|(number, source)| {
            let comment = Some(Comment::new(&source.to_string()));
            (ElementKey::values([Datum::number(DataType::Mark, number)]), Element { comment, ..Element::PLAIN })
        })
        .collect();
    if !elements.is_empty() {
        builder.named_set(set_name(), Set { spec: SetSpec::hash([DataType::Mark]), elements });
    }
}

/// Reads the record of a table.
pub fn read(set: &Set) -> Vec<SourceRecord> {
    let comments = set.elements.values().filter_map(|element| element.comment.as_ref());
    comments.filter_map(|comment| comment.as_str().parse().ok()).collect()
}

impl fmt::Display for SourceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.path)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Manifests => "manifests",
            Self::Baseline => "baseline",
        })
    }
}

/// The text is not a record of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a record of a source")]
pub struct SourceRecordError;

impl FromStr for SourceRecord {
    type Err = SourceRecordError;

    fn from_str(text: &str) -> Result<Self, SourceRecordError> {
        let (kind, path) = text.split_once(' ').ok_or(SourceRecordError)?;
        let kind = match kind {
            "host" => SourceKind::Host,
            "manifests" => SourceKind::Manifests,
            "baseline" => SourceKind::Baseline,
            _ => return Err(SourceRecordError),
        };
        Ok(Self { kind, path: path.to_owned() })
    }
}
