//! The files that host rules are read from, as a trait: this crate reads none itself.

use std::collections::BTreeMap;

/// Where host rules and their includes come from.
///
/// Paths are text, relative ones are relative to wherever the implementation starts; `@include` has already been
/// joined to the including file's folder. Bytes that are not UTF-8 arrive as U+FFFD, which the lexer reports like any
/// other character that begins no token.
pub trait Files {
    /// The text of a regular file.
    ///
    /// # Errors
    /// [`FileError`] if there is no such file or it cannot be read.
    fn read(&self, path: &str) -> Result<String, FileError>;

    /// The names of the regular files in a folder, without the folder, in any order.
    ///
    /// # Errors
    /// [`FileError`] if there is no such folder or it cannot be read.
    fn list(&self, folder: &str) -> Result<Vec<String>, FileError>;

    /// The paths that match a shell pattern (`*`, `?`, `[…]`), in any order; none is not an error.
    ///
    /// # Errors
    /// [`FileError`] if a folder that the pattern names cannot be read.
    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError>;
}

/// Why a file could not be had.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FileError {
    /// There is no such file or folder.
    #[error("no such file or folder")]
    Missing,
    /// It exists and cannot be read; the operating system's words.
    #[error("{reason}")]
    Unreadable {
        /// A lower-case fragment.
        reason: String,
    },
}

/// Files held in memory, by path.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    texts: BTreeMap<String, String>,
}

impl MemoryFiles {
    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.texts.insert(normal(path).to_owned(), text.to_owned());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.texts.get(normal(path)).cloned().ok_or(FileError::Missing)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let folder = normal(folder).trim_end_matches('/');
        let names: Vec<String> = self
            .texts
            .keys()
            .filter_map(|path| path.rsplit_once('/'))
            .filter(|(parent, _)| *parent == folder)
            .map(|(_, name)| name.to_owned())
            .collect();
        if names.is_empty() { Err(FileError::Missing) } else { Ok(names) }
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let (prefix, rest) = match pattern.strip_prefix("./") {
            Some(rest) => ("./", rest),
            None => ("", pattern),
        };
        Ok(self.texts.keys().filter(|path| matches(rest, path)).map(|path| format!("{prefix}{path}")).collect())
    }
}

fn normal(path: &str) -> &str {
    path.trim_start_matches("./")
}

/// Whether a shell pattern of `*` and `?` matches; neither matches a slash, nor a dot that begins a name.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(pattern, name)| matches_name(pattern, name))
}

/// The same for one name; linear backtracking over the last star.
fn matches_name(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < name.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at).is_some_and(|wanted| *wanted == '?' || *wanted == name[read]) {
            (at, read) = (at + 1, read + 1);
        } else if let Some((star_at, star_read)) = star {
            star = Some((star_at, star_read + 1));
            (at, read) = (star_at + 1, star_read + 1);
        } else {
            return false;
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_matches_them() {
        let files = MemoryFiles::default().with("d/a.conf", "").with("d/b.txt", "").with("d/.c.conf", "");
        assert_eq!(files.glob("./d/*.conf").unwrap(), ["./d/a.conf"]);
        assert_eq!(files.glob("d/?.*").unwrap(), ["d/a.conf", "d/b.txt"]);
        assert_eq!(files.glob("*").unwrap(), [""; 0]);
        assert_eq!(files.list("./d/").unwrap().len(), 3);
        assert_eq!(files.list("e"), Err(FileError::Missing));
    }
}
