//! What an agent tells of itself, for people.

pub use self::plugin::nagios;
use crate::agent::board::{
    DoctorReport, DriftReport, Enforcing, FoundReport, HostReport, HostState, LeaseReport, PauseReport, Report,
    SourceReport,
};
use crate::visible;

mod plugin;

/// Lines for people; the first says whether all is well.
pub fn text(report: &Report) -> String {
    let mut lines = vec![match &report.not_ready_because {
        None => format!("ready: node {}", report.node),
        Some(why) => format!("not ready: node {}: {why}", report.node),
    }];
    let age = report.generation_age_seconds.map(|age| format!(", in force for {}", spoken(age))).unwrap_or_default();
    let what = match report.enforcing {
        Enforcing::Nothing => "nothing is enforced",
        Enforcing::Adopted => "enforced is what an earlier run left in the kernel",
        Enforcing::LastGood => "enforced is the last-good snapshot, where sources are silent",
        Enforcing::Sources => "enforced is what the sources say",
    };
    lines.push(format!("{what}: generation {}{age}", report.generation));
    let owner = if report.owner { "only this agent can change the tables" } else { "others can change the tables" };
    if let Some(pending) = report.pending_seconds {
        lines.push(format!("a change that a source told waits for {}", spoken(pending)));
    }
    lines.push(format!("process {}, palisade {}: {owner}", report.process, report.program));
    lines.push(format!("{} pods, {} policies", report.n_pods, report.n_policies));
    lines.extend(report.observing.iter().cloned());
    lines.extend(report.pauses.iter().map(|pause| {
        let PauseReport { whom, seconds_left, by } = pause;
        format!("paused: {whom}, for another {}, by {by}", spoken(*seconds_left))
    }));
    lines.extend(report.sources.iter().map(source));
    lines.extend(report.host.iter().map(host));
    if !report.host.is_empty() {
        let list = |ports: &[String]| if ports.is_empty() { "none".to_owned() } else { ports.join(", ") };
        let (input, output) = (list(&report.failsafe_input), list(&report.failsafe_output));
        lines.push(format!("failsafe ports: in {input}; out {output}"));
    }
    lines.extend(report.lease.as_ref().map(lease));
    lines.push(drift(&report.drift));
    if let Some(failure) = &report.last_failure {
        lines.push(format!("failed {} times since the last success: {failure}", report.failures));
    }
    lines.extend(list("pods of this node without a known address", report.n_unknown_pods, &report.unknown_pods));
    lines.extend(list("findings", report.n_findings, &report.findings));
    lines.extend(doctor(&report.doctor));
    // Names, and what servers and processes say of themselves, are no lines of this report.
    lines.iter().fold(String::new(), |text, line| text + &visible::line(line) + "\n")
}

fn source(source: &SourceReport) -> String {
    let SourceReport { name, in_sync, age_seconds, lost } = source;
    let heard = age_seconds.map_or_else(|| "never heard".to_owned(), |age| format!("heard {} ago", spoken(age)));
    match (in_sync, lost) {
        (true, _) => format!("source {name}: in sync, {heard}"),
        (false, Some(why)) => format!("source {name}: lost, {heard}: {why}"),
        (false, None) => format!("source {name}: has not answered, {heard}"),
    }
}

fn host(host: &HostReport) -> String {
    let HostReport { source, state, fault } = host;
    let state = match state {
        HostState::Silent => "not told yet",
        HostState::Absent => "none",
        HostState::Good => "in force as written",
        HostState::Asking => "it is found out what answers before they are in force",
        HostState::OnTrial => "in force on trial: taken back unless something answers in time",
        HostState::Unproven => "in force, and unproven: nothing answered before them either",
        HostState::LastGood => "the last good ones are in force",
        HostState::Closed => "none were ever good: the node is closed to what is new",
        HostState::Refused => "taken back",
    };
    let fault = fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
    format!("host rules of {source}: {state}{fault}")
}

fn lease(lease: &LeaseReport) -> String {
    let LeaseReport { name, age_seconds, fault } = lease;
    let written = age_seconds.map_or_else(|| "never written".to_owned(), |age| format!("written {} ago", spoken(age)));
    let fault = fault.as_ref().map(|fault| format!("; it cannot be written: {fault}")).unwrap_or_default();
    format!("lease {name}: {written}{fault}")
}

fn drift(drift: &DriftReport) -> String {
    let DriftReport { repairs, last, age_seconds } = drift;
    match (last, age_seconds) {
        (Some(by), Some(age)) => format!("changes by others put right: {repairs}, last {} ago, by {by}", spoken(*age)),
        (Some(_) | None, _) => format!("changes by others put right: {repairs}"),
    }
}

/// `palisade doctor` on the node says more of each.
fn doctor(doctor: &DoctorReport) -> Vec<String> {
    let DoctorReport { age_seconds, n_found, found, not_looked_at } = doctor;
    let Some(age) = age_seconds else { return Vec::new() };
    let found =
        found.iter().map(|FoundReport { code, severity, message, fix: _ }| format!("{severity}[{code}]: {message}"));
    let mut lines = list(&format!("palisade doctor, {} ago", spoken(*age)), *n_found, &found.collect::<Vec<_>>());
    lines.extend(list("palisade doctor could not look at", not_looked_at.len(), not_looked_at));
    lines
}

fn list(what: &str, n: usize, first: &[String]) -> Vec<String> {
    if n == 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("{what}: {n}")];
    lines.extend(first.iter().map(|item| format!("  {item}")));
    if n > first.len() {
        lines.push(format!("  and {} more", n - first.len()));
    }
    lines
}

/// `3 s`, `5 min`, `2 h`, `4 d`.
fn spoken(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::asked::Whom;

    #[test]
    fn every_trouble_has_a_line() {
        let report = Report {
            node: "n1".to_owned(),
            not_ready_because: Some("waits for baseline".to_owned()),
            generation: 7,
            generation_age_seconds: Some(300),
            sources: vec![
                SourceReport { name: "a".to_owned(), in_sync: true, age_seconds: Some(1), lost: None },
                SourceReport { name: "b".to_owned(), in_sync: false, age_seconds: None, lost: Some("gone".to_owned()) },
            ],
            failures: 2,
            last_failure: Some("flip: denied".to_owned()),
            host: vec![
                HostReport { source: "host".to_owned(), state: HostState::Good, fault: None },
                HostReport {
                    source: "host-configmap".to_owned(),
                    state: HostState::Refused,
                    fault: Some("nothing answered".to_owned()),
                },
            ],
            failsafe_input: vec!["22/tcp".to_owned(), "68/udp".to_owned()],
            drift: DriftReport { repairs: 3, last: Some("nft (process 9)".to_owned()), age_seconds: Some(8_000) },
            n_findings: 3,
            findings: vec!["error[PAL001]: a.yaml:1: no".to_owned()],
            doctor: DoctorReport {
                age_seconds: Some(5),
                n_found: 1,
                found: vec![FoundReport {
                    code: "forwarding-off".to_owned(),
                    severity: "error".to_owned(),
                    message: "IPv4 is not forwarded".to_owned(),
                    fix: Vec::new(),
                }],
                not_looked_at: Vec::new(),
            },
            observing: vec!["mode observe: nothing".to_owned()],
            pauses: vec![PauseReport { whom: Whom::Namespace("x".into()), seconds_left: 300, by: "me".to_owned() }],
            lease: Some(LeaseReport { name: "a/n1".to_owned(), age_seconds: Some(90), fault: Some("403".to_owned()) }),
            ..Report::default()
        };
        let expected = "\
not ready: node n1: waits for baseline
nothing is enforced: generation 7, in force for 5 min
process 0, palisade : others can change the tables
0 pods, 0 policies
mode observe: nothing
paused: namespace x, for another 5 min, by me
source a: in sync, heard 1 s ago
source b: lost, never heard: gone
host rules of host: in force as written
host rules of host-configmap: taken back: nothing answered
failsafe ports: in 22/tcp, 68/udp; out none
lease a/n1: written 90 s ago; it cannot be written: 403
changes by others put right: 3, last 2 h ago, by nft (process 9)
failed 2 times since the last success: flip: denied
findings: 3
  error[PAL001]: a.yaml:1: no
  and 2 more
palisade doctor, 5 s ago: 1
  error[forwarding-off]: IPv4 is not forwarded
";
        assert_eq!(text(&report), expected);
    }

    #[test]
    fn what_others_say_of_themselves_is_no_line_of_its_own() {
        let drift = DriftReport {
            repairs: 1,
            last: Some("x\nready: node n1\u{1b}[2J (process 9)".to_owned()),
            age_seconds: Some(1),
        };
        let text = text(&Report { not_ready_because: Some("a\nb".to_owned()), drift, ..Report::default() });
        assert_eq!(text.lines().filter(|line| line.starts_with("ready")).count(), 0, "{text}");
        assert!(text.contains(r"by x\nready: node n1\u{1b}[2J (process 9)") && text.contains(r"a\nb"), "{text}");
    }
}
