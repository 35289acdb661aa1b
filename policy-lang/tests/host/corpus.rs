//! The configurations of tests/data/host.

#![expect(clippy::disallowed_methods, reason = "the library reads no files; its tests do")]

use std::path::{Path, PathBuf};

/// The configurations of a folder of the corpus: `tests/data/host`, or one in it.
pub(crate) fn configurations(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/host").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ferm"));
    paths.sort();
    assert!(paths.len() >= 10, "the corpus is gone: {paths:?}");
    paths
}
