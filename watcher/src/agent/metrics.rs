//! What the loop knows, as metrics. Every family has its line in [`FAMILIES`], which is also their reference.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family as Labelled;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A metric and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, with the suffix of a counter.
    pub name: &'static str,
    /// Counter, gauge or histogram, and its labels.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// Every metric of the agent.
pub const FAMILIES: [Family; 21] = [
    Family { name: "palisade_build_info", kind: "gauge `version`", help: "Always 1" },
    Family {
        name: "palisade_ready",
        kind: "gauge",
        help: "1 if every source has answered, a full apply is done, and the last attempt did not fail",
    },
    Family { name: "palisade_generation", kind: "gauge", help: "How many rulesets this agent has put in force" },
    Family {
        name: "palisade_last_success_timestamp_seconds",
        kind: "gauge",
        help: "When kernel and sources were known to agree last",
    },
    Family {
        name: "palisade_apply_seconds",
        kind: "histogram `phase`",
        help: "How long a batch took: `compile`, and `apply` in the kernel",
    },
    Family {
        name: "palisade_change_delay_seconds",
        kind: "histogram",
        help: "From when a source told of a change until it was in force",
    },
    Family {
        name: "palisade_apply_errors_total",
        kind: "counter",
        help: "Attempts that left the previous ruleset in force, or leftovers",
    },
    Family { name: "palisade_apply_failures", kind: "gauge", help: "Failed attempts since the last success" },
    Family {
        name: "palisade_foreign_changes_total",
        kind: "counter",
        help: "Commits of others that changed tables of palisade",
    },
    Family {
        name: "palisade_table_restored_total",
        kind: "counter",
        help: "Times that what others had changed was put right again",
    },
    Family {
        name: "palisade_notices_lost_total",
        kind: "counter",
        help: "Times that the kernel told of more commits than were listened to; everything is compared then",
    },
    Family {
        name: "palisade_conntrack_revoked_total",
        kind: "counter",
        help: "Live connections that were cut because policy no longer permits them",
    },
    Family { name: "palisade_source_events_total", kind: "counter `source`", help: "Messages of each source" },
    Family {
        name: "palisade_source_in_sync",
        kind: "gauge `source`",
        help: "1 if the source has answered and sees what there is",
    },
    Family {
        name: "palisade_findings",
        kind: "gauge `severity`",
        help: "What is wrong with objects, by `error` and `warning`",
    },
    Family {
        name: "palisade_host_rules_reverted_total",
        kind: "counter",
        help: "Times that host rules were taken back because nothing answered while they were in force",
    },
    Family {
        name: "palisade_host_rules_refused",
        kind: "gauge",
        help: "1 while host rules that were taken back are what a source says",
    },
    Family { name: "palisade_pods", kind: "gauge", help: "Pods that can be subject or peer" },
    Family { name: "palisade_policies", kind: "gauge", help: "Policies of every tier but the baseline" },
    Family {
        name: "palisade_unknown_pods",
        kind: "gauge",
        help: "Pods of this node whose addresses are not known yet",
    },
    Family {
        name: "palisade_snapshot_timestamp_seconds",
        kind: "gauge",
        help: "When the last-good snapshot was written",
    },
];

/// Labels: one, with a value from a fixed list.
type Labels = [(&'static str, String); 1];

/// Seconds since 1970, or of anything else.
type Float = Gauge<f64, AtomicU64>;

/// A part of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// From changes to a ruleset.
    Compile,
    /// From the ruleset to the kernel.
    Apply,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Apply => "apply",
        }
    }
}

/// The metrics; what each says stands in [`FAMILIES`].
#[derive(Debug)]
#[expect(missing_docs, reason = "what each says stands in the table")]
pub struct Metrics {
    registry: Registry,
    pub ready: Gauge,
    pub generation: Gauge,
    pub errors: Counter,
    pub failures: Gauge,
    pub foreign: Counter,
    pub restored: Counter,
    pub lost: Counter,
    pub revoked: Counter,
    pub host_reverted: Counter,
    pub host_refused: Gauge,
    pub pods: Gauge,
    pub policies: Gauge,
    pub unknown_pods: Gauge,
    last_success: Float,
    snapshot: Float,
    delay: Histogram,
    phases: Labelled<Labels, Histogram, fn() -> Histogram>,
    events: Labelled<Labels, Counter>,
    in_sync: Labelled<Labels, Gauge>,
    findings: Labelled<Labels, Gauge>,
}

impl Metrics {
    /// All of them, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let build: Labelled<Labels, Gauge> = Labelled::default();
        build.get_or_create(&[("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
        register(&mut registry, "palisade_build_info", build);
        let constructor: fn() -> Histogram = durations;
        Self {
            ready: register(&mut registry, "palisade_ready", Gauge::default()),
            generation: register(&mut registry, "palisade_generation", Gauge::default()),
            errors: register(&mut registry, "palisade_apply_errors_total", Counter::default()),
            failures: register(&mut registry, "palisade_apply_failures", Gauge::default()),
            foreign: register(&mut registry, "palisade_foreign_changes_total", Counter::default()),
            restored: register(&mut registry, "palisade_table_restored_total", Counter::default()),
            lost: register(&mut registry, "palisade_notices_lost_total", Counter::default()),
            revoked: register(&mut registry, "palisade_conntrack_revoked_total", Counter::default()),
            host_reverted: register(&mut registry, "palisade_host_rules_reverted_total", Counter::default()),
            host_refused: register(&mut registry, "palisade_host_rules_refused", Gauge::default()),
            pods: register(&mut registry, "palisade_pods", Gauge::default()),
            policies: register(&mut registry, "palisade_policies", Gauge::default()),
            unknown_pods: register(&mut registry, "palisade_unknown_pods", Gauge::default()),
            last_success: register(&mut registry, "palisade_last_success_timestamp_seconds", Float::default()),
            snapshot: register(&mut registry, "palisade_snapshot_timestamp_seconds", Float::default()),
            delay: register(&mut registry, "palisade_change_delay_seconds", durations()),
            phases: register(&mut registry, "palisade_apply_seconds", Labelled::new_with_constructor(constructor)),
            events: register(&mut registry, "palisade_source_events_total", Labelled::default()),
            in_sync: register(&mut registry, "palisade_source_in_sync", Labelled::default()),
            findings: register(&mut registry, "palisade_findings", Labelled::default()),
            registry,
        }
    }

    /// As Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _: std::fmt::Result = encode(&mut text, &self.registry);
        text
    }

    /// Kernel and sources agree at this moment.
    pub fn succeeded(&self) {
        self.last_success.set(now());
    }

    /// The last-good snapshot was written.
    pub fn kept(&self) {
        self.snapshot.set(now());
    }

    /// A part of a batch took so long.
    pub fn took(&self, phase: Phase, time: Duration) {
        self.phases.get_or_create(&[("phase", phase.word().to_owned())]).observe(time.as_secs_f64());
    }

    /// A change was in force so long after it was told.
    pub fn delayed(&self, time: Duration) {
        self.delay.observe(time.as_secs_f64());
    }

    /// A source told something.
    pub fn event(&self, source: &str) {
        self.events.get_or_create(&[("source", source.to_owned())]).inc();
    }

    /// Whether a source sees what there is.
    pub fn source(&self, source: &str, is_in_sync: bool) {
        self.in_sync.get_or_create(&[("source", source.to_owned())]).set(i64::from(is_in_sync));
    }

    /// How many findings there are.
    pub fn count_findings(&self, severity: &'static str, n: usize) {
        self.findings.get_or_create(&[("severity", severity.to_owned())]).set(i64::try_from(n).unwrap_or(i64::MAX));
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_served_and_the_reference_name_the_same_metrics() {
        let metrics = Metrics::new();
        // What has a label is served from its first value on.
        metrics.took(Phase::Compile, Duration::ZERO);
        metrics.event("a");
        metrics.source("a", true);
        metrics.count_findings("error", 0);
        let text = metrics.text();
        let help = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
        let types: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let served: BTreeSet<String> = help
            .map(|line| {
                let (name, help) = line.split_once(' ').unwrap();
                assert!(!help.trim_end_matches('.').is_empty(), "{name} has no help");
                let is_counter = types.contains(&format!("{name} counter").as_str());
                if is_counter { format!("{name}_total") } else { name.to_owned() }
            })
            .collect();
        let listed: BTreeSet<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
        assert_eq!(served, listed);
    }
}
