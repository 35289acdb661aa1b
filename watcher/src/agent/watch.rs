//! Waiting for files to change: a change is heard of at once, and looked for all the same every few seconds, because what
//! is mounted from elsewhere or reached by a link is not always heard of.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// How often it is looked whether something changed that nobody told of.
const POLL: Duration = Duration::from_secs(2);

/// How long a file may take to be written after the first that is heard of it. A half-written one does no harm.
const SETTLE: Duration = Duration::from_millis(20);

/// A file from outside: when it was written, its length and its number.
pub(super) type Stamp = Option<(i64, i64, u64, u64)>;

/// What a file looks like from outside; nothing if it is not there.
pub(super) fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> PathBuf {
    let parent = path.parent().unwrap_or(Path::new("."));
    if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() }
}

/// Waits until something may have changed.
pub(super) struct Watch {
    /// Held, because it ends with it. None where the system has no more watches to give: then it is polled only.
    _watcher: Option<RecommendedWatcher>,
    heard: Receiver<()>,
    /// Held, so that a watcher that could not be made does not end the waiting at once.
    _keep: SyncSender<()>,
}

impl Watch {
    /// Listens to these paths.
    pub(super) fn new(paths: impl IntoIterator<Item = (PathBuf, RecursiveMode)>) -> Self {
        let (tell, heard) = mpsc::sync_channel(1);
        let keep = tell.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading what changed is no change.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // One notice that waits is enough.
                let (Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(()))) = tell.try_send(());
            }
        });
        let watcher = watcher.ok().map(|mut watcher| {
            for (path, mode) in paths {
                // What cannot be watched is polled.
                drop(watcher.watch(&path, mode));
            }
            watcher
        });
        Self { _watcher: watcher, heard, _keep: keep }
    }

    /// Whether something may have changed: false if nothing was heard for the time of a poll, and nothing is stale.
    pub(super) fn waits_for_a_change(&self, are_stale: impl FnOnce() -> bool) -> bool {
        match self.heard.recv_timeout(POLL) {
            Ok(()) => {
                std::thread::sleep(SETTLE);
                while self.heard.try_recv().is_ok() {}
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => are_stale(),
        }
    }
}
