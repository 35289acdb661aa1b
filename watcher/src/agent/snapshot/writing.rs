//! A snapshot that is being written: the loop makes a part when the one before has been taken, and a thread of its own
//! writes them, since a disk may take long.

use std::io::{self, Seek, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::parts::Parts;
use super::{HEAD, NAME};
use crate::agent::host::Good;
use crate::agent::world::Told;
use crate::sealed;
use crate::state_dir::StateDir;

/// A part of the body; what ends without the last of them is not used.
struct Part {
    bytes: Vec<u8>,
    is_last: bool,
}

/// One that is not finished.
#[derive(Debug)]
pub(super) struct Writing {
    parts: Parts,
    host: Good,
    /// Made, and not taken yet.
    ready: Option<Part>,
    /// Until the last part is taken.
    to_writer: Option<SyncSender<Part>>,
    writer: JoinHandle<io::Result<Duration>>,
    /// How long the parts took to make.
    made: Duration,
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("n_bytes", &self.bytes.len()).field("is_last", &self.is_last).finish()
    }
}

impl Writing {
    /// Begins one with these host rules.
    pub(super) fn begin(state: StateDir, host: Good) -> Self {
        let (to_writer, parts) = sync_channel(1);
        let writer = std::thread::spawn(move || written(&state, &parts));
        Self { parts: Parts::default(), host, ready: None, to_writer: Some(to_writer), writer, made: Duration::ZERO }
    }

    /// Makes the next part, unless the writer has not taken the one before.
    ///
    /// # Errors
    /// If a part cannot be made; the file that is there stays.
    pub(super) fn go_on(&mut self, told: Told<'_>) -> io::Result<()> {
        let Some(to_writer) = &self.to_writer else { return Ok(()) };
        if self.ready.is_none() {
            let begun = Instant::now();
            let bytes = self.parts.next(told, &self.host)?;
            self.made += begun.elapsed();
            self.ready = bytes.map(|bytes| Part { bytes, is_last: self.parts.is_over() });
        }
        match self.ready.take().map(|part| to_writer.try_send(part)) {
            Some(Err(TrySendError::Full(part))) => self.ready = Some(part),
            Some(Ok(())) if !self.parts.is_over() => {}
            // All is taken, or the writer has failed and says why at its end.
            Some(Ok(()) | Err(TrySendError::Disconnected(_))) | None => self.to_writer = None,
        }
        Ok(())
    }

    /// Whether parts are left to be made or taken.
    pub(super) fn is_unmade(&self) -> bool {
        self.to_writer.is_some()
    }

    /// Whether the writer has come to its end, well or not.
    pub(super) fn is_over(&self) -> bool {
        self.writer.is_finished()
    }

    /// How long it took to make and to write; waits for the writer, and has it give up what is unmade.
    ///
    /// # Errors
    /// Why it is not written; the file that is there stays.
    pub(super) fn end(self) -> io::Result<Duration> {
        let Self { to_writer, writer, made, .. } = self;
        drop(to_writer);
        let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer failed")))?;
        Ok(made + written)
    }
}

/// Writes the parts as they come; says how long that took, without the time in which none came.
fn written(state: &StateDir, parts: &Receiver<Part>) -> io::Result<Duration> {
    let begun = Instant::now();
    let mut waited = Duration::ZERO;
    state.replace_by(NAME, |file| {
        sealed::write(HEAD, file, |out| {
            loop {
                let idle = Instant::now();
                let part = parts.recv().map_err(|_| io::Error::other("given up"))?;
                waited += idle.elapsed();
                out.write_all(&part.bytes)?;
                if part.is_last {
                    return Ok(());
                }
            }
        })
    })?;
    Ok(begun.elapsed().saturating_sub(waited))
}

/// Writes all of it at once.
pub(super) fn write<W: Write + Seek>(told: Told<'_>, host: &Good, out: &mut W) -> io::Result<()> {
    sealed::write(HEAD, out, |out| {
        let mut parts = Parts::default();
        while let Some(part) = parts.next(told, host)? {
            out.write_all(&part)?;
        }
        Ok(())
    })
}
