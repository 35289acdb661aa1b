//! A Lease of this node: which generation is programmed and since when, for whoever watches the cluster and not its nodes.
//!
//! Invariant: on a thread of its own, of what the loop has posted. Nothing waits for it, and whatever becomes of it has no
//! part in what is enforced, nor in whether the agent is ready.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use tracing::{info, warn};

use self::form::{Holder, State, TimeOfDay};
use super::super::board::{Board, Leased};
use super::super::causes::with_causes;
use super::super::event::Tell;
use super::Options;
use super::backoff::Backoff;
use super::trouble::Trouble;
use super::way::Way;

pub mod form;

/// How often it is written where nothing is new.
const RENEW: Duration = Duration::from_secs(60);

/// How soon after it was written it may be written again. The kubelet renews its own Lease as often.
const PAUSE: Duration = Duration::from_secs(10);

/// How often it is looked whether something is new.
const LOOK: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes of an answer that are read.
const ANSWER_BYTES: usize = 1 << 20;

/// Keeps the Lease until the loop ends.
pub fn start(options: Options, holder: Holder, board: Arc<Board>, tell: Tell) {
    thread::spawn(move || {
        board.post_lease(Leased { name: holder.to_string(), written: None, fault: None });
        while !tell.is_over() {
            let lease = Lease::new(holder.clone(), Arc::clone(&board), Timing::default());
            // Of all that the agent does this is among what can be done without.
            let ended = panic::catch_unwind(AssertUnwindSafe(|| lease.keep(&options, &tell)));
            if let Err(why) = ended.unwrap_or_else(|_| Err("a bug".to_owned())) {
                warn!(event = "lease-not-written", why, "it is begun again");
                thread::sleep(RENEW);
            }
        }
    });
}

/// Waits, in one place so that tests need not wait as long.
#[derive(Clone, Copy, Debug)]
struct Timing {
    renew: Duration,
    pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { renew: RENEW, pause: PAUSE }
    }
}

/// The Lease, and what was written of it.
struct Lease {
    holder: Holder,
    board: Arc<Board>,
    timing: Timing,
    begun: TimeOfDay,
    /// What was written last, and when.
    written: Option<(State, Instant)>,
    backoff: Backoff,
    /// Not before this is it tried again.
    wait: Option<Instant>,
    /// Why it was not written at the last attempt.
    fault: Option<String>,
}

impl Lease {
    fn new(holder: Holder, board: Arc<Board>, timing: Timing) -> Self {
        let (begun, backoff) = (TimeOfDay::now(), Backoff::default());
        Self { holder, board, timing, begun, written: None, backoff, wait: None, fault: None }
    }

    fn keep(mut self, options: &Options, tell: &Tell) -> Result<(), String> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let mut way = None;
            while !tell.is_over() {
                if way.is_none() && self.may_try(Instant::now()) {
                    match Way::new(options).await {
                        Ok(made) => way = Some(made),
                        Err(why) => self.failed(&why, None, Instant::now()),
                    }
                }
                if let Some(way) = &way {
                    self.step(way, Instant::now()).await;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(())
    }

    /// Writes it if that is due.
    async fn step(&mut self, way: &Way, now: Instant) {
        let report = self.board.report();
        // The loop has not posted anything yet.
        if report.version == 0 {
            return;
        }
        let before = self.written.as_ref().map(|(state, _)| state);
        let state = State::of(&report, before, TimeOfDay::now());
        if !self.is_due(&state, now) {
            return;
        }
        match self.write(way, &state).await {
            Ok(()) => self.succeeded(state, Instant::now()),
            Err((why, asked)) => self.failed(&why, asked, Instant::now()),
        }
    }

    fn may_try(&self, now: Instant) -> bool {
        self.wait.is_none_or(|wait| now >= wait)
    }

    fn is_due(&self, state: &State, now: Instant) -> bool {
        self.may_try(now)
            && self.written.as_ref().is_none_or(|(written, at)| {
                let least = if written == state { self.timing.renew } else { self.timing.pause };
                now.saturating_duration_since(*at) >= least
            })
    }

    async fn write(&self, way: &Way, state: &State) -> Result<(), (String, Option<Duration>)> {
        let body = self.holder.body(state, self.begun, TimeOfDay::now());
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(self.holder.uri())
            // Makes it where there is none, and asks for no right to read.
            .header("content-type", "application/apply-patch+yaml")
            .header("accept", "application/json")
            .header("user-agent", concat!("palisade/", env!("CARGO_PKG_VERSION")));
        let request = request.body(Body::from(body.to_string().into_bytes())).map_err(|error| passing(&error))?;
        let attempt = async {
            let answer = match way.client().send(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    way.look().await;
                    return Err(passing(&error));
                }
            };
            let (parts, body) = answer.into_parts();
            // Read to its end, so that the connection can be used again.
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            if parts.status.is_success() {
                return Ok(());
            }
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Err(refusal(parts.status, Trouble::of_answer(parts.status, &parts.headers, &body, false)))
        };
        let answer = tokio::time::timeout(PATIENCE, attempt).await;
        answer.unwrap_or_else(|_| Err((format!("the API server did not answer within {PATIENCE:?}"), None)))
    }

    fn succeeded(&mut self, state: State, now: Instant) {
        if self.fault.take().is_some() {
            info!(event = "lease-written", lease = %self.holder, "again");
        }
        self.backoff.reset();
        self.wait = None;
        self.written = Some((state, now));
        self.board.metrics.lease_written();
        self.report();
    }

    fn failed(&mut self, why: &str, asked: Option<Duration>, now: Instant) {
        self.wait = Some(now + self.backoff.next(asked));
        if self.fault.as_deref() != Some(why) {
            warn!(event = "lease-not-written", lease = %self.holder, why, "what is enforced does not hang on it");
        }
        self.fault = Some(why.to_owned());
        self.board.metrics.lease_errors.inc();
        self.report();
    }

    fn report(&self) {
        let written = self.written.as_ref().map(|(_, at)| *at);
        self.board.post_lease(Leased { name: self.holder.to_string(), written, fault: self.fault.clone() });
    }
}

/// What a refusal means for the next attempt. What is not permitted now will hardly be in a second.
fn refusal(code: StatusCode, trouble: Trouble) -> (String, Option<Duration>) {
    let (why, asked) = match trouble {
        Trouble::Passing { why, after } => (why, after),
        Trouble::Absent => ("the API server knows neither Leases nor perhaps the namespace (404)".to_owned(), None),
        Trouble::Expired | Trouble::CannotStream | Trouble::Over => (format!("the API server answers {code}"), None),
    };
    let is_refused = matches!(code, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
    (why, asked.or(is_refused.then_some(PAUSE)))
}

fn passing(error: &dyn std::error::Error) -> (String, Option<Duration>) {
    (with_causes(error), None)
}

#[cfg(test)]
mod tests;
