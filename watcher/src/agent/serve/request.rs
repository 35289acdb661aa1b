//! One question by the socket. Only root can open it; who asks is looked at all the same, and named in the log.

use std::io;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::net::unix::UCred;
use tokio::task;

use crate::agent::asked::{Answer, Asked, BYTES_MAX, Question, Request, VERSION};
use crate::agent::event::{Event, SourceName, Tell};

/// How long the loop may take until what is asked for is in force.
const WORK: Duration = Duration::from_secs(20);

/// Does what is asked, or says why not.
pub(super) async fn answer(line: &str, peer: io::Result<UCred>, tell: Tell) -> Answer {
    match (question(line), peer) {
        (Ok(request), Ok(peer)) => asked(request, &peer, tell).await,
        (Ok(_), Err(error)) => refused(&format!("who asks cannot be told: {error}")),
        (Err(why), _) => refused(&why),
    }
}

fn question(text: &str) -> Result<Request, String> {
    if text.len() > BYTES_MAX || !text.ends_with('\n') {
        return Err("it is no question: it has no end".to_owned());
    }
    let question: Question = serde_json::from_str(text).map_err(|error| format!("it is no question: {error}"))?;
    match question.version {
        VERSION => Ok(question.request),
        other => Err(format!("this agent knows questions of version {VERSION}, not {other}")),
    }
}

/// Has the loop do it.
async fn asked(request: Request, peer: &UCred, tell: Tell) -> Answer {
    if peer.uid() != 0 {
        return refused("only root may ask for that");
    }
    let by = name(peer);
    let (answer, answered) = sync_channel(1);
    // The loop may be busy, and others are served meanwhile.
    let wait = task::spawn_blocking(move || {
        if tell.tell(&SourceName::new("operator"), Event::Asked(Asked { request, by, answer })).is_break() {
            return Err("the agent is ending".to_owned());
        }
        let busy = || format!("the agent has not done it within {} s; it may still", WORK.as_secs());
        answered.recv_timeout(WORK).unwrap_or_else(|_| Err(busy()))
    });
    wait.await.unwrap_or_else(|error| Err(error.to_string())).into()
}

/// `palisade (process 7, user 0)`.
fn name(peer: &UCred) -> String {
    let uid = peer.uid();
    let Some(process) = peer.pid() else { return format!("somebody (user {uid})") };
    let comm = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    let plain: String = comm.trim().chars().filter(|letter| !letter.is_control()).collect();
    let name = if plain.is_empty() { "a process that is gone" } else { plain.as_str() };
    format!("{name} (process {process}, user {uid})")
}

fn refused(why: &str) -> Answer {
    Err(why.to_owned()).into()
}
