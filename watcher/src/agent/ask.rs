//! Asks the agent of this machine.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::asked::{Answer as Done, Question, Request, VERSION};
use super::board::Report;
use super::names::{self, Answer};
use super::serve::socket::METRICS;
use crate::drops::Owner;

/// How long a busy agent may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take until what was asked for is in force; longer than the agent itself waits for that.
const PATIENCE_FOR_WORK: Duration = Duration::from_secs(25);

/// More than any answer has.
const BYTES_MAX: u64 = 4 << 20;

/// How it is.
///
/// # Errors
/// If nobody answers for so long, or not in a form that this program knows.
pub fn report(socket: &Path, patience: Duration) -> io::Result<Report> {
    Ok(serde_json::from_str(&ask(socket, "", patience)?)?)
}

/// Its metrics, as text for a collector of files.
///
/// # Errors
/// As [`report`].
pub fn metrics(socket: &Path) -> io::Result<String> {
    ask(socket, &format!("{METRICS}\n"), PATIENCE)
}

/// Who has these addresses, as far as the agent knows; nothing if it knows nothing yet.
///
/// # Errors
/// As [`report`].
pub fn owners(socket: &Path, addresses: &[IpAddr]) -> io::Result<Option<BTreeMap<IpAddr, Vec<Owner>>>> {
    let answer = ask(socket, &names::question(addresses), PATIENCE)?;
    Ok(serde_json::from_str::<Answer>(&answer)?.into_owners())
}

/// Has it do something.
///
/// # Errors
/// As [`report`].
pub fn request(socket: &Path, request: Request) -> io::Result<Done> {
    let line = serde_json::to_string(&Question { version: VERSION, request })?;
    Ok(serde_json::from_str(&ask(socket, &format!("{line}\n"), PATIENCE_FOR_WORK)?)?)
}

fn ask(socket: &Path, line: &str, patience: Duration) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(line.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    stream.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}
