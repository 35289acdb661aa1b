//! The loop: hears what changed, waits a moment for more, compiles, applies, and says how it went.
//!
//! Invariant: one thread does all of it and owns the netlink socket, so what is compiled is always newer than what is in
//! force, and nothing is applied backwards. See docs/design/agent.md.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::apply::ApplyError;
use engine::kernel::{Commit, Kernel, KernelError, Notice};
use policy_lang::diagnostic::Severity;
use tracing::{debug, error, info, warn};

use self::basis::Basis;
use super::baseline::{self, Enforced};
use super::board::{Board, Enforcing};
use super::enforcer::{Done, Enforcer};
use super::event::{Event, Finding, Hear, Message, Question, SourceName};
use super::gate::Gate;
use super::host::{HostFirewall, Origin, Trial};
use super::pause::{Now, Pauses};
use super::schedule::{self, Schedule};
use super::snapshot::Keeper;
use super::world::{Delta, Facts, Settings, World};
use crate::drops::Owners;
use crate::observing;
use crate::state_dir::StateDir;

mod basis;
mod bridges;
mod connections;
mod outcome;
mod pausing;
mod pods;
mod post;
#[cfg(test)]
mod tests;

/// How long the loop waits for something to happen before it shows that it is alive.
const TICK: Duration = Duration::from_secs(1);

/// Most messages that are taken before it is looked whether work is due.
const TAKEN_MAX: usize = 4096;

/// What an agent starts with.
#[derive(Debug)]
pub struct Start<K> {
    /// The kernel, and what is in force there.
    pub enforcer: Enforcer<K>,
    /// What is the same all the time.
    pub settings: Settings,
    /// Whom to wait for.
    pub sources: Vec<SourceName>,
    /// How host rules are tried when they change, if they are.
    pub trial: Option<Trial>,
    /// Where the last good state is.
    pub state: StateDir,
    /// Where operators look.
    pub board: Arc<Board>,
}

/// The loop and all that it remembers.
#[derive(Debug)]
pub struct Agent<K> {
    enforcer: Enforcer<K>,
    world: World,
    /// What was enforced when an earlier run ended; until the sources have answered.
    last_good: Option<World>,
    gate: Gate,
    schedule: Schedule,
    connections: connections::Turn,
    keeper: Keeper,
    state: StateDir,
    board: Arc<Board>,
    baseline: Enforced,
    host: HostFirewall,
    findings: BTreeMap<Arc<str>, Vec<Finding>>,
    enforcing: Enforcing,
    generation: u64,
    put_in_force: Option<Instant>,
    /// When the oldest change was told that is not in force.
    oldest: Option<Instant>,
    pods: pods::Pods,
    /// When bridges were looked at last.
    bridges_seen: Option<Instant>,
    /// What the kernel has may not be what it was left with.
    must_compare: bool,
    drift: Drift,
    last_failure: Option<String>,
    counts: post::Counts,
    pauses: Pauses,
    /// Operators who wait for what they asked for.
    asked: pausing::Waiting,
    /// Silent sources were waited for long enough, and what there is was asked for.
    is_patience_over: bool,
}

/// What others changed.
#[derive(Debug, Default)]
struct Drift {
    /// Who changed what, until it is put right.
    suspect: Option<String>,
    repairs: u64,
    last: Option<(String, Instant)>,
}

impl<K: Kernel> Agent<K> {
    /// Takes over what an earlier run left in the kernel; where there is nothing, what it left on the disk.
    ///
    /// # Errors
    /// [`KernelError`] if the kernel cannot be read.
    pub fn start(start: Start<K>) -> Result<Self, KernelError> {
        let Start { mut enforcer, settings, sources, trial, state, board } = start;
        let now = Instant::now();
        let keeper = Keeper::new(state.clone());
        let is_loaded = enforcer.is_loaded()?;
        let begun = Now::read();
        let (pauses, fault) = Pauses::recall(state.clone(), begun);
        if let Some(fault) = fault {
            warn!(event = "pauses-unusable", fault, "nothing is paused");
        }
        for pause in pauses.lasting() {
            let seconds = pause.rest(begun).as_secs();
            warn!(event = "pause", whom = %pause.whom, seconds, by = pause.by, "it goes on from an earlier run");
        }
        say_observed(&settings);
        let mut settings = settings;
        settings.pods.observe.pauses = pauses.left(begun);
        let kept = keeper.recall().unwrap_or_else(|error| {
            warn!(event = "snapshot-unusable", %error);
            None
        });
        let good = kept.as_ref().map(|(_, good)| good.clone()).unwrap_or_default();
        let mut host = HostFirewall::new(&good, &sources, trial, &settings.pods);
        host.inherit(&state, is_loaded, now);
        let last_good =
            kept.map(|(facts, _)| World::of(settings.clone(), Facts { host: host.good().together(), ..facts }));
        info!(
            event = "started",
            node = settings.node,
            is_loaded,
            has_snapshot = last_good.is_some(),
            owner = enforcer.is_owner()
        );
        let mut agent = Self {
            enforcer,
            world: World::new(settings),
            last_good,
            gate: Gate::new(sources, now),
            schedule: Schedule::new(schedule::BATCHES),
            connections: connections::Turn::default(),
            keeper,
            state,
            board,
            baseline: Enforced::default(),
            host,
            findings: BTreeMap::new(),
            enforcing: if is_loaded { Enforcing::Adopted } else { Enforcing::Nothing },
            generation: 0,
            put_in_force: None,
            oldest: None,
            pods: pods::Pods::default(),
            bridges_seen: None,
            must_compare: true,
            drift: Drift::default(),
            last_failure: None,
            counts: post::Counts::default(),
            pauses,
            asked: Vec::new(),
            is_patience_over: false,
        };
        if !is_loaded && agent.last_good.is_some() {
            agent.schedule.want(now);
        }
        Ok(agent)
    }

    /// Runs until it is asked to end. What is in force stays so.
    ///
    /// # Errors
    /// Why it cannot go on: whoever starts it again has what is in force adopted.
    pub fn run(mut self, hear: &Hear) -> Result<(), String> {
        loop {
            self.board.beat();
            let patience = self.patience(Instant::now());
            let first = hear.next(patience);
            let more = std::iter::from_fn(|| hear.at_hand());
            for message in first.into_iter().chain(more).take(TAKEN_MAX) {
                if let ControlFlow::Break(end) = self.take(message) {
                    info!(event = "stopped", "what is in force stays");
                    self.keeper.finish(&mut self.world, &self.host.good());
                    return end;
                }
            }
            let now = Instant::now();
            self.watch_host(now);
            if !self.is_patience_over && self.gate.is_patience_over(now) {
                self.is_patience_over = true;
                if !self.gate.is_open() {
                    self.schedule.want(now);
                }
            }
            self.end_pauses();
            if self.schedule.is_due(now) {
                self.board.beat();
                let is_done = self.work(now);
                self.judge_at_first(Instant::now());
                self.answer_requests(is_done);
            }
            self.keeper.keep_if_due(&mut self.world, || self.host.good(), &self.board.metrics, Instant::now());
            self.look_at_bridges(Instant::now());
            self.post(Instant::now());
            // Whoever is answered, or reads what is posted, does not wait for this.
            self.look_at_connections(Instant::now());
        }
    }

    fn take(&mut self, message: Message) -> ControlFlow<Result<(), String>> {
        let Message { source, at, event } = message;
        self.board.metrics.event(source.as_str());
        self.gate.heard(&source, at);
        match event {
            Event::Changed(changes) => {
                debug!(event = "changed", source = source.as_str(), n = changes.len());
                // Before, delays would say how long the start took.
                if self.enforcing == Enforcing::Sources
                    && let Some((_, known)) = self.world.compiled_facts()
                {
                    self.pods.told(&changes, known, &self.world.settings().node, at);
                }
                self.world.change(changes);
                self.is_told(at);
            }
            Event::Baseline(found) => {
                let enforced = baseline::enforced(found, &self.state);
                if let Some(fault) = &enforced.fault {
                    warn!(event = "baseline", fault);
                }
                self.world.set_baseline(enforced.policies.clone());
                self.baseline = enforced;
                self.is_told(at);
            }
            Event::HostRules(found) => {
                if let Some(origin) = Origin::of(&source) {
                    self.host.tell(origin, found, Instant::now());
                    self.world.set_host(self.host.enforced());
                    self.is_told(at);
                }
            }
            Event::Said { about, findings } => self.hear_findings(about, findings),
            Event::InSync => {
                if self.gate.in_sync(&source) {
                    info!(event = "in-sync", source = source.as_str());
                    self.schedule.want(Instant::now());
                }
            }
            Event::Lost(why) => {
                warn!(event = "source-lost", source = source.as_str(), why);
                self.gate.lost(&source, why);
            }
            Event::Probed { number, answer } => {
                let now = Instant::now();
                if self.host.hear(number, &answer, now) {
                    self.host_is_other(now);
                }
            }
            Event::Kernel(notice) => self.hear_kernel(notice),
            Event::Ask(question) => self.answer(&question),
            Event::Asked(asked) => self.hear_request(asked),
            Event::Stop => return ControlFlow::Break(Ok(())),
            Event::Fault(why) => return ControlFlow::Break(Err(why)),
        }
        ControlFlow::Continue(())
    }

    /// Who has which address, as far as it is known: of what is enforced, or of what was when the last agent ended.
    fn answer(&self, question: &Question) {
        let worlds = [Some(&self.world), self.last_good.as_ref()];
        let facts = worlds.into_iter().flatten().find_map(World::compiled_facts);
        question.answer(facts.map(|(_, inventory)| Owners::of_addresses(inventory, &question.addresses)));
    }

    fn is_told(&mut self, at: Instant) {
        self.oldest.get_or_insert(at);
        self.schedule.want(Instant::now());
    }

    fn hear_findings(&mut self, about: Arc<str>, findings: Vec<Finding>) {
        for Finding { severity, code, place, message } in &findings {
            let place = place.as_deref().unwrap_or_default();
            match severity {
                Severity::Error => error!(event = "finding", code, place, "{message}"),
                Severity::Warning => warn!(event = "finding", code, place, "{message}"),
                Severity::Note => info!(event = "finding", code, place, "{message}"),
            }
        }
        if findings.is_empty() {
            self.findings.remove(&about);
        } else {
            self.findings.insert(about, findings);
        }
        self.counts.are_stale = true;
    }

    /// Asks what is to be asked about host rules that are on trial, and takes back those that cut it off.
    fn watch_host(&mut self, now: Instant) {
        let verdict = self.host.watch(now);
        if verdict.n_reverted == 0 {
            return;
        }
        self.board.metrics.host_reverted.inc_by(verdict.n_reverted);
        // What was adopted may hold them: then what was kept takes its place.
        if verdict.is_of_earlier_run && self.enforcing == Enforcing::Adopted && self.last_good.is_some() {
            self.enforcing = Enforcing::Nothing;
        }
        self.host_is_other(now);
    }

    /// Other host rules are to be in force, or the same ones are good now.
    fn host_is_other(&mut self, now: Instant) {
        self.world.set_host(self.host.enforced());
        self.keep_trials();
        if self.enforcing == Enforcing::Sources {
            self.keeper.want(now);
        }
        self.counts.are_stale = true;
        self.schedule.want(now);
    }

    fn keep_trials(&mut self) {
        if let Err(error) = self.host.keep(&self.state) {
            warn!(event = "host-trial-not-kept", %error, "a new start in the middle of it would not know of it");
        }
    }

    fn hear_kernel(&mut self, notice: Notice) {
        match notice {
            Notice::Commit(Commit { process_id, process_name, .. }) => {
                self.board.metrics.foreign.inc();
                self.drift.suspect = Some(format!("{process_name} (process {process_id})"));
                self.schedule.want_at_once(Instant::now());
            }
            Notice::Lost => {
                self.board.metrics.lost.inc();
                self.drift.suspect.get_or_insert_with(|| "somebody whose commit was not heard of".to_owned());
                self.schedule.want_at_once(Instant::now());
            }
        }
    }

    /// Returns whether what is to be in force is.
    fn work(&mut self, now: Instant) -> bool {
        if let Err(error) = self.repair() {
            self.failed(&error);
            return false;
        }
        self.measure_pauses();
        let basis = self.basis(now);
        // Before host rules go on trial, all that is good is on the disk, and that they are not.
        if self.host.is_due() {
            if basis == Basis::Sources {
                self.keeper.keep_now(&mut self.world, &self.host.good());
            }
            self.keep_trials();
        }
        let begun = Instant::now();
        let mut stop_gap = None;
        let world = match basis {
            Basis::Nothing => return false,
            Basis::Sources => &mut self.world,
            Basis::StopGap => stop_gap.insert(World::of(self.world.settings().clone(), self.stop_gap())),
            Basis::LastGood => match &mut self.last_good {
                Some(world) => world,
                None => return false,
            },
        };
        let delta = world.update();
        let compiled = begun.elapsed();
        let Some(ruleset) = world.ruleset() else { return false };
        let done = match delta {
            Delta::None | Delta::Elements(_) if self.must_compare => self.enforcer.apply(ruleset),
            Delta::None => Ok(Done::default()),
            Delta::Elements(round) => self.enforcer.follow(&round, ruleset),
            Delta::Structure if self.must_compare => self.enforcer.apply(ruleset),
            Delta::Structure => self.enforcer.change(ruleset),
        };
        match &done {
            Ok(done) => self.done(basis, done, compiled),
            Err(error) => self.failed(error),
        }
        done.is_ok()
    }

    /// Puts right what others changed, before anything else is done.
    fn repair(&mut self) -> Result<(), ApplyError> {
        let Some(by) = self.drift.suspect.take() else { return Ok(()) };
        self.must_compare = true;
        // What was adopted is known to the kernel only: once it is gone, what was kept takes its place.
        if self.enforcing == Enforcing::Adopted && self.enforcer.is_loaded().is_ok_and(|is_loaded| !is_loaded) {
            warn!(event = "drift", by, "what an earlier run left in the kernel was removed by others");
            self.enforcing = Enforcing::Nothing;
        }
        let repaired = match self.enforcer.repair() {
            Ok(n_ops) => n_ops,
            Err(error) => {
                self.drift.suspect = Some(by);
                return Err(error);
            }
        };
        if repaired > 0 {
            self.board.metrics.restored.inc();
            self.drift.repairs += 1;
            warn!(event = "drift-repaired", by, ops = repaired, "the tables were changed by others and are put right");
            self.drift.last = Some((by, Instant::now()));
        }
        Ok(())
    }
}

/// What the configuration only observes must not be overlooked.
fn say_observed(settings: &Settings) {
    for said in observing::configured(&settings.pods.observe) {
        warn!(event = "observing", "{said}");
    }
}
