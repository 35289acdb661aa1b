//! What an agent tells of itself, as the line of a monitoring plugin.

use super::{spoken, text};
use crate::agent::board::{Enforcing, Report};
use crate::report::plugin::{Line, PluginState, Range, Thresholds};

/// Seconds that a change may wait until it is in force, unless it is said otherwise.
const DEFAULTS: Thresholds = Thresholds { warning: Some(Range::up_to(60)), critical: Some(Range::up_to(300)) };

/// For how long it is a warning that somebody changed the tables.
const DRIFT_SECONDS: u64 = 900;

/// The line. Critical: nothing is enforced, or the last attempt to apply failed. A warning: not ready for another reason,
/// a source that is lost, others who changed the tables not long ago, a Lease that cannot be
/// written. The thresholds are those of the seconds that the
/// oldest change has waited.
pub fn nagios(report: &Report, thresholds: Thresholds) -> Line {
    let thresholds = thresholds.or(DEFAULTS);
    let pending = report.pending_seconds.unwrap_or_default();
    let lost: Vec<&str> =
        report.sources.iter().filter(|source| source.lost.is_some()).map(|source| source.name.as_str()).collect();
    let has_drifted = report.drift.age_seconds.is_some_and(|age| age < DRIFT_SECONDS);
    let has_lease_fault = report.lease.as_ref().is_some_and(|lease| lease.fault.is_some());
    let is_broken = report.enforcing == Enforcing::Nothing || report.last_failure.is_some();
    let least = if is_broken {
        PluginState::Critical
    } else if !report.ready || !lost.is_empty() || has_drifted || has_lease_fault {
        PluginState::Warning
    } else {
        PluginState::Ok
    };
    let age = report.generation_age_seconds.map(|age| format!(" for {}", spoken(age))).unwrap_or_default();
    let mut words = match &report.not_ready_because {
        Some(why) => format!("not ready: {why}"),
        None => format!("ready, generation {} in force{age}", report.generation),
    };
    if report.enforcing == Enforcing::Nothing {
        words.push_str(", nothing is enforced");
    }
    if !lost.is_empty() {
        words.push_str(", lost ");
        words.push_str(&lost.join(" and "));
    }
    if has_drifted {
        words.push_str(", others changed the tables");
    }
    if has_lease_fault {
        words.push_str(", its lease cannot be written");
    }
    let none = Thresholds::default();
    let number = |n: usize| n.to_string();
    let whole = text(report);
    Line::new(least.max(thresholds.judge(pending)), &words)
        .with("pending", &format!("{pending}s"), thresholds)
        .with("generation", &format!("{}c", report.generation), none)
        .with("failures", &report.failures.to_string(), none)
        .with("sources_lost", &number(lost.len()), none)
        .with("repairs", &format!("{}c", report.drift.repairs), none)
        .with("unknown_pods", &number(report.n_unknown_pods), none)
        .with("findings", &number(report.n_findings), none)
        .with("pods", &number(report.n_pods), none)
        .with("policies", &number(report.n_policies), none)
        .with_long(whole.lines())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::board::{DriftReport, LeaseReport, SourceReport};

    fn check(change: impl Fn(&mut Report)) -> (PluginState, String) {
        let mut report = Report { ready: true, enforcing: Enforcing::Sources, generation: 7, ..Report::default() };
        change(&mut report);
        let line = nagios(&report, Thresholds::default());
        (line.state(), line.print().split_once(" |").unwrap().0.to_owned())
    }

    #[test]
    fn what_keeps_policy_from_being_enforced_is_critical_and_what_may_is_a_warning() {
        let is = |state: PluginState, words: &str| (state, format!("PALISADE {} - {words}", state.word()));
        let ready = "ready, generation 7 in force";
        assert_eq!(check(|_| {}), is(PluginState::Ok, ready));
        assert_eq!(check(|report| report.pending_seconds = Some(60)).0, PluginState::Ok);
        assert_eq!(check(|report| report.pending_seconds = Some(61)).0, PluginState::Warning);
        assert_eq!(check(|report| report.pending_seconds = Some(301)).0, PluginState::Critical);
        assert_eq!(check(|report| report.last_failure = Some("no".to_owned())).0, PluginState::Critical);
        let nothing = check(|report| report.enforcing = Enforcing::Nothing);
        assert_eq!(nothing, is(PluginState::Critical, &format!("{ready}, nothing is enforced")));
        let waits = check(|report| (report.ready, report.not_ready_because) = (false, Some("waits".to_owned())));
        assert_eq!(waits, is(PluginState::Warning, "not ready: waits"));
        let source = SourceReport { name: "pods".to_owned(), lost: Some("gone".to_owned()), ..SourceReport::default() };
        let lost = check(|report| report.sources = vec![source.clone()]);
        assert_eq!(lost, is(PluginState::Warning, &format!("{ready}, lost pods")));
        let drift = |age| {
            check(move |report| {
                report.drift = DriftReport { repairs: 1, last: None, age_seconds: Some(age) };
            })
        };
        let fault = Some("403".to_owned());
        let lease = check(|report| report.lease = Some(LeaseReport { fault: fault.clone(), ..LeaseReport::default() }));
        assert_eq!(lease, is(PluginState::Warning, &format!("{ready}, its lease cannot be written")));
        assert_eq!([drift(899).0, drift(900).0], [PluginState::Warning, PluginState::Ok]);
    }
}
