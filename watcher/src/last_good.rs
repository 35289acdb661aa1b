//! The last good baseline and the last good host rules, kept so that broken ones never mean none.
//!
//! Kept are the texts, not what they meant: a newer program may read more into them, and whoever looks at the file sees what
//! is enforced. The first line is `palisade-baseline VERSION SHA256`, the hash that of all that follows it, or
//! `palisade-host VERSION SHA256`.
//!
//! What is on probation waits in the folder in /run, which ends with the probation at a reboot, until it is confirmed.

use std::io;
use std::path::{Path, PathBuf};

use policy_lang::baseline::Text;
use serde::{Deserialize, Serialize};

use crate::run_dir::RunDir;
use crate::sealed;
use crate::source::files::{self, FileError};
use crate::source::host_texts::HostTexts;
use crate::state_dir::StateDir;

/// What is kept: the name of its file in either folder, what that begins with (another version says something else), and
/// what follows that line.
pub trait Good: Sized {
    /// What people call it.
    const WHAT: &'static str;
    /// The file.
    const NAME: &'static str;
    /// Its beginning.
    const HEAD: &'static str;

    /// The body.
    ///
    /// # Errors
    /// None for what is texts alone.
    fn body(&self) -> serde_json::Result<String>;

    /// The body, read again; nothing if it is none.
    fn of_body(body: &str) -> Option<Self>;
}

/// Why a file that is there is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LastGoodError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Others can write there.
    #[error(transparent)]
    Folder(io::Error),
    /// It was written by another version of this program, is cut short, or was changed.
    #[error("{path} is damaged, or of another version")]
    Damaged {
        /// The file.
        path: String,
    },
}

/// One document of a baseline, in the form of the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    path: String,
    key: String,
    line: u32,
    text: String,
}

impl Good for Vec<Text> {
    const WHAT: &'static str = "the baseline";
    const NAME: &'static str = "baseline";
    const HEAD: &'static str = "palisade-baseline 1 ";

    fn body(&self) -> serde_json::Result<String> {
        let kept = self.iter().cloned().map(|Text { path, key, line, text }| Kept { path, key, line, text });
        serde_json::to_string(&kept.collect::<Vec<_>>())
    }

    fn of_body(body: &str) -> Option<Self> {
        let kept: Vec<Kept> = serde_json::from_str(body).ok()?;
        Some(kept.into_iter().map(|Kept { path, key, line, text }| Text { path, key, line, text }).collect())
    }
}

impl Good for HostTexts {
    const WHAT: &'static str = "the host rules";
    const NAME: &'static str = "host";
    const HEAD: &'static str = "palisade-host 1 ";

    fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn of_body(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

/// Where it is kept.
pub fn path<T: Good>(state: &StateDir) -> PathBuf {
    state.file(T::NAME)
}

/// Keeps what is in force. Nothing is written where it is kept already.
///
/// # Errors
/// Whatever the operating system says.
pub fn keep<T: Good>(state: &StateDir, good: &T) -> io::Result<()> {
    let whole = written(good)?;
    if std::fs::read(path::<T>(state)).is_ok_and(|found| found == whole.as_bytes()) {
        return Ok(());
    }
    state.replace(T::NAME, &whole)
}

/// What was kept last; nothing if nothing ever was.
///
/// # Errors
/// [`LastGoodError`].
pub fn recall<T: Good>(state: &StateDir) -> Result<Option<T>, LastGoodError> {
    state.check().map_err(LastGoodError::Folder)?;
    read(&path::<T>(state))
}

/// Has it wait for the confirmation of the ruleset that it is part of; without one, nothing waits.
///
/// # Errors
/// Whatever the operating system says.
pub fn propose<T: Good>(run: &RunDir, good: Option<&T>) -> io::Result<()> {
    match good {
        Some(good) => run.replace(T::NAME, &written(good)?),
        None => run.remove(T::NAME),
    }
}

/// What waits for the confirmation; nothing if nothing does.
///
/// # Errors
/// [`LastGoodError`].
pub fn proposed<T: Good>(run: &RunDir) -> Result<Option<T>, LastGoodError> {
    read(&run.file(T::NAME))
}

/// Forgets what was kept.
///
/// # Errors
/// Whatever the operating system says.
pub fn forget<T: Good>(state: &StateDir) -> io::Result<()> {
    state.remove(T::NAME)
}

/// Keeps what waits, if anything does: its ruleset is confirmed.
///
/// # Errors
/// Whatever the operating system says; and if what waits is damaged.
pub fn keep_proposed<T: Good>(run: &RunDir, state: &StateDir) -> io::Result<()> {
    run.create()?;
    let Some(good) = proposed::<T>(run).map_err(io::Error::other)? else { return Ok(()) };
    keep(state, &good)?;
    run.remove(T::NAME)
}

fn written<T: Good>(good: &T) -> io::Result<String> {
    Ok(sealed::seal(T::HEAD, &(good.body()? + "\n")))
}

fn read<T: Good>(path: &Path) -> Result<Option<T>, LastGoodError> {
    if !path.exists() {
        return Ok(None);
    }
    let whole = files::read(path)?;
    let good = sealed::open(T::HEAD, &whole).and_then(T::of_body);
    good.map(Some).ok_or_else(|| LastGoodError::Damaged { path: path.display().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_kept_once_and_only_when_it_is_confirmed() {
        let folder = std::env::temp_dir().join(format!("palisade-proposed-{}", std::process::id()));
        let (run, state) = (RunDir::at(folder.join("run")), StateDir::at(folder.join("state")));
        let texts = |text: &str| vec![Text { path: "b.yaml".into(), key: "k".into(), line: 1, text: text.into() }];
        propose(&run, Some(&texts("first"))).unwrap();
        assert!(matches!(recall::<Vec<Text>>(&state), Ok(None)));
        keep_proposed::<Vec<Text>>(&run, &state).unwrap();
        assert_eq!(recall::<Vec<Text>>(&state).unwrap().unwrap(), texts("first"));
        // What took its place since is not overwritten by a second confirmation, nor by what was withdrawn.
        keep(&state, &texts("second")).unwrap();
        keep_proposed::<Vec<Text>>(&run, &state).unwrap();
        propose(&run, Some(&texts("third"))).unwrap();
        propose::<Vec<Text>>(&run, None).unwrap();
        keep_proposed::<Vec<Text>>(&run, &state).unwrap();
        assert_eq!(recall::<Vec<Text>>(&state).unwrap().unwrap(), texts("second"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_was_kept_comes_back_and_what_was_changed_does_not() {
        let folder = std::env::temp_dir().join(format!("palisade-last-good-{}", std::process::id()));
        let state = StateDir::at(folder.clone());
        assert!(matches!(recall::<Vec<Text>>(&state), Ok(None)));
        let texts = vec![Text { path: "b.yaml".into(), key: "k".into(), line: 3, text: "default: \"é\"\n".into() }];
        keep(&state, &texts).unwrap();
        assert_eq!(recall::<Vec<Text>>(&state).unwrap().unwrap(), texts);
        let whole = std::fs::read_to_string(path::<Vec<Text>>(&state)).unwrap();
        for at in whole.char_indices().map(|(at, _)| at) {
            let cut = whole.get(..at).unwrap();
            let changed = format!("{cut}x{}", whole.get(at..).unwrap());
            for damaged in [cut, &changed] {
                std::fs::write(path::<Vec<Text>>(&state), damaged).unwrap();
                assert!(matches!(recall::<Vec<Text>>(&state), Err(LastGoodError::Damaged { .. })), "{damaged}");
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
