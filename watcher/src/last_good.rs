//! The last good baseline, kept so that a broken one never means none.
//!
//! Kept is the text, not what it meant: a newer program may read more into it, and whoever looks at the file sees what
//! is enforced. The first line is `palisade-baseline VERSION SHA256`, the hash that of all that follows it.
//!
//! A baseline on probation waits in the folder in /run, which ends with the probation at a reboot, until it is confirmed.

use std::io;
use std::path::{Path, PathBuf};

use policy_lang::baseline::Text;
use serde::{Deserialize, Serialize};

use crate::run_dir::RunDir;
use crate::sealed;
use crate::source::files::{self, FileError};
use crate::state_dir::StateDir;

/// The file, in either folder.
const NAME: &str = "baseline";

/// What it begins with; another version says something else.
const HEAD: &str = "palisade-baseline 1 ";

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

/// One document, in the form of the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    path: String,
    key: String,
    line: u32,
    text: String,
}

/// Where it is kept.
pub fn path(state: &StateDir) -> PathBuf {
    state.file(NAME)
}

/// Keeps a baseline that is in force. Nothing is written where it is kept already.
///
/// # Errors
/// Whatever the operating system says.
pub fn keep(state: &StateDir, texts: &[Text]) -> io::Result<()> {
    let whole = written(texts)?;
    if std::fs::read(path(state)).is_ok_and(|found| found == whole.as_bytes()) {
        return Ok(());
    }
    state.replace(NAME, &whole)
}

/// The baseline that was kept last; nothing if none ever was.
///
/// # Errors
/// [`LastGoodError`].
pub fn recall(state: &StateDir) -> Result<Option<Vec<Text>>, LastGoodError> {
    state.check().map_err(LastGoodError::Folder)?;
    read(&path(state))
}

/// Has a baseline wait for the confirmation of the ruleset that it is part of; without one, nothing waits.
///
/// # Errors
/// Whatever the operating system says.
pub fn propose(run: &RunDir, texts: Option<&[Text]>) -> io::Result<()> {
    match texts {
        Some(texts) => run.replace(NAME, &written(texts)?),
        None => run.remove(NAME),
    }
}

/// Keeps the baseline that waits, if one does: its ruleset is confirmed.
///
/// # Errors
/// Whatever the operating system says; and if what waits is damaged.
pub fn keep_proposed(run: &RunDir, state: &StateDir) -> io::Result<()> {
    run.create()?;
    let Some(texts) = read(&run.file(NAME)).map_err(io::Error::other)? else { return Ok(()) };
    keep(state, &texts)?;
    run.remove(NAME)
}

fn written(texts: &[Text]) -> io::Result<String> {
    let kept: Vec<_> =
        texts.iter().cloned().map(|Text { path, key, line, text }| Kept { path, key, line, text }).collect();
    let body = serde_json::to_string(&kept)? + "\n";
    Ok(sealed::seal(HEAD, &body))
}

fn read(path: &Path) -> Result<Option<Vec<Text>>, LastGoodError> {
    if !path.exists() {
        return Ok(None);
    }
    let whole = files::read(path)?;
    let kept = parse(&whole).ok_or_else(|| LastGoodError::Damaged { path: path.display().to_string() })?;
    Ok(Some(kept.into_iter().map(|Kept { path, key, line, text }| Text { path, key, line, text }).collect()))
}

fn parse(whole: &str) -> Option<Vec<Kept>> {
    serde_json::from_str(sealed::open(HEAD, whole)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_kept_once_and_only_when_it_is_confirmed() {
        let folder = std::env::temp_dir().join(format!("palisade-proposed-{}", std::process::id()));
        let (run, state) = (RunDir::at(folder.join("run")), StateDir::at(folder.join("state")));
        let texts = |text: &str| [Text { path: "b.yaml".into(), key: "k".into(), line: 1, text: text.into() }];
        propose(&run, Some(&texts("first"))).unwrap();
        assert!(matches!(recall(&state), Ok(None)));
        keep_proposed(&run, &state).unwrap();
        assert_eq!(recall(&state).unwrap().unwrap(), texts("first"));
        // What took its place since is not overwritten by a second confirmation, nor by what was withdrawn.
        keep(&state, &texts("second")).unwrap();
        keep_proposed(&run, &state).unwrap();
        propose(&run, Some(&texts("third"))).unwrap();
        propose(&run, None).unwrap();
        keep_proposed(&run, &state).unwrap();
        assert_eq!(recall(&state).unwrap().unwrap(), texts("second"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_was_kept_comes_back_and_what_was_changed_does_not() {
        let folder = std::env::temp_dir().join(format!("palisade-last-good-{}", std::process::id()));
        let state = StateDir::at(folder.clone());
        assert!(matches!(recall(&state), Ok(None)));
        let texts = [Text { path: "b.yaml".into(), key: "k".into(), line: 3, text: "default: \"é\"\n".into() }];
        keep(&state, &texts).unwrap();
        assert_eq!(recall(&state).unwrap().unwrap(), texts);
        let whole = std::fs::read_to_string(path(&state)).unwrap();
        for at in whole.char_indices().map(|(at, _)| at) {
            let cut = whole.get(..at).unwrap();
            let changed = format!("{cut}x{}", whole.get(at..).unwrap());
            for damaged in [cut, &changed] {
                std::fs::write(path(&state), damaged).unwrap();
                assert!(matches!(recall(&state), Err(LastGoodError::Damaged { .. })), "{damaged}");
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
