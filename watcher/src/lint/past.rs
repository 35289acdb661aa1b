//! The files of this machine as they were at a commit, by the paths that they have here.

use std::path::{Path, PathBuf};

use policy_lang::host::{FileError, Files};

use super::relative;
use crate::analysis::{Committed, GitError};

/// A commit of the repository that some paths are in.
#[derive(Debug)]
pub(super) struct Past {
    files: Committed,
    /// `git:COMMIT:`.
    prefix: String,
    /// The top of the repository, and the working directory.
    root: PathBuf,
    here: PathBuf,
}

impl Past {
    /// The commit of the repository that a path is in: the nearest folder above that has a `.git`.
    pub(super) fn of(commit: &str, path: &Path) -> std::io::Result<Self> {
        let full = path.canonicalize()?;
        let here = std::env::current_dir()?;
        let root = full.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here).to_owned();
        Ok(Self { files: Committed::default(), prefix: format!("git:{commit}:"), root, here })
    }

    /// The files that a path stood for and that are wanted, by the paths that they have here.
    pub(super) fn within(&self, path: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<String>, GitError> {
        let Some(committed) = self.committed(path) else { return Ok(Vec::new()) };
        let found = self.files.within(Path::new(&committed), is_wanted)?;
        Ok(found.iter().map(|file| self.present(&file.to_string_lossy())).collect())
    }

    /// The path in the commit; nothing for what is outside of the repository.
    fn committed(&self, path: &Path) -> Option<String> {
        // What is gone by now has no other path than the one that it is known by.
        let full = path.canonicalize().unwrap_or_else(|_| self.here.join(path));
        let inside = full.strip_prefix(&self.root).ok()?;
        Some(format!("{}{}", self.prefix, inside.display()))
    }

    fn present(&self, committed: &str) -> String {
        let inside = committed.strip_prefix(&self.prefix).unwrap_or(committed);
        relative(&self.root.join(inside))
    }
}

impl Files for Past {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.files.read(self.committed(Path::new(path)).as_deref().unwrap_or(path))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.files.list(self.committed(Path::new(folder)).as_deref().unwrap_or(folder))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let Some(committed) = self.committed(Path::new(pattern)) else { return self.files.glob(pattern) };
        let found = self.files.glob(&committed)?;
        Ok(found.iter().map(|file| self.present(file)).collect())
    }
}
