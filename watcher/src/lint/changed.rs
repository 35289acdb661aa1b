//! What a change brings: findings that are not there at another commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::connectivity::Options;
use engine::lint::environment::Environment;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::Files as _;
use policy_lang::source::Sources;

use super::past::Past;
use super::{Loaded, is_judged, load_past, widened};
use crate::analysis::{GitError, PlaceError, is_committed};
use crate::config::host::Given;
use crate::source::files::{FileError, STDIN};

/// What findings are compared with where no commit is named.
pub const DEFAULT_REF: &str = "HEAD";

/// What was found in the same paths at another commit.
#[derive(Debug)]
pub struct Before {
    known: BTreeSet<String>,
    loaded: Loaded,
}

impl Before {
    /// Reads and judges it. A path that was not there has no finding.
    ///
    /// # Errors
    /// [`PlaceError`] if git does not know the commit.
    pub fn at(commit: &str, paths: &[PathBuf], environment: &Environment, given: &Given) -> Result<Self, PlaceError> {
        let mut texts: Vec<(String, String)> = Vec::new();
        let mut past = None;
        for path in paths.iter().filter(|path| path.as_path() != Path::new(STDIN) && !is_committed(path)) {
            let unreadable = |error| FileError::Unreadable { path: path.display().to_string(), error };
            let of_path = Past::of(commit, path).map_err(unreadable)?;
            let found = match of_path.within(path, &is_judged) {
                Err(GitError::NoManifests { .. } | GitError::Path { .. }) => Vec::new(),
                found => found?,
            };
            texts.extend(found.into_iter().filter_map(|file| of_path.read(&file).ok().map(|text| (file, text))));
            past.get_or_insert(of_path);
        }
        let loaded = load_past(&texts, past, given);
        let findings = loaded.lint(environment);
        let known = engine::lint::known::fingerprints(&findings, &loaded.sources).into_iter().collect();
        Ok(Self { known, loaded })
    }

    /// Adds what only shows beside another commit: by which lines the baseline permits more.
    pub fn compare(&self, now: &mut Loaded, environment: &Environment) {
        let options = Options { pod_ranges: environment.pod_cidrs.clone(), ..Options::default() };
        let found = widened::findings(&self.loaded, now, &options);
        now.found.extend(found);
    }

    /// Keeps what is new.
    pub fn keep_new(&self, findings: &mut Vec<Diagnostic>, sources: &Sources) {
        let fingerprints = engine::lint::known::fingerprints(findings, sources);
        let mut marks = fingerprints.iter();
        findings.retain(|_| marks.next().is_none_or(|mark| !self.known.contains(mark)));
    }
}
