//! The host rules of one source: which are good, which are in force, and what is on trial.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::Origin;
use super::reading::closed;
use super::trial::{Blame, Entry, Question, Stage, digest};
use crate::agent::board::{HostReport, HostState};
use crate::agent::event::FoundHostRules;

/// How long after the time is over an attempt that has not come to its end counts as one that failed.
const UNHEARD: Duration = Duration::from_secs(60);

/// One source.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) origin: Origin,
    pub(super) is_configured: bool,
    /// How long they are on trial when they change; nothing if they are not.
    trial: Option<Duration>,
    /// Whether it has said anything.
    pub(super) has_answered: bool,
    /// The last that were good.
    pub(super) good: Option<Arc<FoundHostRules>>,
    /// Those that are to be in force.
    pub(super) enforced: Option<Arc<FoundHostRules>>,
    /// Why they are not those that were told last.
    pub(super) fault: Option<String>,
    pub(super) stage: Stage,
    /// Texts that cut something off, and why they are believed to have.
    refused: Option<(String, String)>,
    state: HostState,
}

impl Slot {
    /// A source that has not said anything; how long its rules are on trial, if they are.
    pub(super) fn new(origin: Origin, good: Option<Arc<FoundHostRules>>, trial: Option<Duration>) -> Self {
        let (is_configured, has_answered, enforced, fault) = (true, false, None, None);
        let (stage, refused, state) = (Stage::Idle, None, HostState::Silent);
        Self { origin, is_configured, trial, has_answered, good, enforced, fault, stage, refused, state }
    }

    /// One that is not there.
    pub(super) fn absent(origin: Origin) -> Self {
        Self { is_configured: false, ..Self::new(origin, None, None) }
    }

    /// An earlier run has left this, and perhaps its tables.
    pub(super) fn inherit(&mut self, entry: Entry, is_loaded: bool, now: Instant) {
        let Entry { on_trial, refused } = entry;
        let Some(trial) = self.trial else { return };
        self.refused = refused;
        if let Some(id) = on_trial.filter(|_| is_loaded) {
            self.stage = Stage::Inherited(id, now + trial, Question::new(now, Blame::Theirs));
        }
    }

    /// It has these, and they can be enforced as written.
    pub(super) fn are_sound(&mut self, found: Arc<FoundHostRules>, now: Instant) {
        if self.stage.is_about(&found) {
            return;
        }
        let id = digest(&found);
        if let Some((refused, why)) = &self.refused
            && *refused == id
        {
            let why = why.clone();
            self.stage = Stage::Idle;
            return self.are_refused(&why);
        }
        let is_good = self.good.as_ref().is_some_and(|good| digest(good) == id);
        if self.trial.is_none() || is_good {
            self.stage = Stage::Idle;
            return self.are_good(found);
        }
        self.fault = None;
        if self.stage.is_to_blame() {
            // What is in force may be what keeps anything from answering, so it is of no use to ask first.
            self.stage = Stage::Due(Arc::clone(&found), Blame::Theirs);
            self.enforced = Some(found);
            self.state = HostState::OnTrial;
        } else {
            if self.enforced.is_none() {
                self.enforced.clone_from(&self.good);
            }
            self.state = HostState::Asking;
            self.stage = Stage::Asking(found, Question::new(now, Blame::Theirs));
        }
    }

    /// It has some that cannot be enforced as written.
    pub(super) fn are_broken(&mut self, why: &str) {
        let rest = if self.good.is_some() { "the last good ones stay" } else { "nothing new comes in to the node" };
        self.fault = Some(format!("{} are broken, and {rest}: {why}", self.origin.words()));
        self.state = if self.good.is_some() { HostState::LastGood } else { HostState::Closed };
        self.enforced = Some(self.good.clone().unwrap_or_else(|| Arc::new(closed())));
        self.stage = Stage::Idle;
    }

    /// It has none any more. Whoever could delete them by mistake, or by intent, must not open the node with it.
    pub(super) fn are_gone(&mut self) {
        let words = self.origin.words();
        self.fault = self.good.as_ref().map(|_| {
            format!("{words} are gone: the last good ones stay enforced; write some without a rule to end them")
        });
        self.state = if self.good.is_some() { HostState::LastGood } else { HostState::Absent };
        self.enforced.clone_from(&self.good);
        self.stage = Stage::Idle;
    }

    /// What was asked has been answered, or not. Returns whether anything is different.
    pub(super) fn hear(&mut self, answer: Result<(), String>, now: Instant) -> bool {
        match (std::mem::replace(&mut self.stage, Stage::Idle), answer) {
            (Stage::Asking(found, _), Ok(())) => self.are_due(found, Blame::Theirs),
            (Stage::Asking(found, _), Err(why)) => {
                warn!(event = "host-rules-unproven", source = %self.origin.source(), why, "nothing answered before the change either");
                self.are_due(found, Blame::Nobodys);
            }
            (Stage::OnTrial(found, ..), Ok(())) => {
                info!(event = "host-rules-proven", source = %self.origin.source());
                self.are_good(found);
            }
            (Stage::Inherited(..), Ok(())) => {}
            (mut stage @ (Stage::OnTrial(..) | Stage::Inherited(..)), Err(why)) => {
                if let Some(question) = stage.question() {
                    question.failed(why, now);
                }
                self.stage = stage;
                return false;
            }
            (stage @ (Stage::Idle | Stage::Due(..)), _) => {
                self.stage = stage;
                return false;
            }
        }
        true
    }

    /// What is due has been put in force.
    pub(super) fn is_in_force(&mut self, now: Instant) {
        if let Stage::Due(found, blame) = &self.stage {
            let limit = self.trial.filter(|_| *blame == Blame::Theirs).map(|trial| now + trial);
            self.stage = Stage::OnTrial(Arc::clone(found), limit, Question::new(now, *blame));
        }
    }

    /// Whether the time is over: then the last good ones are in force again, and these are refused from now on.
    pub(super) fn is_over(&mut self, what: &str, now: Instant) -> bool {
        let (id, limit, question) = match &self.stage {
            Stage::OnTrial(found, Some(limit), question) => (digest(found), *limit, question),
            Stage::Inherited(id, limit, question) => (id.clone(), *limit, question),
            Stage::Idle | Stage::Asking(..) | Stage::Due(..) | Stage::OnTrial(..) => return false,
        };
        // On a busy machine no attempt may have come to its end yet, but that is not waited for without end.
        let unheard = || (now >= limit + UNHEARD).then(|| "no attempt has come to its end".to_owned());
        let Some(why) = question.why.clone().or_else(unheard).filter(|_| now >= limit) else { return false };
        let seconds = self.trial.unwrap_or_default().as_secs();
        let why = format!("{what} did not answer within {seconds} s after they were in force: {why}");
        warn!(event = "host-rules-reverted", source = %self.origin.source(), why);
        self.refused = Some((id, why.clone()));
        self.stage = Stage::Idle;
        self.are_refused(&why);
        true
    }

    /// Why the rules that were told last are not enforced, although they can be.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.fault.as_deref().filter(|_| self.state == HostState::Refused)
    }

    /// What a next run has to know.
    pub(super) fn entry(&self) -> Entry {
        let on_trial = match &self.stage {
            Stage::Due(found, Blame::Theirs) | Stage::OnTrial(found, Some(_), _) => Some(digest(found)),
            Stage::Inherited(id, ..) => Some(id.clone()),
            Stage::Idle | Stage::Asking(..) | Stage::Due(..) | Stage::OnTrial(..) => None,
        };
        Entry { on_trial, refused: self.refused.clone() }
    }

    /// For operators.
    pub(super) fn report(&self) -> HostReport {
        let state = match &self.stage {
            Stage::OnTrial(_, None, _) | Stage::Due(_, Blame::Nobodys) => HostState::Unproven,
            Stage::Idle | Stage::Asking(..) | Stage::Due(..) | Stage::OnTrial(..) | Stage::Inherited(..) => self.state,
        };
        HostReport { source: self.origin.source().to_string(), state, fault: self.fault.clone() }
    }

    fn are_due(&mut self, found: Arc<FoundHostRules>, blame: Blame) {
        self.enforced = Some(Arc::clone(&found));
        self.state = HostState::OnTrial;
        self.stage = Stage::Due(found, blame);
    }

    fn are_good(&mut self, found: Arc<FoundHostRules>) {
        self.fault = None;
        // Another text was good since: the one that was refused may be tried again.
        self.refused = None;
        self.state = HostState::Good;
        self.good = Some(Arc::clone(&found));
        self.enforced = Some(found);
    }

    fn are_refused(&mut self, why: &str) {
        let rest = if self.good.is_some() { "the last good ones are in force" } else { "none are in force" };
        let words = self.origin.words();
        self.fault = Some(format!("{words} were taken back, and {rest} until the text changes: {why}"));
        self.state = HostState::Refused;
        self.enforced.clone_from(&self.good);
    }
}
