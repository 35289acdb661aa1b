//! What sources tell the loop, and the bounded channel that they tell it by.
//!
//! A source runs on a thread of its own and knows what it has told: it tells differences only, after it had to read
//! everything again too. The loop takes all that has come while it was busy at once, so a slow kernel makes batches
//! bigger and not queues longer; where the channel is full, the source waits.

use std::fmt;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::compile::host::Names;
use engine::incremental::Change;
use engine::kernel::Notice;
use policy_lang::baseline::{Baseline, Text};
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::source::Sources;
use tokio::sync::mpsc;

use super::asked::Asked;
use crate::drops::Owners;
use crate::source::host_texts::HostTexts;
use crate::visible;

/// Most messages that wait for the loop. Each may hold a whole list of changes, so this bounds how often a source is
/// ahead of the loop rather than how much it has told.
pub const CAPACITY: usize = 1024;

/// What a source tells.
#[derive(Clone, Debug)]
pub enum Event {
    /// These objects came, changed or went, in this order.
    ///
    /// Pods that are not subject to policy (on the host's network, or ended) are told as gone; policies of the baseline
    /// are never among these. A broken object is told as what takes its place, so that it fails closed.
    Changed(Vec<Change>),
    /// The enforced egress baseline is now this.
    Baseline(FoundBaseline),
    /// The host rules of this source are now these; none if it has none. What it had before may stay in force then.
    HostRules(Option<Arc<FoundHostRules>>),
    /// All there is to say about one object: this takes the place of what was said of it before, and nothing means that
    /// it is fine now, or gone.
    Said {
        /// What it is about: kind, namespace and name, or a file.
        about: Arc<str>,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// The source has told everything that there is at this moment. Told again after every [`Event::Lost`].
    InSync,
    /// The source cannot see what there is any more, and tries again by itself: what it told stays in force.
    Lost(String),
    /// An attempt to reach what has to answer has come to its end: its number, and why it failed if it did.
    Probed {
        /// Which.
        number: u64,
        /// Nothing if it was answered.
        answer: Result<(), String>,
    },
    /// Somebody committed to nf_tables; told by whoever listens to the kernel.
    Kernel(Notice),
    /// Somebody wants to know something; told by whoever serves operators.
    Ask(Question),
    /// An operator asks for something; told by whoever serves the socket.
    Asked(Asked),
    /// The agent is asked to end; told by whoever listens to signals.
    Stop,
    /// A thread that the agent cannot do without has ended, for this reason: told by [`watch_over`].
    Fault(String),
}

/// Whose these addresses are, and who wants to know.
#[derive(Clone, Debug)]
pub struct Question {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    answer: mpsc::Sender<Option<Owners>>,
}

impl Question {
    /// The question, and where its answer comes: nothing if the agent knows nothing yet.
    pub fn new(addresses: Vec<IpAddr>) -> (Self, mpsc::Receiver<Option<Owners>>) {
        let (answer, comes) = mpsc::channel(1);
        (Self { addresses, answer }, comes)
    }

    /// Answers it. Whoever asked may have gone.
    pub fn answer(&self, owners: Option<Owners>) {
        drop(self.answer.try_send(owners));
    }
}

/// What a baseline is like.
#[derive(Clone, Debug)]
pub struct FoundBaseline {
    /// What became of it.
    pub baseline: Baseline,
    /// Its texts, which are kept in case that the next one is broken.
    pub texts: Vec<Text>,
}

/// Host rules, and what their words stand for.
#[derive(Clone, Debug)]
pub struct FoundHostRules {
    /// The rules; the stand-in that closes the node where they are broken.
    pub rules: HostRules,
    /// Ports, protocols, users and groups by name.
    pub names: Names,
    /// The texts that they were read from.
    pub sources: Sources,
    /// Whether they are what was written.
    pub soundness: Soundness,
    /// What they were read from, so that it can be kept.
    pub texts: HostTexts,
}

/// Whether something is what was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Soundness {
    /// It is.
    Sound,
    /// It could not be understood, and what fails closed stands in its place.
    Broken,
}

/// One finding, told without the text that it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its code, `PAL…`.
    pub code: &'static str,
    /// Where: `file:line`, where that is known.
    pub place: Option<String>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Finding {
    /// A finding about a text.
    pub fn new(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let of_span = diagnostic.span.map(|span| {
            let line = sources.line(span.source, span.start);
            format!("{}:{line}", sources.path(span.source))
        });
        let place = of_span.or_else(|| diagnostic.place.as_ref().map(|place| format!("{}:{}", place.path, place.line)));
        let help = diagnostic.help.as_deref().map(|help| format!(": {help}")).unwrap_or_default();
        Self {
            severity: diagnostic.severity,
            code: diagnostic.code.0,
            place: place.map(|place| visible::line(&place).into_owned()),
            message: visible::line(&format!("{}{help}", diagnostic.message)).into_owned(),
        }
    }
}

/// What a source is called, in logs, metrics and `palisade status`: few and fixed, like `manifests` or `pods`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceName(Arc<str>);

impl SourceName {
    /// A source of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Objects in files.
    pub fn manifests() -> Self {
        Self::new("manifests")
    }

    /// The enforced egress baseline.
    pub fn baseline() -> Self {
        Self::new("baseline")
    }

    /// The host's own rules, from a file on the node.
    pub fn host() -> Self {
        Self::new("host")
    }

    /// Host rules from a ConfigMap.
    pub fn host_config_map() -> Self {
        Self::new("host-configmap")
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whoever tells what there is to enforce.
pub trait Source: Send {
    /// The names under which it tells. Nothing newly compiled is enforced before each of them has been in sync once.
    fn names(&self) -> Vec<SourceName>;

    /// Tells, until telling breaks. Called on a thread of its own, which may run whatever it likes.
    fn run(self: Box<Self>, tell: Tell);
}

/// An event, who told it and when.
#[derive(Debug)]
pub struct Message {
    /// Who.
    pub source: SourceName,
    /// When, before it waited for the loop.
    pub at: Instant,
    /// What.
    pub event: Event,
}

/// The source's end of the channel.
#[derive(Clone, Debug)]
pub struct Tell {
    sender: SyncSender<Message>,
    is_over: Arc<AtomicBool>,
}

/// The loop's end of the channel. When it is dropped, sources end.
#[derive(Debug)]
pub struct Hear {
    receiver: Receiver<Message>,
    is_over: Arc<AtomicBool>,
}

/// A channel from sources to the loop.
pub fn channel() -> (Tell, Hear) {
    let (sender, receiver) = sync_channel(CAPACITY);
    let is_over = Arc::new(AtomicBool::new(false));
    (Tell { sender, is_over: Arc::clone(&is_over) }, Hear { receiver, is_over })
}

/// Runs something on a thread of its own that must not end before the loop does. If it does, by a panic too, the loop is
/// told: an agent that does not hear any more must not look as if nothing changed.
pub fn watch_over(what: &'static str, tell: Tell, work: impl FnOnce(Tell) + Send + 'static) {
    thread::spawn(move || {
        let inside = tell.clone();
        let ended = panic::catch_unwind(AssertUnwindSafe(|| work(inside)));
        let how = if ended.is_ok() { "ended" } else { "panicked" };
        if !tell.is_over() {
            // Whether the loop still listens is its own business.
            let _: ControlFlow<()> =
                tell.tell(&SourceName::new(what), Event::Fault(format!("the thread of {what} {how}")));
        }
    });
}

impl Tell {
    /// Tells the loop; waits while it has too much to do. Breaks when the loop has ended: the source then ends too.
    pub fn tell(&self, source: &SourceName, event: Event) -> ControlFlow<()> {
        let message = Message { source: source.clone(), at: Instant::now(), event };
        match self.sender.send(message) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// The same without waiting: breaks also when the loop has too much to do.
    pub fn offer(&self, source: &SourceName, event: Event) -> ControlFlow<()> {
        let message = Message { source: source.clone(), at: Instant::now(), event };
        match self.sender.try_send(message) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Whether the loop has ended, for sources that have nothing to tell for a long time.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

impl Hear {
    /// The next message, or nothing if none comes for so long or nobody is left to tell.
    pub fn next(&self, patience: Duration) -> Option<Message> {
        self.receiver.recv_timeout(patience).ok()
    }

    /// A message that has come already.
    pub fn at_hand(&self) -> Option<Message> {
        self.receiver.try_recv().ok()
    }
}

impl Drop for Hear {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_or_panics_is_told_of_unless_the_loop_has_ended() {
        let (tell, hear) = channel();
        let ends: [fn(Tell); 2] = [|_| {}, |_| panic!("on purpose")];
        for (work, how) in ends.into_iter().zip(["ended", "panicked"]) {
            watch_over("kernel", tell.clone(), work);
            let Some(Message { event: Event::Fault(why), .. }) = hear.next(Duration::from_secs(10)) else {
                panic!("nobody told")
            };
            assert_eq!(why, format!("the thread of kernel {how}"));
        }
        drop(hear);
        assert!(tell.is_over() && tell.tell(&SourceName::host(), Event::InSync).is_break());
    }
}
