//! What the loop posts for operators after each step.

use std::collections::BTreeSet;
use std::time::Instant;

use engine::compile::failsafe::FailsafePorts;
use engine::compile::options::{Mode, Observe};
use engine::inventory::Inventory;
use engine::kernel::Kernel;
use policy_lang::diagnostic::Severity;
use tracing::warn;

use super::super::asked::Whom;
use super::super::board::{DoctorReport, DriftReport, Enforcing, LISTED, PauseReport, Report, SourceReport};
use super::super::event::{Finding, SourceName};
use super::super::gate::State;
use super::super::pause::{Lasting, Now};
use super::Agent;
use crate::observing;

/// The version of the report's form.
const VERSION: u32 = 1;

/// What is counted only when it may have changed.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) are_stale: bool,
    n_pods: usize,
    n_policies: usize,
    n_unknown_pods: usize,
    unknown_pods: Vec<String>,
    n_findings: usize,
    findings: Vec<String>,
    /// What was logged already.
    said: BTreeSet<String>,
}

impl<K: Kernel> Agent<K> {
    pub(super) fn post(&mut self, now: Instant) {
        if std::mem::take(&mut self.counts.are_stale) {
            self.count();
        }
        let age = |at: Instant| now.saturating_duration_since(at).as_secs();
        let not_ready_because = self.not_ready_because();
        let sources = self.gate.sources().iter().map(|(name, state)| source(name, state, now)).collect();
        for (name, state) in self.gate.sources() {
            self.board.metrics.source(name.as_str(), state.has_answered && state.lost.is_none());
        }
        self.board.metrics.host_refused.set(i64::from(self.host.refusal().is_some()));
        let pending = self.oldest.map(|at| now.saturating_duration_since(at));
        self.board.metrics.pending(pending.unwrap_or_default());
        self.board.metrics.enforces(self.enforcing);
        self.board.metrics.owner.set(i64::from(self.enforcer.is_owner()));
        let drift = DriftReport {
            repairs: self.drift.repairs,
            last: self.drift.last.as_ref().map(|(by, _)| by.clone()),
            age_seconds: self.drift.last.as_ref().map(|(_, at)| age(*at)),
        };
        let observe = &self.world.settings().pods.observe;
        let observing = observing::configured(&Observe { pauses: Vec::new(), ..observe.clone() });
        let pauses = self.post_pauses();
        let counts = &self.counts;
        let failsafes = &self.world.settings().failsafes;
        self.board.post(Report {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.world.settings().node.clone(),
            process: std::process::id(),
            ready: not_ready_because.is_none(),
            not_ready_because,
            enforcing: self.enforcing,
            generation: self.generation,
            generation_age_seconds: self.put_in_force.map(age),
            pending_seconds: pending.map(|time| time.as_secs()),
            owner: self.enforcer.is_owner(),
            sources,
            failures: self.schedule.n_failures(),
            last_failure: self.last_failure.clone(),
            host: self.host.report(),
            failsafe_input: words(&failsafes.input),
            failsafe_output: words(&failsafes.output),
            drift,
            n_unknown_pods: counts.n_unknown_pods,
            unknown_pods: counts.unknown_pods.clone(),
            n_findings: counts.n_findings,
            findings: counts.findings.clone(),
            n_pods: counts.n_pods,
            n_policies: counts.n_policies,
            doctor: DoctorReport::new(&self.board.examined(), now),
            observing,
            pauses,
            lease: self.board.lease(now),
        });
    }

    fn post_pauses(&self) -> Vec<PauseReport> {
        let metrics = &self.board.metrics;
        let Observe { mode, namespaces, pauses: _ } = &self.world.settings().pods.observe;
        metrics.observes("node", *mode == Mode::Observe);
        metrics.observes("namespaces", !namespaces.is_empty());
        let now = Now::read();
        let pause = |pause: &Lasting| {
            let Lasting { whom, by, .. } = pause;
            PauseReport { whom: whom.clone(), seconds_left: pause.rest(now).as_secs(), by: by.clone() }
        };
        let pauses: Vec<PauseReport> = self.pauses.lasting().iter().map(pause).collect();
        let longest = |is_node: bool| {
            let of_scope = pauses.iter().filter(|pause| (pause.whom == Whom::Node) == is_node);
            of_scope.map(|pause| pause.seconds_left).max().unwrap_or(0)
        };
        metrics.pauses("node", longest(true));
        metrics.pauses("namespace", longest(false));
        pauses
    }

    fn not_ready_because(&self) -> Option<String> {
        if let Some(failure) = &self.last_failure {
            return Some(format!("the last attempt to apply failed: {failure}"));
        }
        let silent: Vec<&str> = self.gate.silent().map(SourceName::as_str).collect();
        if !silent.is_empty() {
            let waits = format!("waits for {}", silent.join(", "));
            let unknown: Vec<&str> = self.host.unknown().collect();
            // What was adopted may hold them still.
            return Some(if self.enforcing == Enforcing::LastGood && !unknown.is_empty() {
                format!("{waits}: {} are not known and not in force, as none were ever good here", unknown.join(", "))
            } else {
                waits
            });
        }
        if let Some(refusal) = self.host.refusal() {
            return Some(refusal.to_owned());
        }
        (self.enforcing != Enforcing::Sources).then(|| "what the sources say is not in force yet".to_owned())
    }

    fn count(&mut self) {
        if let Some(in_force) = self.enforcer.in_force() {
            self.board.metrics.size.measure(in_force);
        }
        self.board.metrics.over_budget.set(number(self.world.n_over_budget()));
        let is_open = self.gate.is_open();
        let Some((policies, inventory)) = self.world.compiled_facts().filter(|_| is_open) else {
            return self.count_findings();
        };
        let local = self.world.local_pods().map(|(name, pod)| (name.clone(), pod.clone())).collect();
        self.board.post_local_pods(Inventory { pods: local, ..Inventory::default() });
        let unknown = || self.world.local_pods().filter(|(_, pod)| pod.addresses.is_empty()).map(|(name, _)| name);
        let counts = Counts {
            n_pods: inventory.pods.len(),
            n_policies: policies.iter().filter(|policy| !crate::source::is_of_baseline(policy.tier)).count(),
            n_unknown_pods: unknown().count(),
            unknown_pods: unknown().take(LISTED).map(ToString::to_string).collect(),
            said: std::mem::take(&mut self.counts.said),
            ..Counts::default()
        };
        self.counts = counts;
        let metrics = &self.board.metrics;
        metrics.pods.set(number(self.counts.n_pods));
        metrics.policies.set(number(self.counts.n_policies));
        metrics.unknown_pods.set(number(self.counts.n_unknown_pods));
        self.count_findings();
    }

    /// Those of the sources, of the compile, and what is enforced in the place of something else.
    fn count_findings(&mut self) {
        let of_sources = self.findings.values().flatten().map(|finding| (finding.severity, line(finding)));
        let of_compile = self.world.findings();
        let of_compile = of_compile.iter().map(|finding| (finding.severity, line(finding)));
        let faults = self.baseline.fault.iter().chain(&self.world.host_fault).map(String::as_str);
        let faults = faults.chain(self.host.faults());
        let faults = faults.map(|fault| (Severity::Error, format!("error: {fault}")));
        let ours: Vec<(Severity, String)> = faults.chain(of_compile).collect();
        // Sources' own findings are logged when they come.
        for (severity, line) in &ours {
            if !self.counts.said.contains(line) && *severity != Severity::Note {
                warn!(event = "finding", "{line}");
            }
        }
        let said = ours.iter().map(|(_, line)| line.clone()).collect();
        let all: Vec<(Severity, String)> = ours.into_iter().chain(of_sources).collect();
        for (severity, word) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
            let n = all.iter().filter(|(found, _)| *found == severity).count();
            self.board.metrics.count_findings(word, n);
        }
        let is_broken = |findings: &&Vec<Finding>| findings.iter().any(|finding| finding.severity == Severity::Error);
        self.board.metrics.broken.set(number(self.findings.values().filter(is_broken).count()));
        self.counts.said = said;
        self.counts.n_findings = all.len();
        self.counts.findings = all.into_iter().take(LISTED).map(|(_, line)| line).collect();
    }
}

fn source(name: &SourceName, state: &State, now: Instant) -> SourceReport {
    let State { has_answered, lost, heard } = state;
    SourceReport {
        name: name.to_string(),
        in_sync: *has_answered && lost.is_none(),
        age_seconds: heard.map(|at| now.saturating_duration_since(at).as_secs()),
        lost: lost.clone(),
    }
}

fn words(ports: &[FailsafePorts]) -> Vec<String> {
    ports.iter().map(ToString::to_string).collect()
}

fn line(finding: &Finding) -> String {
    let Finding { severity, code, place, message } = finding;
    let place = place.as_deref().map(|place| format!("{place}: ")).unwrap_or_default();
    format!("{severity}[{code}]: {place}{message}")
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
