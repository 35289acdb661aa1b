//! What operators ask of the loop: pauses, from their beginning to their end.

use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use engine::compile::options::Paused;
use engine::kernel::Kernel;
use tracing::warn;

use super::super::asked::{Asked, Request, Whom};
use super::super::pause::{Lasting, Now};
use super::Agent;

/// Who waits for an answer, and what it is if all goes well.
pub(super) type Waiting = Vec<(SyncSender<Result<String, String>>, String)>;

impl<K: Kernel> Agent<K> {
    /// Takes a request. It is answered when what it asks for is in force.
    pub(super) fn hear_request(&mut self, asked: Asked) {
        let Asked { request, by, answer } = asked;
        let done = match request {
            Request::Pause { whom, seconds } => self.pause(&whom, seconds, &by),
            Request::Resume { whom } => self.resume(whom.as_ref(), &by),
        };
        match done {
            Ok(done) => {
                self.set_pauses();
                self.asked.push((answer, done));
            }
            // Whether somebody still waits is its own business.
            Err(why) => drop(answer.try_send(Err(why))),
        }
    }

    /// Ends what is over.
    pub(super) fn end_pauses(&mut self) {
        let over = self.pauses.over(Now::read());
        for Lasting { whom, by, .. } in &over {
            warn!(event = "pause-over", whom = %whom, by, "its time is over: denials are carried out again");
        }
        if !over.is_empty() {
            self.set_pauses();
        }
    }

    /// Measures what is left of pauses again where the kernel may not have their elements any more: those that are added
    /// again must not last longer.
    pub(super) fn measure_pauses(&mut self) {
        if self.must_compare && !self.pauses.lasting().is_empty() {
            let left = self.pauses.left(Now::read());
            self.set_pauses_to(&left);
        }
    }

    /// Answers those who wait, after an attempt to put in force what they asked for.
    pub(super) fn answer_requests(&mut self, is_done: bool) {
        let why = match &self.last_failure {
            Some(failure) => format!("it is noted, but not in force yet, and tried again: {failure}"),
            None => "it is noted, but not in force yet: the sources have not answered".to_owned(),
        };
        for (answer, done) in std::mem::take(&mut self.asked) {
            drop(answer.try_send(if is_done { Ok(done) } else { Err(why.clone()) }));
        }
    }

    fn pause(&mut self, whom: &Whom, seconds: u64, by: &str) -> Result<String, String> {
        self.knows(whom)?;
        self.pauses.begin(whom.clone(), Duration::from_secs(seconds), by.to_owned(), Now::read())?;
        warn!(event = "pause", whom = %whom, seconds, by, "what would be dropped is counted and logged only");
        Ok(format!("{whom} is paused for {seconds} s"))
    }

    fn resume(&mut self, whom: Option<&Whom>, by: &str) -> Result<String, String> {
        let ended = self.pauses.end(whom)?;
        let names: Vec<String> = ended.iter().map(|pause| pause.whom.to_string()).collect();
        match (whom, names.as_slice()) {
            (Some(whom), []) => Err(format!("{whom} is not paused")),
            (None, []) => Err("nothing is paused".to_owned()),
            (_, names) => {
                let whom = names.join(", ");
                warn!(event = "pause-ended", whom, by, "denials are carried out again");
                Ok(format!("no longer paused: {whom}"))
            }
        }
    }

    /// A name that is written wrong would be a pause of nothing.
    fn knows(&self, whom: &Whom) -> Result<(), String> {
        let Paused::Namespace(name) = whom.paused() else { return Ok(()) };
        let Some((_, inventory)) = self.world.compiled_facts() else { return Ok(()) };
        if inventory.namespaces.contains_key(&name) {
            return Ok(());
        }
        Err(format!("there is no namespace {name}"))
    }

    fn set_pauses(&mut self) {
        let left = self.pauses.left(Now::read());
        self.set_pauses_to(&left);
        self.schedule.want_at_once(Instant::now());
    }

    fn set_pauses_to(&mut self, left: &[engine::compile::options::Pause]) {
        self.world.set_pauses(left.to_vec());
        if let Some(kept) = &mut self.last_good {
            kept.set_pauses(left.to_vec());
        }
    }
}
