//! What the loop knows, as metrics. Every family has its line in [`FAMILIES`], which is also their reference.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use engine::apply::{ApplyError, Phase as ApplyPhase};
use engine::kernel::KernelError;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Labelled;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub use self::exposition::Exposition;
pub use self::families::{FAMILIES, Family};
pub use self::machine::Machine;
pub use self::packets::Packets;
pub use self::size::Size;
use super::board::Enforcing;
use crate::doctor::{CODES, Definition, Examination};

mod exposition;
mod families;
mod machine;
mod packets;
mod size;

/// Labels: one, with a value from a fixed list.
type Labels = [(&'static str, String); 1];

/// Two of the same kind.
type CodeLabels = [(&'static str, String); 2];

/// Seconds since 1970, or of anything else.
type Float = Gauge<f64, AtomicU64>;

/// How long something took, by one label.
type Durations = Labelled<Labels, Histogram, fn() -> Histogram>;

/// A part of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// From changes to a ruleset.
    Compile,
    /// From the ruleset to the kernel.
    Apply,
    /// A part of that.
    Part(ApplyPhase),
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Apply => "apply",
            Self::Part(ApplyPhase::Observe) => "observe",
            Self::Part(ApplyPhase::Fill) => "fill",
            Self::Part(ApplyPhase::Flip) => "flip",
            Self::Part(ApplyPhase::Collect) => "collect",
        }
    }
}

/// Where a pod is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Whereabouts {
    /// On this node.
    Local,
    /// On another.
    Remote,
}

/// The metrics; what each says stands in [`FAMILIES`].
#[derive(Debug)]
#[expect(missing_docs, reason = "what each says stands in the table")]
pub struct Metrics {
    registry: Registry,
    pub ready: Gauge,
    pub owner: Gauge,
    pub generation: Gauge,
    pub failures: Gauge,
    pub size: Size,
    pub foreign: Counter,
    pub restored: Counter,
    pub lost: Counter,
    pub revoked: Counter,
    pub cut: Gauge,
    pub cut_again: Counter,
    pub host_reverted: Counter,
    pub host_refused: Gauge,
    pub broken: Gauge,
    pub over_budget: Gauge,
    pub pods: Gauge,
    pub policies: Gauge,
    pub unknown_pods: Gauge,
    pub bridges: Gauge,
    pub lease_errors: Counter,
    pub packets: Packets,
    pub machine: Machine,
    enforcing: Labelled<Labels, Gauge>,
    put_in_force: Float,
    last_success: Float,
    pending: Float,
    snapshot: Float,
    lease: Float,
    delay: Histogram,
    pod_delay: Durations,
    phases: Durations,
    errors: Labelled<Labels, Counter>,
    events: Labelled<Labels, Counter>,
    in_sync: Labelled<Labels, Gauge>,
    findings: Labelled<Labels, Gauge>,
    doctor: Labelled<CodeLabels, Gauge>,
    observing: Labelled<Labels, Gauge>,
    pauses: Labelled<Labels, Gauge>,
}

impl Metrics {
    /// All of them, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let to = &mut registry;
        let build: Labelled<Labels, Gauge> = Labelled::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        register(to, "palisade_build_info", build);
        let constructor: fn() -> Histogram = durations;
        let errors: Labelled<Labels, Counter> = Labelled::default();
        // An alert on a rise from nothing sees no rise.
        for reason in REASONS {
            drop(errors.get_or_create(&[("reason", reason.to_owned())]));
        }
        Self {
            ready: register(to, "palisade_ready", Gauge::default()),
            owner: register(to, "palisade_owner", Gauge::default()),
            generation: register(to, "palisade_generation", Gauge::default()),
            failures: register(to, "palisade_apply_failures", Gauge::default()),
            size: Size::new(to),
            foreign: register(to, "palisade_foreign_changes_total", Counter::default()),
            restored: register(to, "palisade_table_restored_total", Counter::default()),
            lost: register(to, "palisade_notices_lost_total", Counter::default()),
            revoked: register(to, "palisade_conntrack_revoked_total", Counter::default()),
            cut: register(to, "palisade_conntrack_cut", Gauge::default()),
            cut_again: register(to, "palisade_conntrack_cut_again_total", Counter::default()),
            host_reverted: register(to, "palisade_host_rules_reverted_total", Counter::default()),
            host_refused: register(to, "palisade_host_rules_refused", Gauge::default()),
            broken: register(to, "palisade_broken_objects", Gauge::default()),
            over_budget: register(to, "palisade_namespaces_over_budget", Gauge::default()),
            pods: register(to, "palisade_pods", Gauge::default()),
            policies: register(to, "palisade_policies", Gauge::default()),
            unknown_pods: register(to, "palisade_unknown_pods", Gauge::default()),
            bridges: register(to, "palisade_bridges_unfiltered", Gauge::default()),
            lease_errors: register(to, "palisade_lease_errors_total", Counter::default()),
            packets: Packets::new(to),
            machine: Machine::new(to),
            enforcing: register(to, "palisade_enforcing", Labelled::default()),
            put_in_force: register(to, "palisade_generation_timestamp_seconds", Float::default()),
            last_success: register(to, "palisade_last_success_timestamp_seconds", Float::default()),
            pending: register(to, "palisade_pending_seconds", Float::default()),
            snapshot: register(to, "palisade_snapshot_timestamp_seconds", Float::default()),
            lease: register(to, "palisade_lease_timestamp_seconds", Float::default()),
            delay: register(to, "palisade_change_delay_seconds", durations()),
            pod_delay: register(to, "palisade_pod_program_delay_seconds", Labelled::new_with_constructor(constructor)),
            phases: register(to, "palisade_apply_seconds", Labelled::new_with_constructor(constructor)),
            errors: register(to, "palisade_apply_errors_total", errors),
            events: register(to, "palisade_source_events_total", Labelled::default()),
            in_sync: register(to, "palisade_source_in_sync", Labelled::default()),
            findings: register(to, "palisade_findings", Labelled::default()),
            doctor: register(to, "palisade_doctor_findings", Labelled::default()),
            observing: register(to, "palisade_observing", Labelled::default()),
            pauses: register(to, "palisade_pause_seconds_left", Labelled::default()),
            registry,
        }
    }

    /// As Prometheus reads it.
    pub fn text(&self, exposition: Exposition) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _: std::fmt::Result = encode(&mut text, &self.registry);
        exposition.of(text)
    }

    /// This is enforced.
    pub fn enforces(&self, what: Enforcing) {
        for one in [Enforcing::Nothing, Enforcing::Adopted, Enforcing::LastGood, Enforcing::Sources] {
            self.enforcing.get_or_create(&[("what", one.word().to_owned())]).set(i64::from(one == what));
        }
    }

    /// Whether the configuration only observes.
    pub fn observes(&self, scope: &'static str, does: bool) {
        self.observing.get_or_create(&[("scope", scope.to_owned())]).set(i64::from(does));
    }

    /// How long pauses last.
    pub fn pauses(&self, scope: &'static str, seconds: u64) {
        self.pauses.get_or_create(&[("scope", scope.to_owned())]).set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// A ruleset of this number was put in force at this moment.
    pub fn put_in_force(&self, generation: u64) {
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.put_in_force.set(now());
    }

    /// Kernel and sources agree at this moment.
    pub fn succeeded(&self) {
        self.last_success.set(now());
    }

    /// The oldest change that is not in force has waited so long.
    pub fn pending(&self, time: Duration) {
        self.pending.set(time.as_secs_f64());
    }

    /// The last-good snapshot was written.
    pub fn kept(&self) {
        self.snapshot.set(now());
    }

    /// The Lease was written.
    pub fn lease_written(&self) {
        self.lease.set(now());
    }

    /// A part of a batch took so long.
    pub fn took(&self, phase: Phase, time: Duration) {
        self.phases.get_or_create(&[("phase", phase.word().to_owned())]).observe(time.as_secs_f64());
    }

    /// A change was in force so long after it was told.
    pub fn delayed(&self, time: Duration) {
        self.delay.observe(time.as_secs_f64());
    }

    /// A pod's address was in force so long after it was told.
    pub fn pod_delayed(&self, whereabouts: Whereabouts, time: Duration) {
        let word = match whereabouts {
            Whereabouts::Local => "local",
            Whereabouts::Remote => "remote",
        };
        self.pod_delay.get_or_create(&[("pod", word.to_owned())]).observe(time.as_secs_f64());
    }

    /// An attempt failed.
    pub fn failed(&self, error: &ApplyError) {
        self.errors.get_or_create(&[("reason", reason(error).to_owned())]).inc();
    }

    /// A source told something.
    pub fn event(&self, source: &str) {
        self.events.get_or_create(&[("source", source.to_owned())]).inc();
    }

    /// Whether a source sees what there is.
    pub fn source(&self, source: &str, is_in_sync: bool) {
        self.in_sync.get_or_create(&[("source", source.to_owned())]).set(i64::from(is_in_sync));
    }

    /// The node was examined. A code that is not found is served too, as 0.
    pub fn examined(&self, examination: &Examination) {
        for Definition { code, word, severity, .. } in CODES {
            let n = examination.findings.iter().filter(|finding| finding.code == *code).count();
            let labels = [("code", (*word).to_owned()), ("severity", severity.to_string())];
            self.doctor.get_or_create(&labels).set(number(n));
        }
    }

    /// How many findings there are.
    pub fn count_findings(&self, severity: &'static str, n: usize) {
        self.findings.get_or_create(&[("severity", severity.to_owned())]).set(number(n));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Every answer of [`reason`].
const REASONS: [&str; 9] =
    ["conflict", "moving", "too-large", "rejected", "denied", "io", "unknown", "stopped", "endless"];

/// Why an attempt failed, in a word.
fn reason(error: &ApplyError) -> &'static str {
    match error {
        ApplyError::Kernel { source, .. } => match source {
            KernelError::Conflict { .. } => "conflict",
            KernelError::Moving { .. } => "moving",
            KernelError::TooLarge { .. } => "too-large",
            KernelError::Rejected(_) => "rejected",
            KernelError::Denied(_) => "denied",
            KernelError::Io(_) | KernelError::Malformed(_) => "io",
            KernelError::Unknown => "unknown",
        },
        ApplyError::Stopped { .. } => "stopped",
        ApplyError::Endless => "endless",
    }
}

/// Registers under the help of the table; the library adds the suffix of a counter itself.
fn register<M: prometheus_client::registry::Metric + Clone>(registry: &mut Registry, name: &str, metric: M) -> M {
    let help = FAMILIES.iter().find(|family| family.name == name).map(|family| family.help).unwrap_or_default();
    registry.register(name.strip_suffix("_total").unwrap_or(name), help, metric.clone());
    metric
}

/// From a millisecond to half a minute.
fn durations() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
