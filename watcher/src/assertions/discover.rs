//! Which files of assertions there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::source::files::{self, ASSERTIONS, FileError};

/// Why no assertion can be read.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A path.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing to judge: it must not look as if all was well.
    #[error("{0} holds no file that ends in {ASSERTIONS}")]
    None(String),
}

/// The files that some paths stand for: a file itself, whatever it is called, and those of this name in a folder and the
/// folders in it; each once, in the order of the paths.
///
/// # Errors
/// [`DiscoverError`] if a path is none, or a folder holds no such file.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DiscoverError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for path in paths {
        let of_path = if path.is_dir() {
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
