//! The file of known findings: those that were there before somebody began to look.

use std::collections::BTreeSet;
use std::path::Path;

use engine::lint::catalogue;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::source::{Sources, Span};
use serde::{Deserialize, Serialize};

use crate::source::files::{self, FileError};

/// What the file is called where nothing else is said.
pub const FILE: &str = ".palisade-known.json";

/// One finding that is known.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The rule.
    pub code: String,
    /// What tells the finding from others.
    pub fingerprint: String,
    /// For people.
    #[serde(default)]
    pub message: String,
}

/// Why a file of known findings is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KnownError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is none.
    #[error("{path} is no file of known findings")]
    Form {
        /// As the user gave it.
        path: String,
        /// Where it goes wrong.
        #[source]
        error: serde_json::Error,
    },
}

/// Reads the known findings.
///
/// # Errors
/// [`KnownError`].
pub fn read(path: &Path) -> Result<Vec<Known>, KnownError> {
    let text = files::read(path)?;
    serde_json::from_str(&text).map_err(|error| KnownError::Form { path: files::shown(path), error })
}

/// These findings as a file: sorted, one a line, so that two branches merge.
pub fn written(findings: &[Diagnostic], fingerprints: &[String]) -> String {
    let known = findings.iter().zip(fingerprints).map(|(finding, fingerprint)| Known {
        code: finding.code.0.to_owned(),
        fingerprint: fingerprint.clone(),
        message: finding.message.clone(),
    });
    let mut known: Vec<Known> = known.collect();
    known.sort();
    let lines = known.iter().filter_map(|known| serde_json::to_string(known).ok()).map(|line| format!("  {line}"));
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

/// Takes the known findings out, and names the entries whose findings are gone.
pub fn apply(findings: &mut Vec<Diagnostic>, known: &[Known], path: &Path, sources: &mut Sources) {
    let fingerprints = engine::lint::known::fingerprints(findings, sources);
    let wanted: BTreeSet<&str> = known.iter().map(|known| known.fingerprint.as_str()).collect();
    let mut marks = fingerprints.iter();
    findings.retain(|_| marks.next().is_none_or(|mark| !wanted.contains(mark.as_str())));
    let present: BTreeSet<&str> = fingerprints.iter().map(String::as_str).collect();
    let mut source = None;
    for entry in known.iter().filter(|known| !present.contains(known.fingerprint.as_str())) {
        let source = *source.get_or_insert_with(|| sources.add(&files::shown(path), ""));
        let Some(rule) = catalogue::named("PAL807") else { continue };
        let message = format!("{} no longer occurs: {}", entry.code, entry.message);
        let mut finding = Diagnostic::note(rule.code, Span { source, start: 0, end: 0 }, message);
        finding.severity = Severity::Note;
        finding.help = Some("`--update-known` takes the entry away".to_owned());
        findings.push(finding);
    }
}
