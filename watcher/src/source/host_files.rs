//! The files of this machine, as host rules include them.

use std::fs;
use std::path::Path;

use policy_lang::host::{FileError, Files};

use super::files;

/// Files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct HostFiles;

impl Files for HostFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let bytes = files::read_bytes(Path::new(path)).map_err(|error| match error {
            files::FileError::Unreadable { error, .. } => file_error(&error),
            other @ (files::FileError::TooLarge { .. }
            | files::FileError::NotText { .. }
            | files::FileError::NoManifests { .. }
            | files::FileError::TooMany { .. }) => FileError::Unreadable { reason: other.to_string() },
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| file_error(&error))? {
            let entry = entry.map_err(|error| file_error(&error))?;
            if entry.path().is_file() {
                let name = entry.file_name();
                let text = name.to_str().ok_or_else(|| not_text(Path::new(&name)))?;
                names.push(text.to_owned());
            }
        }
        Ok(names)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let options = glob::MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let paths = glob::glob_with(pattern, options)
            .map_err(|error| FileError::Unreadable { reason: error.msg.to_owned() })?;
        paths
            .map(|path| {
                let path = path.map_err(|error| file_error(error.error()))?;
                path.to_str().map(ToOwned::to_owned).ok_or_else(|| not_text(&path))
            })
            .collect()
    }
}

fn file_error(error: &std::io::Error) -> FileError {
    if error.kind() == std::io::ErrorKind::NotFound {
        FileError::Missing
    } else {
        FileError::Unreadable { reason: error.to_string() }
    }
}

fn not_text(path: &Path) -> FileError {
    FileError::Unreadable { reason: format!("the name {} is not UTF-8", path.display()) }
}
