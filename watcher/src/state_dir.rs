//! The folder of what must survive a reboot (decisions.md 11).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::{folder, run_dir};

/// The folder, unless [`VARIABLE`] names another.
pub const DEFAULT: &str = "/var/lib/palisade";

/// The environment variable that names another folder, for the same purposes as [`run_dir::VARIABLE`]. Where only that
/// one is set, `state` in its folder is meant: who keeps runs apart must not let them share what they leave.
pub const VARIABLE: &str = "PALISADE_STATE_DIR";

/// The folder.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// The folder that the environment names, or the default.
    pub fn from_environment() -> Self {
        let named = |variable| std::env::var_os(variable).filter(|path| !path.is_empty());
        let beside = || named(run_dir::VARIABLE).map(|run| Path::new(&run).join("state").into_os_string());
        let path = PathBuf::from(named(VARIABLE).or_else(beside).unwrap_or_else(|| OsString::from(DEFAULT)));
        Self { path: std::path::absolute(&path).unwrap_or(path) }
    }

    /// This folder, an absolute path.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its path, an absolute one.
    #[cfg(feature = "kernel")]
    pub fn folder(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Replaces a file in the folder as a whole: after a crash or a power cut it is the old one or the new one.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        self.replace_by(name, |file| file.write_all(text.as_bytes()))
    }

    /// The same with whatever is written.
    ///
    /// # Errors
    /// Whatever the operating system says; those of `write`, and then the old file stays.
    pub fn replace_by(&self, name: &str, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        folder::make(&self.path)?;
        folder::replace(&self.path, name, |file| {
            write(file)?;
            file.sync_all()
        })?;
        File::open(&self.path)?.sync_all()
    }

    /// Takes a file out of the folder; if there is none, that is fine too.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        folder::remove(&self.file(name))
    }

    /// Looks at who can write in the folder, before anything in it is believed.
    ///
    /// # Errors
    /// If anybody but root and this user can.
    pub fn check(&self) -> io::Result<()> {
        folder::check(&self.path)
    }
}
