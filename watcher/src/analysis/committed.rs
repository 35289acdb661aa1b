//! Files of this machine and, behind `git:REF:PATH`, as they were committed: for those who only read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use engine::compile::host::Names;
use policy_lang::host::{FileError, Files};

use super::git::{self, Commit, GitError};
use crate::source::files::{self, FileError as Unread};
use crate::source::host_files::HostFiles;
use crate::source::{Texts, machine};

/// What a path into a commit begins with.
const PREFIX: &str = "git:";

/// Files of this machine, and of the commits that paths name.
#[derive(Debug, Default)]
pub struct Committed {
    /// Each commit that was asked for, by the name that it was asked by.
    commits: RefCell<BTreeMap<String, Rc<Commit>>>,
}

/// A path into a commit.
struct Inside {
    commit: Rc<Commit>,
    /// From the root of the repository, without `.` and `..`.
    path: String,
}

/// Whether a path leads into a commit.
pub fn is_committed(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with(PREFIX))
}

impl Committed {
    /// The files of a commit that a path stands for, sorted: itself, whatever it is called, or those in it that are wanted.
    ///
    /// # Errors
    /// [`GitError`] if git knows no such commit, or it has nothing there. Where nothing there is wanted there are none.
    pub fn within(&self, path: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, GitError> {
        let Some(inside) = self.inside(path)? else { return Ok(Vec::new()) };
        let found = inside.commit.files(&inside.path, is_wanted)?;
        Ok(found.into_iter().map(|file| PathBuf::from(inside.commit.shown(&file))).collect())
    }

    /// Whether a path leads to a single file of a commit.
    pub fn is_file(&self, path: &Path) -> bool {
        self.inside(path).ok().flatten().is_some_and(|inside| inside.commit.has(&inside.path))
    }

    /// The text of a file of a commit.
    fn committed(&self, path: &Path) -> Option<Result<String, Unread>> {
        let shown = || path.display().to_string();
        match self.inside(path) {
            Ok(None) => None,
            Ok(Some(Inside { commit, path })) => Some(match commit.text(&path) {
                Ok(text) => text,
                Err(error) => Err(Unread::Unreadable { path: shown(), error: io::Error::other(error) }),
            }),
            Err(error) => Some(Err(Unread::Unreadable { path: shown(), error: io::Error::other(error) })),
        }
    }

    fn inside(&self, path: &Path) -> Result<Option<Inside>, GitError> {
        let Some(rest) = path.to_str().and_then(|path| path.strip_prefix(PREFIX)) else { return Ok(None) };
        let (reference, path) = rest.split_once(':').unwrap_or((rest, ""));
        let known = self.commits.borrow().get(reference).cloned();
        let commit = match known {
            Some(commit) => commit,
            None => {
                let commit = Rc::new(Commit::open(Path::new("."), reference)?);
                self.commits.borrow_mut().insert(reference.to_owned(), Rc::clone(&commit));
                commit
            }
        };
        Ok(Some(Inside { commit, path: git::normal(path) }))
    }
}

impl Files for Committed {
    fn read(&self, path: &str) -> Result<String, FileError> {
        match self.committed(Path::new(path)) {
            None => HostFiles.read(path),
            Some(Ok(text)) => Ok(text),
            Some(Err(Unread::Unreadable { .. })) => Err(FileError::Missing),
            Some(Err(error)) => Err(FileError::Unreadable { reason: error.to_string() }),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let Some(Inside { commit, path }) = self.inside(Path::new(folder)).map_err(|error| refused(&error))? else {
            return HostFiles.list(folder);
        };
        let below = commit.files(&path, |_| true).map_err(|_| FileError::Missing)?;
        let names = below.iter().filter_map(|file| Path::new(file).strip_prefix(&path).ok()?.to_str());
        Ok(names.filter(|name| !name.contains('/')).map(ToOwned::to_owned).collect())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let Some(Inside { commit, path }) = self.inside(Path::new(pattern)).map_err(|error| refused(&error))? else {
            return HostFiles.glob(pattern);
        };
        let wanted =
            glob::Pattern::new(&path).map_err(|error| FileError::Unreadable { reason: error.msg.to_owned() })?;
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let all = commit.files("", |_| true).map_err(|error| refused(&error))?;
        let matching = all.into_iter().filter(|file| wanted.matches_with(file, options));
        Ok(matching.map(|file| commit.shown(&file)).collect())
    }
}

impl Texts for Committed {
    fn manifests(&self, path: &Path) -> Result<Vec<PathBuf>, Unread> {
        if !is_committed(path) {
            return files::manifests(path);
        }
        let found = self.within(path, &files::is_manifest);
        let found =
            found.map_err(|error| Unread::Unreadable { path: files::shown(path), error: io::Error::other(error) })?;
        if found.is_empty() { Err(Unread::NoManifests { path: files::shown(path) }) } else { Ok(found) }
    }

    fn text(&self, path: &Path) -> Result<String, Unread> {
        self.committed(path).unwrap_or_else(|| files::read(path))
    }

    fn openable(&self, path: &Path) -> Result<(), Unread> {
        if is_committed(path) { self.text(path).map(drop) } else { files::openable(path) }
    }

    fn names(&self) -> Names {
        machine::names()
    }
}

fn refused(error: &GitError) -> FileError {
    FileError::Unreadable { reason: error.to_string() }
}
