//! A ruleset on probation: it goes again by itself unless somebody confirms it.
//!
//! A guard is a process of its own, in a session of its own, so neither the end of the terminal nor a SIGKILL of the
//! command that started it takes it along. It reads what is in force before the change, keeps that in memory, and
//! puts it back when the time is over. The file `pending` is the probation: whoever takes it away decides. Confirming
//! removes it, reverting renames it, and the file system lets only one of them succeed. The guard holds a lock on it
//! while it lives, so a probation whose guard was killed is known for what it is.
//!
//! A reboot ends the rules, the guard and the probation alike.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::run_dir::{self, RunDir};

/// The probation.
const PENDING: &str = "pending";
/// The probation that is being ended by the guard.
const REVERTING: &str = "reverting";
/// How often the guard looks whether it is still needed.
const TICK: Duration = Duration::from_millis(100);

/// A probation that this process guards.
#[derive(Debug)]
pub struct Guard {
    pending: PathBuf,
    reverting: PathBuf,
    /// Locked as long as the guard lives.
    file: File,
}

/// How a probation ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Somebody confirmed, or the change was never made: nothing is to be done.
    Released,
    /// The time is over, and only this process may now revert.
    Revert,
}

/// Whether something is on probation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probation {
    /// Nothing.
    None,
    /// Yes, and the guard lives.
    Guarded,
    /// Yes, but nobody guards it: the guard was killed.
    Unguarded,
}

impl Guard {
    /// Puts what comes next on probation. The caller holds the right to write rules.
    ///
    /// # Errors
    /// If something is on probation already, or the file cannot be made.
    pub fn new(run: &RunDir) -> io::Result<Self> {
        run.create()?;
        let (pending, reverting) = (run.file(PENDING), run.file(REVERTING));
        // Made under another name and locked before it is seen, so nobody ever finds it without its guard.
        let hidden = run.file(&format!("{PENDING}.{}", std::process::id()));
        let mut file = run_dir::open(&hidden)?;
        file.lock()?;
        writeln!(file, "{}", std::process::id())?;
        if probation(run)? == Probation::Guarded {
            fs::remove_file(&hidden)?;
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "another apply awaits its confirmation"));
        }
        fs::rename(&hidden, &pending)?;
        Ok(Self { pending, reverting, file })
    }

    /// Waits until somebody ends the probation, or for `time`.
    ///
    /// # Errors
    /// If the file system refuses to tell.
    pub fn wait(&self, time: Duration) -> io::Result<Ending> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            if !self.is_pending()? {
                return Ok(Ending::Released);
            }
            thread::sleep(TICK.min(time.saturating_sub(begun.elapsed())));
        }
        Ok(Ending::Revert)
    }

    /// Ends the probation in favour of reverting, unless somebody has confirmed in the meantime.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn claim(&self) -> io::Result<Ending> {
        if !self.is_pending()? {
            return Ok(Ending::Released);
        }
        match fs::rename(&self.pending, &self.reverting) {
            Ok(()) => Ok(Ending::Revert),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ending::Released),
            Err(error) => Err(error),
        }
    }

    /// Says that the revert is done.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn done(self) -> io::Result<()> {
        fs::remove_file(&self.reverting)
    }

    /// Whether the file is there and is ours, not that of a later probation.
    fn is_pending(&self) -> io::Result<bool> {
        match fs::metadata(&self.pending) {
            Ok(found) => self.file.metadata().map(|ours| ours.ino() == found.ino() && ours.dev() == found.dev()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether something is on probation.
///
/// # Errors
/// If the file system refuses to tell.
pub fn probation(run: &RunDir) -> io::Result<Probation> {
    let mut probation = Probation::None;
    for name in [PENDING, REVERTING] {
        match File::open(run.file(name)) {
            Ok(file) => match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(Probation::Guarded),
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => probation = Probation::Unguarded,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(probation)
}

/// Ends a probation in favour of what is in force. Returns whether there was one.
///
/// # Errors
/// If the file system refuses.
pub fn confirm(run: &RunDir) -> io::Result<bool> {
    match fs::remove_file(run.file(PENDING)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test.
    fn with_folder(name: &str, test: impl FnOnce(&RunDir)) {
        let path = std::env::temp_dir().join(format!("palisade-confirm-{name}-{}", std::process::id()));
        test(&RunDir::at(path.clone()));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn whoever_comes_first_decides() {
        with_folder("first", |run| {
            let guard = Guard::new(run).unwrap();
            assert_eq!(probation(run).unwrap(), Probation::Guarded);
            assert!(Guard::new(run).is_err());
            assert!(confirm(run).unwrap());
            assert!(!confirm(run).unwrap());
            assert_eq!(guard.wait(Duration::from_secs(60)).unwrap(), Ending::Released);
            assert_eq!(guard.claim().unwrap(), Ending::Released);
            let guard = Guard::new(run).unwrap();
            assert_eq!(guard.wait(Duration::ZERO).unwrap(), Ending::Revert);
            assert_eq!(guard.claim().unwrap(), Ending::Revert);
            assert!(!confirm(run).unwrap());
            assert_eq!(probation(run).unwrap(), Probation::Guarded);
            guard.done().unwrap();
            assert_eq!(probation(run).unwrap(), Probation::None);
        });
    }

    #[test]
    fn a_guard_that_died_is_noticed_and_does_not_block_the_next() {
        with_folder("died", |run| {
            drop(Guard::new(run).unwrap());
            assert_eq!(probation(run).unwrap(), Probation::Unguarded);
            let guard = Guard::new(run).unwrap();
            assert_eq!(probation(run).unwrap(), Probation::Guarded);
            assert!(guard.is_pending().unwrap());
        });
    }
}
