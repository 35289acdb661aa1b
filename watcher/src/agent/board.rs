//! What the loop lets others see: written by one thread after each step, read by whoever serves operators.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::inventory::Inventory;
use serde::{Deserialize, Serialize};

use super::asked::Whom;
use super::examine::Examined;
use super::metrics::Metrics;
use crate::doctor::Examination;

/// How long the loop may be silent until it counts as stuck. The largest apply that was measured took seconds; a probe
/// that kills a busy agent helps nobody.
pub const STUCK: Duration = Duration::from_secs(300);

/// Most findings and pods that are listed; more are only counted.
pub const LISTED: usize = 100;

/// What is enforced.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcing {
    /// Nothing is loaded.
    #[default]
    Nothing,
    /// What an earlier run left in the kernel.
    Adopted,
    /// The last-good snapshot, or that in place of sources that are silent.
    LastGood,
    /// What the sources say.
    Sources,
}

impl Enforcing {
    /// As it is in the report and in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Adopted => "adopted",
            Self::LastGood => "last-good",
            Self::Sources => "sources",
        }
    }
}

/// What `palisade status --agent` tells, described in docs/reference/agent-status-json.md.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this form.
    pub version: u32,
    /// The version of the program.
    pub program: String,
    /// The node.
    pub node: String,
    /// The process.
    pub process: u32,
    /// Whether it is ready.
    pub ready: bool,
    /// Why it is not.
    pub not_ready_because: Option<String>,
    /// What is enforced.
    pub enforcing: Enforcing,
    /// How many rulesets this agent has put in force.
    pub generation: u64,
    /// For how many seconds the last one has been.
    pub generation_age_seconds: Option<u64>,
    /// For how many seconds the oldest change that a source told has not been in force.
    #[serde(default)]
    pub pending_seconds: Option<u64>,
    /// Whether the kernel keeps others from changing the tables.
    pub owner: bool,
    /// The sources.
    pub sources: Vec<SourceReport>,
    /// Failed attempts since the last success.
    pub failures: u32,
    /// Why the last attempt failed.
    pub last_failure: Option<String>,
    /// The sources of host rules.
    pub host: Vec<HostReport>,
    /// Ports of this node that host rules cannot close.
    pub failsafe_input: Vec<String>,
    /// Ports of others that they cannot cut off.
    pub failsafe_output: Vec<String>,
    /// What others changed.
    pub drift: DriftReport,
    /// How many pods of this node have no known address yet.
    pub n_unknown_pods: usize,
    /// The first of them.
    pub unknown_pods: Vec<String>,
    /// How many findings there are.
    pub n_findings: usize,
    /// The first of them.
    pub findings: Vec<String>,
    /// Pods that can be subject or peer.
    pub n_pods: usize,
    /// Policies of every tier but the baseline.
    pub n_policies: usize,
    /// What `palisade doctor` says of the node.
    #[serde(default)]
    pub doctor: DoctorReport,
    /// What the configuration only observes, in words.
    #[serde(default)]
    pub observing: Vec<String>,
    /// Whose denials are lifted for a while.
    #[serde(default)]
    pub pauses: Vec<PauseReport>,
    /// The Lease of this node, where there is to be one.
    #[serde(default)]
    pub lease: Option<LeaseReport>,
}

/// What became of the Lease that says which generation is programmed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseReport {
    /// Its namespace and name.
    pub name: String,
    /// How many seconds ago it was written last.
    pub age_seconds: Option<u64>,
    /// Why it was not written at the last attempt.
    pub fault: Option<String>,
}

/// The same as whoever writes it tells it.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Its namespace and name.
    pub name: String,
    /// When it was written last.
    pub written: Option<Instant>,
    /// Why it was not at the last attempt.
    pub fault: Option<String>,
}

/// One pause.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseReport {
    /// Whose denials are lifted.
    pub whom: Whom,
    /// How many seconds are left.
    pub seconds_left: u64,
    /// Who asked for it.
    pub by: String,
}

/// What would make enforcement a lie or a lock-out.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// How many seconds ago the node was looked at last.
    pub age_seconds: Option<u64>,
    /// How many things were found.
    pub n_found: usize,
    /// The first of them, the worst first.
    pub found: Vec<FoundReport>,
    /// What could not be looked at, and why.
    pub not_looked_at: Vec<String>,
}

/// One thing that was found.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundReport {
    /// Its code.
    pub code: String,
    /// How bad it is.
    pub severity: String,
    /// What was found.
    pub message: String,
    /// What mends it.
    pub fix: Vec<String>,
}

impl DoctorReport {
    /// As of this moment.
    pub fn new(examined: &Examined, now: Instant) -> Self {
        let Examined { examination: Examination { findings, gaps }, at } = examined;
        let found = findings.iter().take(LISTED).map(|finding| FoundReport {
            code: finding.code.word().to_owned(),
            severity: finding.code.severity().to_string(),
            message: finding.message.clone(),
            fix: finding.fix.clone(),
        });
        Self {
            age_seconds: at.map(|at| now.saturating_duration_since(at).as_secs()),
            n_found: findings.len(),
            found: found.collect(),
            not_looked_at: gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.why)).collect(),
        }
    }
}

/// One source.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Whether it has answered and sees what there is.
    pub in_sync: bool,
    /// How many seconds ago it told something.
    pub age_seconds: Option<u64>,
    /// Why it sees nothing.
    pub lost: Option<String>,
}

/// The host rules of one source.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// Its name.
    pub source: String,
    /// What became of them.
    pub state: HostState,
    /// Why other rules are in force than were told last.
    pub fault: Option<String>,
}

/// What became of the host rules that a source told last.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// It has not told anything.
    #[default]
    Silent,
    /// It has none, and never had.
    Absent,
    /// They are in force as written.
    Good,
    /// It is found out whether something answers before they are put in force.
    Asking,
    /// They are in force, and taken back unless something answers in time.
    OnTrial,
    /// They are in force, and nothing answered before them either.
    Unproven,
    /// They are broken or gone, and the last good ones are in force.
    LastGood,
    /// They are broken, no others were ever good, and the node is closed to what is new.
    Closed,
    /// Nothing answered while they were in force: they were taken back.
    Refused,
}

/// What others changed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// How often it was put right again.
    pub repairs: u64,
    /// The last that somebody changed, and who.
    pub last: Option<String>,
    /// How many seconds ago.
    pub age_seconds: Option<u64>,
}

/// What is shared.
#[derive(Debug)]
pub struct Board {
    /// The metrics.
    pub metrics: Metrics,
    report: Mutex<Arc<Report>>,
    examined: Mutex<Arc<Examined>>,
    local_pods: Mutex<Option<Inventory>>,
    lease: Mutex<Option<Leased>>,
    begun: Instant,
    /// When the loop was last seen alive, in milliseconds since the beginning.
    pulse: AtomicU64,
}

impl Board {
    /// One of an agent that has not begun.
    pub fn new() -> Self {
        let starting = Report { not_ready_because: Some("it is starting".to_owned()), ..Report::default() };
        let report = Mutex::new(Arc::new(starting));
        Self {
            metrics: Metrics::new(),
            report,
            examined: Mutex::default(),
            local_pods: Mutex::default(),
            lease: Mutex::default(),
            begun: Instant::now(),
            pulse: AtomicU64::new(0),
        }
    }

    /// The loop is alive.
    pub fn beat(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.pulse.store(since, Ordering::Relaxed);
    }

    /// Whether the loop was alive not long ago.
    pub fn is_alive(&self) -> bool {
        let pulse = Duration::from_millis(self.pulse.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(pulse) < STUCK
    }

    /// Everything has changed to this.
    pub fn post(&self, report: Report) {
        self.metrics.ready.set(i64::from(report.ready));
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(report);
    }

    /// The node was examined.
    pub fn post_examined(&self, examined: Examined) {
        *self.examined.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(examined);
    }

    /// What was found last.
    pub fn examined(&self) -> Arc<Examined> {
        Arc::clone(&self.examined.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The pods of this node are these.
    pub fn post_local_pods(&self, pods: Inventory) {
        *self.local_pods.lock().unwrap_or_else(PoisonError::into_inner) = Some(pods);
    }

    /// The pods of this node, once they are known.
    pub fn local_pods(&self) -> Option<Inventory> {
        self.local_pods.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The Lease was written, or not.
    pub fn post_lease(&self, lease: Leased) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
    }

    /// The Lease, as of this moment.
    pub fn lease(&self, now: Instant) -> Option<LeaseReport> {
        let lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lease.map(|Leased { name, written, fault }| {
            let age_seconds = written.map(|at| now.saturating_duration_since(at).as_secs());
            LeaseReport { name, age_seconds, fault }
        })
    }

    /// What was posted last.
    pub fn report(&self) -> Arc<Report> {
        Arc::clone(&self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}
