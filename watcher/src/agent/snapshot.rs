//! The last-good snapshot: the facts of the ruleset that was in force last, for a start at which nobody answers.
//!
//! Kept is what was told and not what it was compiled to: a newer program compiles it again. Host rules are kept as their
//! texts. The first line is `palisade-facts VERSION SHA256`; a file of another version, cut short or changed is of no use
//! and is never half-used.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use tracing::warn;

use self::form::Kept;
use self::writing::{Writing, write};
use super::host::Good;
use super::metrics::Metrics;
use super::world::{Facts, World};
use crate::sealed;
use crate::state_dir::StateDir;

mod form;
mod parts;
pub mod untrusted;
mod writing;

/// The file.
const NAME: &str = "facts";

/// What it begins with; another version says something else.
const HEAD: &str = "palisade-facts 1 ";

/// How often it is written at most: an fsync for every pod that comes would wear out a disk.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// How many times as long as it took is waited for the next: of a large cluster tens of megabytes are made and written,
/// which would be most of what an agent does while pods change all the time.
const REST: u32 = 200;

/// The longest wait: who starts again without an API server begins with what is no older than this.
const REST_MAX: Duration = Duration::from_secs(300);

/// How long the loop waits for something else to happen before it makes the next part.
const PAUSE: Duration = Duration::from_millis(5);

/// Largest file that is read: more than 150,000 pods make.
const BYTES_MAX: u64 = 256 << 20;

/// Why a snapshot that is there is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("the last-good snapshot cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It was written by another version of this program, is cut short, or was changed.
    #[error("the last-good snapshot is damaged, or of another version")]
    Damaged,
}

/// Writes the snapshot now and then.
#[derive(Debug)]
pub struct Keeper {
    state: StateDir,
    /// Since when something is in force that is not written.
    wanted: Option<Instant>,
    written: Option<Instant>,
    /// How long nothing is written after that.
    rest: Duration,
    writing: Option<Writing>,
}

impl Keeper {
    /// One for this folder.
    pub fn new(state: StateDir) -> Self {
        Self { state, wanted: None, written: None, rest: INTERVAL, writing: None }
    }

    /// What was kept last, without host rules, and those of each source; nothing if nothing ever was.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn recall(&self) -> Result<Option<(Facts, Good)>, SnapshotError> {
        self.state.check()?;
        let path = self.state.file(NAME);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(metadata) if metadata.len() > BYTES_MAX => return Err(SnapshotError::Damaged),
            Ok(_) => {}
        }
        read(&String::from_utf8_lossy(&fs::read(path)?)).map(Some).ok_or(SnapshotError::Damaged)
    }

    /// What is in force now is to be kept.
    pub fn want(&mut self, now: Instant) {
        self.wanted.get_or_insert(now);
    }

    /// Begins to write, if it is time, or goes on with it.
    pub fn keep_if_due(&mut self, world: &mut World, host: impl FnOnce() -> Good, metrics: &Metrics, now: Instant) {
        if self.writing.as_ref().is_some_and(Writing::is_over) {
            self.written(metrics);
        }
        let is_too_soon = self.written.is_some_and(|written| now.saturating_duration_since(written) < self.rest);
        if self.writing.is_none() && self.wanted.is_some() && !is_too_soon {
            self.wanted = None;
            self.rest = INTERVAL;
            self.written = Some(now);
            self.writing = Some(Writing::begin(self.state.clone(), host()));
        }
        let Some(writing) = &mut self.writing else { return };
        if let Err(error) = writing.go_on(world.told()) {
            self.give_up();
            warn!(event = "snapshot-not-written", %error);
        }
    }

    /// How long the loop may wait for what happens next, of `patience`.
    pub fn patience(&self, patience: Duration) -> Duration {
        let is_unmade = self.writing.as_ref().is_some_and(Writing::is_unmade);
        if is_unmade { patience.min(PAUSE) } else { patience }
    }

    /// Writes what is in force, at once: what comes next must not be what a next run begins with.
    pub fn keep_now(&mut self, world: &mut World, host: &Good) {
        self.wanted = Some(Instant::now());
        self.finish(world, host);
        self.written = Some(Instant::now());
    }

    /// Writes what is not written yet, before the end.
    pub fn finish(&mut self, world: &mut World, host: &Good) {
        self.give_up();
        if self.wanted.take().is_none() {
            return;
        }
        if let Err(error) = self.state.replace_by(NAME, |file| write(world.told(), host, file)) {
            warn!(event = "snapshot-not-written", %error);
        }
    }

    /// Ends what is being written; what did not come to its end is wanted still.
    fn give_up(&mut self) {
        if self.writing.take().is_some_and(|writing| writing.end().is_err()) {
            self.wanted.get_or_insert_with(Instant::now);
        }
    }

    fn written(&mut self, metrics: &Metrics) {
        let Some(writing) = self.writing.take() else { return };
        match writing.end() {
            Ok(took) => {
                self.rest = rest(took);
                metrics.kept();
            }
            Err(error) => {
                warn!(event = "snapshot-not-written", %error);
                self.wanted = Some(Instant::now());
            }
        }
    }
}

/// How long nothing is written after a writing that took so long.
fn rest(took: Duration) -> Duration {
    (took * REST).clamp(INTERVAL, REST_MAX)
}

fn read(whole: &str) -> Option<(Facts, Good)> {
    let kept: Kept<'_> = serde_json::from_str(sealed::open(HEAD, whole)?).ok()?;
    kept.facts()
}

#[cfg(test)]
mod tests;
