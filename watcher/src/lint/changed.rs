//! What a change brings: findings that are not there at another commit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use engine::lint::environment::Environment;
use policy_lang::diagnostic::Diagnostic;
use policy_lang::source::Sources;

use super::load_texts;

/// What findings are compared with where no commit is named.
pub const DEFAULT_REF: &str = "HEAD";

/// Most bytes that are read of one commit.
const BYTES: usize = 256 << 20;

/// Why the other commit could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be run.
    #[error("cannot run git")]
    Run(#[source] std::io::Error),
    /// It says no.
    #[error("git {what}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// Its last words.
        message: String,
    },
    /// No commit is called so.
    #[error("`{0}` is no name of a commit")]
    Name(String),
    /// More than the bound.
    #[error("the manifests of that commit have more than {BYTES} bytes")]
    TooLarge,
}

/// The fingerprints of what is found in the same paths at another commit.
///
/// # Errors
/// [`GitError`].
pub fn known_at(commit: &str, paths: &[PathBuf], environment: &Environment) -> Result<BTreeSet<String>, GitError> {
    if commit.is_empty() || commit.starts_with('-') {
        return Err(GitError::Name(commit.to_owned()));
    }
    // Names as git has them: from the top of the repository.
    let prefix = git(&["rev-parse", "--show-prefix"])?;
    let prefix = prefix.trim_end();
    let mut texts = Vec::new();
    let mut bytes = 0;
    for path in paths {
        let path = path.to_string_lossy();
        let listed = git(&["ls-tree", "-r", "-z", "--name-only", "--end-of-options", commit, "--", &path])?;
        for name in listed.split('\0').filter(|name| is_read(name)) {
            let text = git(&["show", "--end-of-options", &format!("{commit}:{prefix}{name}")])?;
            bytes += text.len();
            if bytes > BYTES {
                return Err(GitError::TooLarge);
            }
            texts.push((name.to_owned(), text));
        }
    }
    let loaded = load_texts(&texts);
    let findings = loaded.lint(environment);
    Ok(engine::lint::known::fingerprints(&findings, &loaded.sources).into_iter().collect())
}

/// Keeps what is new.
pub fn keep_new(findings: &mut Vec<Diagnostic>, known: &BTreeSet<String>, sources: &Sources) {
    let fingerprints = engine::lint::known::fingerprints(findings, sources);
    let mut marks = fingerprints.iter();
    findings.retain(|_| marks.next().is_none_or(|mark| !known.contains(mark)));
}

fn is_read(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    // Host rules include files by their paths, which are those of today.
    matches!(extension, Some("yaml" | "yml" | "json"))
}

fn git(arguments: &[&str]) -> Result<String, GitError> {
    let output = Command::new("git").args(arguments).output().map_err(GitError::Run)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let what = arguments.first().copied().unwrap_or_default().to_owned();
        return Err(GitError::Refused { what, message });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
