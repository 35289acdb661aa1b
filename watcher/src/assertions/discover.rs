//! Which files of assertions there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::analysis::{Committed, GitError, is_committed};
use crate::source::files::{self, ASSERTIONS, FileError};

/// Why no assertion can be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A path.
    #[error(transparent)]
    File(#[from] FileError),
    /// A revision.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Nothing to judge: it must not look as if all was well.
    #[error("{0} holds no file that ends in {ASSERTIONS}")]
    None(String),
}

/// The files that some paths stand for: a file itself, whatever it is called, and those of this name in a folder and the
/// folders in it; each once, in the order of the paths.
///
/// # Errors
/// [`DiscoverError`] if a path is none, or a folder holds no such file.
pub fn files(paths: &[PathBuf], committed: &Committed) -> Result<Vec<PathBuf>, DiscoverError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in paths {
        let of_path = if is_committed(path) {
            let found = committed.within(path, &files::is_of_assertions)?;
            if found.is_empty() {
                return Err(DiscoverError::None(files::shown(path)));
            }
            found.into_iter().map(in_a_folder).collect()
        } else if path.is_dir() {
            let mut of_folder = files::with_extension(path, "yaml")?;
            of_folder.retain(|file| files::is_of_assertions(file));
            if of_folder.is_empty() {
                return Err(DiscoverError::None(files::shown(path)));
            }
            of_folder
        } else {
            files::openable(path)?;
            vec![path.clone()]
        };
        for file in of_path {
            let real = file.canonicalize().unwrap_or_else(|_| file.clone());
            if seen.insert(real) {
                found.push(file.strip_prefix(".").map(Path::to_owned).unwrap_or(file));
            }
        }
    }
    Ok(found)
}

/// A file in the root of a commit: without a slash in its path, what it names would be beside nothing of that commit.
fn in_a_folder(file: PathBuf) -> PathBuf {
    let text = file.to_string_lossy();
    match text.rsplit_once(':') {
        Some((commit, name)) if !text.contains('/') => PathBuf::from(format!("{commit}:./{name}")),
        Some(_) | None => file,
    }
}
