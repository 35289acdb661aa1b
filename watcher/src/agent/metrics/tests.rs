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
    metrics.examined(&Examination::default());
    metrics.observes("node", true);
    metrics.pauses("node", 1);
    metrics.enforces(Enforcing::Nothing);
    metrics.pod_delayed(Whereabouts::Local, Duration::ZERO);
    metrics.machine.read();
    let text = metrics.text(Exposition::Text);
    let help = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let served: BTreeSet<&str> = help
        .map(|line| {
            let (name, help) = line.split_once(' ').unwrap();
            assert!(!help.trim_end_matches('.').is_empty(), "{name} has no help");
            name
        })
        .collect();
    let sometimes = |name: &str| {
        // Only where conntrack is there, and only if it is asked for.
        name.starts_with("palisade_conntrack_entries") || name == "palisade_policy_denied_packets_total"
    };
    let listed = || FAMILIES.iter().map(|family| family.name);
    let missing: Vec<&str> = listed().filter(|name| !served.contains(name) && !sometimes(name)).collect();
    assert!(missing.is_empty(), "not served: {missing:?}");
    let unlisted: Vec<&&str> = served.iter().filter(|name| !listed().any(|listed| listed == **name)).collect();
    assert!(unlisted.is_empty(), "not in the reference: {unlisted:?}");
}

#[test]
fn kinds_and_labels_are_what_the_reference_says() {
    let metrics = Metrics::new();
    let text = metrics.text(Exposition::Text);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let listed = FAMILIES.iter().find(|family| family.name == name).unwrap();
        assert_eq!(listed.kind.split(' ').next(), Some(kind), "{name}");
    }
}
