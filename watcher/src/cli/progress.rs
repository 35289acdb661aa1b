//! What a long command is doing, for who waits at a terminal.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Who gets an answer within this time has waited for nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the time is told anew.
const TICK: Duration = Duration::from_millis(100);

/// A bar on standard error, gone when it is dropped. None is shown of what is soon done, nor where standard error is no
/// terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// Dropped first: that ends the thread.
    finished: Option<Sender<()>>,
    shower: Option<JoinHandle<()>>,
}

impl Progress {
    /// Of one piece of work.
    pub(super) fn of(what: &'static str) -> Self {
        Self::shown(what, "{spinner} {msg} {elapsed}", None)
    }

    /// Of so many pieces, each of which [`Progress::done`] follows.
    pub(super) fn of_many(what: &'static str, n: usize) -> Self {
        Self::shown(what, "{msg} {bar:20} {pos}/{len} {elapsed}", u64::try_from(n).ok())
    }

    /// One piece more is done.
    pub(super) fn done(&self) {
        self.bar.inc(1);
    }

    fn shown(what: &'static str, template: &str, n: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(n, ProgressDrawTarget::hidden()).with_message(what);
        // The templates are ours; one that was wrong would be seen in the test.
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let (finished, is_finished) = mpsc::channel();
        let shown = bar.clone();
        let shower = thread::spawn(move || {
            if is_finished.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(TICK);
            }
        });
        Self { bar, finished: Some(finished), shower: Some(shower) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.finished.take());
        // Whoever comes too late would draw over what is written next.
        self.shower.take().map(JoinHandle::join);
        self.bar.finish_and_clear();
    }
}
