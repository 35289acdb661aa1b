//! What people and programs get to read: the only place that prints.
//!
//! Results go to standard output, everything else to standard error. A reader that goes away early is no failure. Results
//! have no colours, so whatever in them would be acted upon by a terminal is text of others and is shown instead.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;

use policy_lang::source::Origin;

use crate::visible;

#[cfg(feature = "cluster")]
pub mod agent;
pub mod assertions;
pub mod changes;
pub mod diagnostics;
pub mod diff;
#[cfg(feature = "kernel")]
pub mod doctor;
pub mod drops;
pub mod explain;
pub mod findings;
#[cfg(feature = "kernel")]
mod headers;
pub mod json;
pub mod lines;
pub mod map;
mod places;
pub mod plugin;
pub mod status;
pub mod summary;
pub mod top;
#[cfg(feature = "kernel")]
pub mod trace;

/// Whether text may carry colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Color {
    /// With escape sequences of a terminal.
    Styled,
    /// Without.
    Plain,
}

/// Prints a result to standard output.
///
/// # Errors
/// Whatever writing fails with, except that nobody reads any more.
pub fn result(text: &str) -> io::Result<()> {
    stream(text).map(drop)
}

/// Prints a piece of a result that goes on; breaks when nobody reads any more.
///
/// # Errors
/// Whatever else writing fails with.
pub fn stream(text: &str) -> io::Result<ControlFlow<()>> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(visible::lines(text).as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error),
    }
}

/// Standard output for results that are too long to be held.
#[derive(Debug, Default)]
pub struct Stream {
    held: String,
    /// How writing ended, if it has.
    ended: Option<io::Result<()>>,
}

/// So many bytes are printed at once.
const CHUNK: usize = 64 << 10;

impl Stream {
    /// Prints the rest.
    ///
    /// # Errors
    /// Whatever writing failed with, except that nobody reads any more.
    pub fn finish(mut self) -> io::Result<()> {
        self.print();
        self.ended.unwrap_or(Ok(()))
    }

    fn print(&mut self) {
        if self.ended.is_none() {
            self.ended = match stream(&self.held) {
                Ok(ControlFlow::Continue(())) => None,
                Ok(ControlFlow::Break(())) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
        }
        self.held.clear();
    }
}

impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.held.push_str(text);
        if self.held.len() >= CHUNK {
            self.print();
        }
        // Whoever writes ends as soon as nobody reads any more.
        if self.ended.is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Prints something about the run to standard error. There is nobody to tell if that fails.
pub fn message(text: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.write_all(text.as_bytes()).is_ok() && !text.is_empty() && !text.ends_with('\n') {
        drop(stderr.write_all(b"\n"));
    }
}

/// Whether standard error shows colours: a terminal, and nobody said `NO_COLOR`.
pub fn stderr_color() -> Color {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stderr().is_terminal() && !refused { Color::Styled } else { Color::Plain }
}

/// Prints why a command failed, with every cause.
pub fn failure(error: &(dyn std::error::Error + 'static)) {
    let mut text = format!("palisade: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    message(&visible::lines(&text));
}

/// Where something is written, as fields of its JSON; none where nobody wrote it down.
#[derive(serde::Serialize)]
pub(crate) struct PlaceJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl<'a> PlaceJson<'a> {
    pub(crate) fn of(origin: &'a Origin) -> Self {
        let place = origin.place.as_ref();
        Self { path: place.map(|place| &*place.path), line: place.map(|place| place.line) }
    }
}

/// Indented JSON with a final newline.
pub(crate) fn pretty(value: &impl serde::Serialize) -> String {
    // Our own types hold no maps with odd keys and no floats, so there is nothing that JSON could not say.
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}
