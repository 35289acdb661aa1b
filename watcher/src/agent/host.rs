//! The host rules of every source, and which of them are enforced.
//!
//! A file on the node and a ConfigMap can both hold host rules. In each chain those of the file come first, and where both
//! give a chain a policy the file's holds: what is written on a node is not undone from elsewhere.
//!
//! Invariant: what is broken, gone or on trial never takes back what was good. Only where nothing ever was good is the node
//! closed to what is new.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::compile::options::{Observe, Pause, Paused, PodOptions};
use engine::compile::{HostInput, check_host, failsafe};
use policy_lang::diagnostic::Severity;

pub use self::file::HostFile;
use self::reading::both;
use self::slot::Slot;
use self::trial::{Record, Stage};
use super::board::HostReport;
use super::event::{FoundHostRules, Soundness, SourceName};
use crate::config::host::Revert;
use crate::state_dir::StateDir;

mod file;
pub(super) mod reading;
mod slot;
#[cfg(test)]
mod tests;
mod trial;

/// Where host rules come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A file on the node.
    File,
    /// A ConfigMap.
    ConfigMap,
}

/// The good host rules of each source, to be kept.
#[derive(Clone, Debug, Default)]
pub struct Good {
    /// Those of the file.
    pub file: Option<Arc<FoundHostRules>>,
    /// Those of the ConfigMap.
    pub config_map: Option<Arc<FoundHostRules>>,
}

/// How host rules are tried when they change.
pub struct Trial {
    /// Which.
    pub revert: Revert,
    /// For how long.
    pub after: Duration,
    /// What has to answer, in words.
    pub what: String,
    /// Begins an attempt of this number: one new connection, whose end is told as [`super::event::Event::Probed`].
    pub ask: Box<dyn Fn(u64) + Send>,
}

/// Every source of host rules.
#[derive(Debug)]
pub struct HostFirewall {
    file: Slot,
    config_map: Slot,
    trial: Option<Trial>,
    n_asked: u64,
    /// What was left to the next run.
    record: Record,
    /// What they are looked at with.
    options: PodOptions,
}

/// What has become of the trials.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// How many were taken back.
    pub n_reverted: u64,
    /// One of those may be in force from an earlier run.
    pub is_of_earlier_run: bool,
}

impl Origin {
    /// Of whom a source tells.
    pub fn of(source: &SourceName) -> Option<Self> {
        [Self::File, Self::ConfigMap].into_iter().find(|origin| origin.source() == *source)
    }

    /// Who tells of them.
    pub fn source(self) -> SourceName {
        match self {
            Self::File => SourceName::host(),
            Self::ConfigMap => SourceName::host_config_map(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::File => "the host rules of the node",
            Self::ConfigMap => "the host rules of the ConfigMap",
        }
    }

    fn is_tried(self, revert: Revert) -> bool {
        match (self, revert) {
            (Self::ConfigMap, Revert::ConfigMap | Revert::All) | (Self::File, Revert::All) => true,
            (Self::File, Revert::ConfigMap) | (Self::File | Self::ConfigMap, Revert::Off) => false,
        }
    }
}

impl Good {
    /// Those of the sources that there are, together.
    pub fn together(&self) -> Option<Arc<FoundHostRules>> {
        together(self.file.as_ref(), self.config_map.as_ref())
    }
}

impl HostFirewall {
    /// What was kept of these sources; of others nothing is of interest any more.
    pub fn new(kept: &Good, sources: &[SourceName], trial: Option<Trial>, options: &PodOptions) -> Self {
        let slot = |origin: Origin, good: &Option<Arc<FoundHostRules>>| {
            if !sources.contains(&origin.source()) {
                return Slot::absent(origin);
            }
            let tried = trial.as_ref().filter(|trial| origin.is_tried(trial.revert)).map(|trial| trial.after);
            Slot::new(origin, good.clone(), tried)
        };
        let (file, config_map) = (slot(Origin::File, &kept.file), slot(Origin::ConfigMap, &kept.config_map));
        Self { file, config_map, trial, n_asked: 0, record: Record::default(), options: at_their_deepest(options) }
    }

    /// Takes up what an earlier run has left about its trials; what was on trial is of interest only where its tables are
    /// still there.
    pub fn inherit(&mut self, state: &StateDir, is_loaded: bool, now: Instant) {
        self.record = Record::recall(state);
        let record = self.record.clone();
        for slot in self.slots_mut() {
            slot.inherit(record.of(slot.origin).clone(), is_loaded, now);
        }
    }

    /// A source has these now, or none.
    pub fn tell(&mut self, origin: Origin, found: Option<Arc<FoundHostRules>>, now: Instant) {
        let slot = match origin {
            Origin::File => &mut self.file,
            Origin::ConfigMap => &mut self.config_map,
        };
        slot.has_answered = true;
        match found {
            None => slot.are_gone(),
            Some(found) => match fault(&found, &self.options) {
                Some(why) => slot.are_broken(&why),
                None => slot.are_sound(found, now),
            },
        }
    }

    /// An attempt has come to its end. Returns whether other rules are to be in force now.
    pub fn hear(&mut self, number: u64, answer: &Result<(), String>, now: Instant) -> bool {
        let mut is_changed = false;
        for slot in self.slots_mut() {
            if slot.stage.question().is_some_and(|question| question.is_about(number)) {
                is_changed |= slot.hear(answer.clone(), now);
            }
        }
        is_changed
    }

    /// Begins the attempts that are due, and takes back what nothing answered to in time.
    pub fn watch(&mut self, now: Instant) -> Verdict {
        let mut verdict = Verdict::default();
        let Self { file, config_map, trial: Some(trial), n_asked, .. } = self else { return verdict };
        for slot in [file, config_map] {
            let is_inherited = matches!(slot.stage, Stage::Inherited(..));
            if slot.is_over(&trial.what, now) {
                verdict.n_reverted += 1;
                verdict.is_of_earlier_run |= is_inherited;
            }
            if let Some(number) = slot.stage.question().and_then(|question| question.due(now, n_asked)) {
                (trial.ask)(number);
            }
        }
        verdict
    }

    /// What is to be in force has been put in force.
    pub fn is_in_force(&mut self, now: Instant) {
        self.slots_mut().into_iter().for_each(|slot| slot.is_in_force(now));
    }

    /// Whether rules go on trial with the next batch.
    pub fn is_due(&self) -> bool {
        self.slots().iter().any(|slot| matches!(slot.stage, Stage::Due(..)))
    }

    /// Whether it is found out just now if something answers.
    pub fn is_asking(&self) -> bool {
        self.slots().iter().any(|slot| matches!(slot.stage, Stage::Asking(..)))
    }

    /// What is to be in force.
    pub fn enforced(&self) -> Option<Arc<FoundHostRules>> {
        together(self.file.enforced.as_ref(), self.config_map.enforced.as_ref())
    }

    /// The same with what was kept of those that have not said anything.
    pub fn with_kept(&self) -> Option<Arc<FoundHostRules>> {
        let of = |slot: &Slot| if slot.has_answered { slot.enforced.clone() } else { slot.good.clone() };
        together(of(&self.file).as_ref(), of(&self.config_map).as_ref())
    }

    /// The sources that are silent and of which nothing is kept: what they say is not enforced in any form.
    pub fn unknown(&self) -> impl Iterator<Item = &'static str> {
        let is_unknown = |slot: &&Slot| slot.is_configured && !slot.has_answered && slot.good.is_none();
        self.slots().into_iter().filter(is_unknown).map(|slot| slot.origin.words())
    }

    /// What is good, to be kept.
    pub fn good(&self) -> Good {
        Good { file: self.file.good.clone(), config_map: self.config_map.good.clone() }
    }

    /// Leaves to the next run what it has to know of the trials, if that is something else than before.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn keep(&mut self, state: &StateDir) -> io::Result<()> {
        let record = Record { file: self.file.entry(), config_map: self.config_map.entry() };
        if record != self.record {
            record.keep(state)?;
            self.record = record;
        }
        Ok(())
    }

    /// Why other host rules are in force than were told last.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        [&self.file, &self.config_map].into_iter().filter_map(|slot| slot.fault.as_deref())
    }

    /// Why rules that could be enforced are not.
    pub fn refusal(&self) -> Option<&str> {
        self.slots().into_iter().find_map(Slot::refusal)
    }

    /// The sources that there are, for operators.
    pub fn report(&self) -> Vec<HostReport> {
        self.slots().into_iter().filter(|slot| slot.is_configured).map(Slot::report).collect()
    }

    fn slots(&self) -> [&Slot; 2] {
        [&self.file, &self.config_map]
    }

    fn slots_mut(&mut self) -> [&mut Slot; 2] {
        [&mut self.file, &mut self.config_map]
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revert, after, what, ask: _ } = self;
        f.debug_struct("Trial")
            .field("revert", revert)
            .field("after", after)
            .field("what", what)
            .finish_non_exhaustive()
    }
}

/// As when the node is paused, which leads their denials through more chains: what there would be no room for then is
/// refused when it is told, and not in the middle of an emergency.
fn at_their_deepest(options: &PodOptions) -> PodOptions {
    let pause = Pause { whom: Paused::Node, lasts: Duration::from_secs(1), number: 0 };
    PodOptions { observe: Observe { pauses: vec![pause], ..options.observe.clone() }, ..options.clone() }
}

/// Why rules cannot be enforced as written.
fn fault(found: &FoundHostRules, options: &PodOptions) -> Option<String> {
    if found.soundness == Soundness::Broken {
        return Some("they could not be read".to_owned());
    }
    let FoundHostRules { rules, names, sources, .. } = found;
    let host = HostInput { rules, names, sources, failsafes: &failsafe::NONE };
    let error = check_host(host, options).into_iter().find(|finding| finding.severity == Severity::Error)?;
    Some(match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    })
}

/// Those of the file, and then those of the ConfigMap. What closes the node closes it whatever the other one opens.
fn together(
    file: Option<&Arc<FoundHostRules>>,
    config_map: Option<&Arc<FoundHostRules>>,
) -> Option<Arc<FoundHostRules>> {
    match (file, config_map) {
        (None, None) => None,
        (Some(only), None) | (None, Some(only)) => Some(Arc::clone(only)),
        (Some(closed), Some(_)) | (Some(_), Some(closed)) if reading::is_closed(closed) => Some(Arc::clone(closed)),
        (Some(file), Some(config_map)) => Some(Arc::new(both(file, config_map))),
    }
}
