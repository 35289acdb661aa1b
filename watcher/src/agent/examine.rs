//! What would make enforcement a lie or a lock-out, looked at when the agent starts and every ten minutes.
//!
//! Invariant: on a thread of its own, which holds nothing that the loop waits for, and changes nothing. Whatever it finds,
//! or however long it takes, has no part in whether the agent is ready.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use policy_lang::diagnostic::Severity;
use tracing::{info, warn};

use super::board::Board;
use super::event::Tell;
use crate::doctor::read::{Question, examination};
use crate::doctor::{Code, Examination, Finding};

/// How long after an examination comes the next.
pub const EVERY: Duration = Duration::from_secs(600);

/// How long after the start comes the second: what starts with the node, like kube-proxy and the sources, is there by then.
const SECOND: Duration = Duration::from_secs(60);

/// How often it is looked whether the loop has ended, or has learned of other pods.
const TICK: Duration = Duration::from_secs(1);

/// What was found last, and when.
#[derive(Debug, Default)]
pub struct Examined {
    /// What was found.
    pub examination: Examination,
    /// When; nothing before the first time.
    pub at: Option<Instant>,
}

/// Looks again and again until the loop ends.
pub fn start(question: Question, board: Arc<Board>, tell: Tell) {
    thread::spawn(move || {
        let mut known = BTreeMap::new();
        let mut wait = SECOND;
        while !tell.is_over() {
            let question = Question { pods: board.local_pods(), ..question.clone() };
            // Of all that the agent does this is what can be done without.
            match panic::catch_unwind(AssertUnwindSafe(|| examination(&question))) {
                Ok(found) => {
                    say(&mut known, &found);
                    board.metrics.examined(&found);
                    board.post_examined(Examined { examination: found, at: Some(Instant::now()) });
                }
                Err(_) => warn!(event = "doctor-failed", "the node could not be examined: a bug"),
            }
            let begun = Instant::now();
            while begun.elapsed() < wait && !tell.is_over() {
                thread::sleep(TICK);
            }
            wait = EVERY;
        }
    });
}

/// What tells one finding from another, however its figures change.
type Key = (Code, String);

/// Logs what is new, and what is gone.
fn say(known: &mut BTreeMap<Key, String>, found: &Examination) {
    let now: BTreeMap<Key, &Finding> =
        found.findings.iter().map(|finding| ((finding.code, finding.subject.clone()), finding)).collect();
    for ((code, _), finding) in now.iter().filter(|(key, _)| !known.contains_key(key)) {
        let (code, fix) = (*code, finding.fix.first().map(String::as_str).unwrap_or_default());
        let (message, severity) = (&finding.message, code.severity());
        match severity {
            Severity::Error | Severity::Warning => {
                warn!(event = "doctor", code = code.word(), %severity, fix, "{message}");
            }
            Severity::Note => info!(event = "doctor", code = code.word(), %severity, fix, "{message}"),
        }
    }
    for ((code, _), message) in known.iter().filter(|(key, _)| !now.contains_key(key)) {
        info!(event = "doctor-gone", code = code.word(), "{message}");
    }
    *known = now.into_iter().map(|(key, finding)| (key, finding.message.clone())).collect();
}
