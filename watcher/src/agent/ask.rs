//! Asks the agent of this machine how it is.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::board::Report;

/// How long a busy agent may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than any report has.
const BYTES_MAX: u64 = 4 << 20;

/// What it tells.
///
/// # Errors
/// If nobody answers, or not in a form that this program knows.
pub fn ask(socket: &Path) -> io::Result<Report> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}
