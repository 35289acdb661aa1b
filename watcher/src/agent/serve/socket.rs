//! The socket of the run folder: a line is asked, an answer comes, and that is all.
//!
//! Without a line, or with an empty one, the report is told; with `metrics`, what `/metrics` has; a line of JSON is for what
//! changes something.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time;

use super::super::event::{Event, Question, SourceName};
use super::super::metrics::Exposition;
use super::super::names::{self, Answer};
use super::request;
use super::{CONNECTION, Connections, Desk, HEAD};

/// The line that asks for metrics.
pub const METRICS: &str = "metrics";

/// Longest line, in bytes: room for every address of a question.
const LINE_BYTES: u64 = 4 << 10;

pub(super) async fn serve(listener: UnixListener, desk: Desk) -> ! {
    let mut connections = Connections::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(HEAD).await;
            continue;
        };
        let desk = desk.clone();
        connections.add(async move {
            let (text, mut stream) = answer(stream, &desk).await;
            // Whether a client went away early is its own business.
            drop(stream.write_all(text.as_bytes()).await);
        });
    }
}

async fn answer(stream: UnixStream, desk: &Desk) -> (String, UnixStream) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    // Whoever says nothing for so long wants the report, as whoever says that there is nothing to come.
    let limited = (&mut reader).take(LINE_BYTES);
    drop(time::timeout(HEAD, BufReader::new(limited).read_line(&mut line)).await);
    let text = match names::asked(&line) {
        None if line.starts_with('{') => {
            let peer = reader.get_ref().peer_cred();
            serde_json::to_string(&request::answer(&line, peer, desk.tell.clone()).await)
        }
        None if line.trim().is_empty() => serde_json::to_string(&*desk.board.report()),
        None if line.trim() == METRICS => Ok(desk.metrics(Exposition::Text).await),
        None => serde_json::to_string(&serde_json::json!({"error": "an empty line, `metrics` or `owners ADDRESS...`"})),
        Some(addresses) => {
            let (question, mut comes) = Question::new(addresses.clone());
            let is_asked = desk.tell.offer(&SourceName::new("socket"), Event::Ask(question)).is_continue();
            // A loop that is busy for so long has no answer in time.
            let owners = if is_asked { time::timeout(CONNECTION / 2, comes.recv()).await.ok().flatten() } else { None };
            serde_json::to_string(&Answer::new(&addresses, owners.flatten().as_ref()))
        }
    };
    (text.unwrap_or_default(), reader.into_inner())
}
