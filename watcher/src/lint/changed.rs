//! What a change brings: findings that are not there at another commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use engine::connectivity::Options;
use engine::lint::environment::Environment;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::Sources;

use super::{Loaded, load_texts, widened};
use crate::analysis::{GitError, Place, PlaceError, is_committed};
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
    pub fn at(commit: &str, paths: &[PathBuf], environment: &Environment) -> Result<Self, PlaceError> {
        let mut texts = Vec::new();
        for path in paths.iter().filter(|path| path.as_path() != Path::new(STDIN) && !is_committed(path)) {
            let place = Place::Git { reference: commit.to_owned(), path: from_root(path)? };
            let found = match place.texts() {
                Err(PlaceError::Git(GitError::NoManifests { .. } | GitError::Path { .. })) => continue,
                found => found?,
            };
            let prefix = format!("git:{commit}:");
            for (path, text) in found {
                let shown = path.strip_prefix(&prefix).unwrap_or(&path).to_owned();
                texts.extend(text.ok().map(|text| (shown, text)));
            }
        }
        let loaded = load_texts(&texts);
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

/// A path from the top of its repository: the nearest folder above that has a `.git`.
fn from_root(path: &Path) -> Result<String, PlaceError> {
    let unreadable = |error| FileError::Unreadable { path: path.display().to_string(), error };
    let full = path.canonicalize().map_err(unreadable)?;
    let root = full.ancestors().find(|folder| folder.join(".git").exists());
    let inside = root.and_then(|root| full.strip_prefix(root).ok()).unwrap_or(path);
    Ok(inside.to_string_lossy().into_owned())
}
