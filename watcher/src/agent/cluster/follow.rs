//! Following one collection: read everything, then hear of every change, for ever.
//!
//! What is asked next hangs on one thing only, the last version that is known. While there is one, a stream that ends
//! or breaks is resumed from it; only when the server has forgotten it (410) is everything read again. Reading
//! everything is one stream of events where the server can do that, and a list of pages where not.
//!
//! Invariant: whatever the server does, nothing is told as gone unless the server said so, or a complete reading did
//! not hold it.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde_json::value::RawValue;

use super::super::causes::with_causes;
use super::backoff::{Backoff, watch_seconds};
use super::needs::{Needs, Switch};
use super::reduced::Reduced;
use super::request::Ask;
use super::said::{self, Form, Said};
use super::strip::strip;
use super::told::Told;
use super::trouble::Trouble;
use super::way::Way;
use super::wire::{Header, Identity, Page};

/// Most bytes of one page of a list, or of a refusal.
const PAGE_BYTES: usize = 512 << 20;

/// So many changes of a beginning are told together.
const TOGETHER: usize = 500;

/// Waits, in one place so that tests need not wait as long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// How long a server may take to begin its answer.
    pub(super) answer: Duration,
    /// How long a stream may be silent. A server that is alive sends a bookmark every minute; a connection that broke
    /// without a word is silent too.
    pub(super) silence: Duration,
    /// How long a stream of what there is may be silent before it ends: a server that does not know how to end it
    /// would leave the agent waiting for ever.
    pub(super) beginning: Duration,
    /// How often it is looked whether an optional kind exists by now.
    pub(super) absence: Duration,
    /// How long a policy waits for the nodes or Services that it is about.
    pub(super) needs: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            silence: Duration::from_secs(150),
            beginning: Duration::from_secs(30),
            absence: Duration::from_secs(30),
            needs: Duration::from_secs(10),
        }
    }
}

/// Follows one collection.
pub(super) struct Follower {
    way: Rc<Way>,
    told: Told,
    patience: Patience,
    switch: Switch,
    backoff: Backoff,
    /// The last version that is known; nothing while what there is is not.
    version: Option<String>,
    /// Whether the loop was told that this is lost, or not told yet that it is in sync.
    is_lost: bool,
    /// How often in a row an optional kind was not there.
    n_absent: u32,
}

/// A server that has just started may not know of a kind yet, so that one answer proves nothing.
const ABSENT_ENOUGH: u32 = 2;

impl Follower {
    /// From nothing.
    pub(super) fn new(way: Rc<Way>, told: Told, patience: Patience, switch: Switch) -> Self {
        let backoff = Backoff::default();
        Self { way, told, patience, switch, backoff, version: None, is_lost: true, n_absent: 0 }
    }

    /// Follows until nobody listens any more.
    pub(super) async fn run(mut self) {
        loop {
            let wait = match self.attempt().await {
                // Servers end a watch after a while; one that ends it at once is not well.
                Ok(Ended::AfterEvents) => continue,
                Ok(Ended::Empty) => self.backoff.next(None),
                Err(trouble) => {
                    // Of a beginning that breaks off, what was heard counts.
                    let Ok(()) = self.flush().await else { return };
                    match self.after(trouble) {
                        ControlFlow::Continue(wait) => wait,
                        ControlFlow::Break(()) => return,
                    }
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&mut self) -> Result<Ended, Trouble> {
        if let Some(from) = self.version.clone() {
            return self.stream(&Ask::Watch { from }).await;
        }
        match self.stream(&Ask::Stream).await {
            Err(Trouble::CannotStream) => {
                self.list().await?;
                Ok(Ended::AfterEvents)
            }
            other => other,
        }
    }

    /// What to do about trouble: how long to wait.
    fn after(&mut self, trouble: Trouble) -> ControlFlow<(), Duration> {
        let is_absent = trouble == Trouble::Absent;
        if !is_absent {
            self.n_absent = 0;
        }
        let (why, asked) = match trouble {
            Trouble::Over => return ControlFlow::Break(()),
            Trouble::Expired => {
                self.version = None;
                return ControlFlow::Continue(self.backoff.next(None));
            }
            Trouble::Absent if self.told.collection().kind.is_optional() => {
                self.version = None;
                self.n_absent = self.n_absent.saturating_add(1);
                if self.n_absent < ABSENT_ENOUGH {
                    return ControlFlow::Continue(self.backoff.next(None));
                }
                if self.n_absent == ABSENT_ENOUGH || self.is_lost {
                    self.told.begin();
                    self.told.end()?;
                    self.told.flush()?;
                    self.in_sync()?;
                }
                self.backoff.reset();
                return ControlFlow::Continue(self.patience.absence);
            }
            Trouble::Absent => ("the API server does not have them".to_owned(), None),
            Trouble::CannotStream => ("the API server refuses the request as invalid".to_owned(), None),
            Trouble::Passing { why, after } => (why, after),
        };
        self.is_lost = true;
        self.told.lost(why)?;
        ControlFlow::Continue(self.backoff.next(asked))
    }

    /// Reads everything a page at a time.
    async fn list(&mut self) -> Result<(), Trouble> {
        self.told.begin();
        let mut after = None;
        loop {
            let (_, body) = self.answer(&Ask::Page { after }).await?;
            let body = tokio::time::timeout(self.patience.answer, Limited::new(body, PAGE_BYTES).collect()).await;
            let body = body.map_err(|_| Trouble::passing("a list does not end"))?;
            let body = body.map_err(|error| Trouble::passing(format!("a list broke off: {error}")))?.to_bytes();
            let page: Page<'_> = serde_json::from_slice(&body)
                .map_err(|error| Trouble::passing(format!("a list cannot be read: {error}")))?;
            for object in page.items.iter().flatten() {
                let reduced = Reduced::Text(strip(self.told.collection().kind, object));
                self.put(&header(object)?.metadata, &reduced)?;
            }
            self.flush().await?;
            if page.metadata.next.is_empty() {
                flow(self.told.end())?;
                self.flush().await?;
                self.version = Some(page.metadata.resource_version);
                return flow(self.in_sync());
            }
            after = Some(page.metadata.next);
        }
    }

    /// Follows one stream to its end.
    async fn stream(&mut self, ask: &Ask) -> Result<Ended, Trouble> {
        let (mut form, mut body) = self.answer(ask).await?;
        let is_resumed = matches!(ask, Ask::Watch { .. });
        if is_resumed && self.is_lost {
            flow(self.in_sync())?;
        }
        if !is_resumed {
            self.told.begin();
        }
        let mut ended = Ended::Empty;
        loop {
            let is_begun = self.version.is_some();
            let limit = if is_begun { self.patience.silence } else { self.patience.beginning };
            let frame = match tokio::time::timeout(limit, body.frame()).await {
                Ok(None) if is_begun => return Ok(ended),
                Ok(None) => return Err(Trouble::passing("a stream ended before everything was told")),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(Trouble::passing(format!("a stream broke off: {error}"))),
                Err(_) if is_begun => return Err(Trouble::passing(format!("nothing was heard for {limit:?}"))),
                // It took the request for a plain watch, of which the beginning does not end.
                Err(_) => return Err(Trouble::CannotStream),
            };
            let Some(data) = frame.data_ref() else { continue };
            let whole = form.push(data).map_err(|_| Trouble::passing("an event is longer than any object can be"))?;
            for event in whole {
                let is_beginning = self.version.is_none();
                self.event(&form, event)?;
                ended = Ended::AfterEvents;
                self.backoff.reset();
                self.n_absent = 0;
                if is_beginning && self.version.is_some() {
                    self.flush().await?;
                    flow(self.in_sync())?;
                }
            }
            // Who is woken for every few of a hundred thousand objects does nothing but wake up.
            if self.version.is_some() || self.told.n_waiting() >= TOGETHER {
                self.flush().await?;
            }
        }
    }

    fn event(&mut self, form: &Form, event: Vec<u8>) -> Result<(), Trouble> {
        let said = form.said(self.told.collection().kind, event).map_err(|error| {
            // Which object it was about is not known, so what is known cannot be relied on.
            self.version = None;
            Trouble::passing(format!("an event cannot be read: {error}"))
        })?;
        match said {
            Said::Put(identity, reduced) => self.put(&identity, &reduced),
            Said::Gone(identity) => {
                flow(self.told.remove(&identity))?;
                self.advance(&identity.resource_version);
                Ok(())
            }
            Said::Bookmark { version, ends_the_beginning } => {
                if self.version.is_none() && ends_the_beginning {
                    flow(self.told.end())?;
                    self.version = Some(version.clone());
                }
                self.advance(&version);
                Ok(())
            }
            Said::Error(status) => Err(Trouble::of_status(&status, None)),
        }
    }

    fn put(&mut self, identity: &Identity, reduced: &Reduced) -> Result<(), Trouble> {
        flow(self.told.put(identity, reduced))?;
        self.advance(&identity.resource_version);
        Ok(())
    }

    /// Only what comes after the beginning says how far the stream is: before, versions come in any order.
    fn advance(&mut self, version: &str) {
        if self.version.is_some() && !version.is_empty() {
            self.version = Some(version.to_owned());
        }
    }

    /// Tells what waits, once what it is about is known: a rule that denies nodes denies nobody as long as none is.
    async fn flush(&mut self) -> Result<(), Trouble> {
        let needs = self.told.needs();
        if needs != Needs::default() {
            self.switch.need(needs);
            self.told.wait_for_needs(self.patience.needs).await;
        }
        flow(self.told.flush())
    }

    fn in_sync(&mut self) -> ControlFlow<()> {
        self.is_lost = false;
        self.told.in_sync()
    }

    /// Form and body of an answer that is none of trouble.
    async fn answer(&self, ask: &Ask) -> Result<(Form, Body), Trouble> {
        let accept = match ask {
            Ask::Stream | Ask::Watch { .. } => said::accept(self.told.collection().kind),
            Ask::Page { .. } => "application/json",
        };
        let uri = ask.uri(self.told.collection(), watch_seconds());
        let request = Request::builder()
            .method(Method::GET)
            .uri(uri)
            .header("accept", accept)
            .header("user-agent", concat!("palisade/", env!("CARGO_PKG_VERSION")));
        let request = request.body(Body::empty()).map_err(|error| Trouble::passing(error.to_string()))?;
        let answer = tokio::time::timeout(self.patience.answer, self.way.client().send(request)).await;
        let answer = answer.map_err(|_| Trouble::passing("the API server does not answer"))?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.way.look().await;
                return Err(Trouble::passing(with_causes(&error)));
            }
        };
        if answer.status().is_success() {
            let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            return Ok((Form::of(content_type), answer.into_body()));
        }
        let (parts, body) = answer.into_parts();
        let body = tokio::time::timeout(self.patience.answer, Limited::new(body, PAGE_BYTES).collect()).await;
        let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let is_stream = matches!(ask, Ask::Stream);
        Err(Trouble::of_answer(parts.status, &parts.headers, &body, is_stream))
    }
}

/// How a stream ended that ended well.
enum Ended {
    AfterEvents,
    Empty,
}

/// A server that sends an object without a readable name is broken; such a one must not be left out in silence.
fn header(object: &RawValue) -> Result<Header, Trouble> {
    serde_json::from_str(object.get())
        .map_err(|error| Trouble::passing(format!("the name of an object cannot be read: {error}")))
}

fn flow(flow: ControlFlow<()>) -> Result<(), Trouble> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Trouble::Over),
    }
}
