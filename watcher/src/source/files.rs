//! Reading what people wrote: files, folders of manifests, standard input. Every size and number is bounded.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest file, in bytes. A dump of 30,000 pods has about as much; beyond it something else was named by mistake.
pub const FILE_BYTES: u64 = 256 << 20;

/// Most manifests under one folder.
pub const FILES: usize = 20_000;

/// Deepest nesting of folders under a folder of manifests.
pub const DEPTH: usize = 32;

/// The path that means standard input.
pub const STDIN: &str = "-";

/// What a file of manifests may be called.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// How the name of a file of assertions about manifests ends, which is none itself.
pub const ASSERTIONS: &str = ".palisade-test.yaml";

/// Why an input could not be read. Nothing can be said about its content, so nothing can be enforced in its place.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It does not exist, or the operating system refuses it.
    #[error("cannot read {path}")]
    Unreadable {
        /// As the user gave it.
        path: String,
        /// The operating system's words.
        #[source]
        error: io::Error,
    },
    /// More than [`FILE_BYTES`].
    #[error("{path} is larger than {FILE_BYTES} bytes")]
    TooLarge {
        /// As the user gave it.
        path: String,
    },
    /// Not text.
    #[error("{path}:{line}: not UTF-8")]
    NotText {
        /// As the user gave it.
        path: String,
        /// The line with the first byte that is wrong, from 1.
        line: usize,
    },
    /// Nothing to read in a folder: as a source it would mean that there is no policy.
    #[error("{path} holds no file that ends in .yaml, .yml or .json")]
    NoManifests {
        /// The folder.
        path: String,
    },
    /// More than [`FILES`] files, or folders deeper than [`DEPTH`].
    #[error("{path} holds more than {FILES} manifests, or folders more than {DEPTH} deep")]
    TooMany {
        /// The folder.
        path: String,
    },
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::TooLarge`], [`FileError::NotText`].
pub fn read(path: &Path) -> Result<String, FileError> {
    text(read_bytes(path)?, &shown(path))
}

/// Bytes as text.
///
/// # Errors
/// [`FileError::NotText`].
pub(crate) fn text(bytes: Vec<u8>, shown: &str) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count();
        FileError::NotText { path: shown.to_owned(), line }
    })
}

/// The bytes of a file, or of standard input for `-`.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::TooLarge`].
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let unreadable = |error| FileError::Unreadable { path: shown(path), error };
    let mut bytes = Vec::new();
    // One byte more than allowed: whatever the metadata says of a pipe or a growing file, its end is what counts.
    let limit = FILE_BYTES + 1;
    if path == Path::new(STDIN) {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unreadable)?;
    }
    if bytes.len() as u64 > FILE_BYTES {
        return Err(FileError::TooLarge { path: shown(path) });
    }
    Ok(bytes)
}

/// Whether a file is there and may be read, without reading it. A folder is no file.
///
/// # Errors
/// [`FileError::Unreadable`].
pub fn openable(path: &Path) -> Result<(), FileError> {
    if path == Path::new(STDIN) {
        return Ok(());
    }
    let opened = fs::File::open(path).and_then(|file| file.metadata());
    let is_file =
        opened.and_then(|metadata| if metadata.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) });
    is_file.map_err(|error| FileError::Unreadable { path: shown(path), error })
}

/// The files that a path of manifests stands for: itself, or everything that ends in .yaml, .yml or .json in a folder
/// and the folders in it, sorted by path.
///
/// Names that begin with a dot are left out, as are files of assertions, sockets and devices. Symbolic links are
/// followed, and every folder is read once.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::NoManifests`], [`FileError::TooMany`].
pub fn manifests(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if path == Path::new(STDIN) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = under(path, &EXTENSIONS)?;
    found.retain(|file| !is_of_assertions(file));
    if found.is_empty() {
        return Err(FileError::NoManifests { path: shown(path) });
    }
    Ok(found)
}

/// The files in a folder and the folders in it whose names end so, sorted by path, as for [`manifests`]; there may be
/// none.
///
/// # Errors
/// [`FileError::Unreadable`], [`FileError::TooMany`].
pub fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, FileError> {
    under(folder, &[extension])
}

fn under(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    collect((folder, extensions), folder, 0, &mut BTreeSet::new(), &mut found)?;
    found.sort();
    Ok(found)
}

/// The path as people know it.
pub fn shown(path: &Path) -> String {
    if path == Path::new(STDIN) { "<stdin>".to_owned() } else { path.display().to_string() }
}

fn collect(
    (root, extensions): (&Path, &[&str]),
    folder: &Path,
    depth: usize,
    visited: &mut BTreeSet<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<(), FileError> {
    let unreadable = |path: &Path, error| FileError::Unreadable { path: shown(path), error };
    // By its real path: a link to a folder above would lead round for ever.
    if !visited.insert(folder.canonicalize().map_err(|error| unreadable(folder, error))?) {
        return Ok(());
    }
    // Sorted, so that of two ways to one folder it is always the same one that is taken.
    let mut entries = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        entries.insert(entry.map_err(|error| unreadable(folder, error))?.path());
    }
    for path in entries.into_iter().filter(|path| !is_hidden(path)) {
        if path.is_dir() {
            if depth == DEPTH {
                return Err(FileError::TooMany { path: shown(root) });
            }
            collect((root, extensions), &path, depth + 1, visited, found)?;
        } else if has_extension(&path, extensions) {
            let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
            if metadata.is_file() {
                found.push(path);
            }
        }
        if found.len() > FILES {
            return Err(FileError::TooMany { path: shown(root) });
        }
    }
    Ok(())
}

/// Whether a name begins with a dot.
pub(crate) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|found| extensions.contains(&found))
}

/// Whether it is called as manifests are.
pub(crate) fn is_manifest(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS) && !is_of_assertions(path)
}

/// Whether it is called as files of assertions are.
pub(crate) fn is_of_assertions(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(ASSERTIONS.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_manifests_in_order_and_links_do_not_lead_round() {
        let root = std::env::temp_dir().join(format!("palisade-files-{}", std::process::id()));
        fs::create_dir_all(root.join("b/c")).unwrap();
        for name in ["z.yaml", "a.json", "b/c/m.yml", "notes.txt", ".hidden.yaml", "b/x.palisade-test.yaml"] {
            fs::write(root.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(&root, root.join("b/c/up")).unwrap();
        let found = manifests(&root).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.json", "b/c/m.yml", "z.yaml"]);
        fs::remove_dir_all(&root).unwrap();
        assert!(matches!(manifests(&root), Ok(paths) if paths == [root.clone()]));
        assert!(matches!(read(&root), Err(FileError::Unreadable { .. })));
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let path = std::env::temp_dir().join(format!("palisade-bytes-{}", std::process::id()));
        fs::write(&path, b"one\ntwo\xff\n").unwrap();
        let refused = read(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(refused.ends_with(":2: not UTF-8"), "{refused}");
    }
}
