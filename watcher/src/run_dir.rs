//! The folder of what is true until the next reboot: who writes, what was applied last, what awaits confirmation.
//!
//! Rules live in the kernel and die with it, so nothing here needs to outlive them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder;

/// The folder, unless [`VARIABLE`] names another.
pub const DEFAULT: &str = "/run/palisade";

/// The environment variable that names another folder: for tests, and for network namespaces that have nothing to do
/// with each other.
pub const VARIABLE: &str = "PALISADE_RUN_DIR";

/// How often a lock that somebody holds is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// The folder.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

/// The right to write rules, as long as it lives. The kernel gives it back whatever becomes of the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why the lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it, for longer than was waited.
    #[error("another palisade is writing ({holder}); waited {} s for {path}", .waited.as_secs())]
    Held {
        /// What it says about itself.
        holder: String,
        /// The lock file.
        path: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The folder or the file cannot be made.
    #[error("cannot lock {path}")]
    Io {
        /// The lock file.
        path: String,
        /// The operating system's words.
        #[source]
        error: io::Error,
    },
}

impl RunDir {
    /// The folder that the environment names, or the default.
    pub fn from_environment() -> Self {
        let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
        let path = PathBuf::from(named.unwrap_or_else(|| OsString::from(DEFAULT)));
        // A process that leaves its folder must still find it.
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

    /// Makes the folder.
    ///
    /// # Errors
    /// Whatever the operating system says; and if others can write in it.
    pub fn create(&self) -> io::Result<()> {
        folder::make(&self.path)
    }

    /// Takes the right to write rules, waiting for others for at most `patience`. `who` is what others are told.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn lock(&self, who: &str, patience: Duration) -> Result<Lock, LockError> {
        let path = self.file("lock");
        let failed = |error| LockError::Io { path: path.display().to_string(), error };
        self.create().map_err(failed)?;
        let mut file = open(&path).map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                    let holder = fs::read_to_string(&path).unwrap_or_default();
                    let path = path.display().to_string();
                    return Err(LockError::Held { holder: holder.trim().to_owned(), path, waited: patience });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(RETRY),
            }
        }
        let note = format!("process {}: {who}\n", std::process::id());
        // What it says is for people; the lock holds without it.
        drop(file.set_len(0).and_then(|()| file.write_all(note.as_bytes())));
        Ok(Lock { _file: file })
    }

    /// Replaces a file in the folder as a whole. It is not forced to the disk: a crash of the machine takes the rules, too.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        self.create()?;
        folder::replace(&self.path, name, |file| file.write_all(text.as_bytes()))
    }

    /// Removes a file in the folder. That there is none is fine.
    ///
    /// # Errors
    /// Whatever else the operating system says.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        folder::remove(&self.file(name))
    }
}

/// Opens a file that is locked rather than read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_second_learns_who_has_it() {
        let run = RunDir::at(std::env::temp_dir().join(format!("palisade-lock-{}", std::process::id())));
        let lock = run.lock("a test", Duration::ZERO).unwrap();
        let refused = run.lock("another", Duration::from_millis(60)).unwrap_err().to_string();
        assert!(refused.contains("a test"), "{refused}");
        drop(lock);
        assert!(run.lock("another", Duration::ZERO).is_ok());
        fs::remove_dir_all(&run.path).unwrap();
    }
}
