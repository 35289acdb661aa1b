//! Files of a folder, for tests.

#![expect(clippy::disallowed_methods, reason = "the library reads no files; its tests do")]

use std::path::{Path, PathBuf};

use policy_lang::host::{FileError, Files};

/// The files below one folder, by relative path.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let entries = std::fs::read_dir(self.root.join(folder)).map_err(|_| FileError::Missing)?;
        let files = entries.flatten().filter(|entry| entry.path().is_file());
        Ok(files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
    }
}

/// The text of a file of the corpus.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let bytes = std::fs::read(self.root.join(path)).map_err(|_| FileError::Missing)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.names(folder)
    }

    /// One star in the last part of the path is all that the tests need.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let (folder, name) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, name)| (folder, name));
        let (start, end) = name.split_once('*').unwrap_or((name, ""));
        let names = self.names(folder)?.into_iter();
        let found = names.filter(|name| name.starts_with(start) && name.ends_with(end) && !name.starts_with('.'));
        Ok(found.map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") }).collect())
    }
}
