use policy_lang::manifest::{Reading, load_kinds};
use policy_lang::network_policy::{Strictness, decode};
use policy_lang::source::Sources;

use super::*;

/// The workloads of a text, as `Kind namespace/name labels n-members`.
#[track_caller]
fn check(text: &str, expected: &[&str]) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let (objects, found) = load_kinds(Reading::Everything, "m.yaml", text, &mut sources);
    assert!(found.iter().all(|finding| finding.severity < policy_lang::diagnostic::Severity::Warning), "{found:?}");
    let policies: Vec<_> = objects
        .iter()
        .filter_map(|object| {
            let Object::NetworkPolicy(policy) = object else { return None };
            Some(decode(policy, &sources, Strictness::Strict).0)
        })
        .collect();
    let (workloads, findings) = group(&objects, &policies);
    let shown = |workload: &Workload| {
        let labels: Vec<_> = workload.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let mark = if workload.variant == Variant::ByLabels { "*" } else { "" };
        format!("{}{mark} {} {} {}", workload.kind, workload.name, labels.join(","), workload.members.len())
    };
    assert_eq!(workloads.entries.iter().map(shown).collect::<Vec<_>>(), expected);
    findings
}

/// A pod of a live dump.
fn pod(name: &str, owner: &str, labels: &str, address: &str) -> String {
    let owner = match owner.split_once('/') {
        Some((kind, owner)) => format!("ownerReferences: [{{kind: {kind}, name: {owner}, controller: true}}], "),
        None => String::new(),
    };
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x, {owner}labels: {{{labels}}}}}\n\
         status: {{phase: Running, podIP: {address}}}\n"
    )
}

fn replica_set(name: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: {name}, namespace: x, ownerReferences: \
         [{{kind: Deployment, name: web}}]}}\nspec: {{template: {{metadata: {{labels: {{app: web, pod-template-hash: \
         {name}}}}}}}}}\n"
    )
}

const DEPLOYMENT: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: x}\nspec: {template: {metadata: {labels: {app: web}}}}\n";

#[test]
fn a_template_stands_for_pods_that_the_input_does_not_have() {
    check(DEPLOYMENT, &["Deployment x/web app=web 1"]);
    check(&format!("{DEPLOYMENT}{}", replica_set("web-1")), &["Deployment x/web app=web 1"]);
}

#[test]
fn pods_of_a_dump_are_named_after_the_topmost_owner_and_their_hashes_do_not_part_them() {
    let pods = [
        pod("web-1-a", "ReplicaSet/web-1", "app: web, pod-template-hash: a", "10.0.0.1"),
        pod("web-2-b", "ReplicaSet/web-2", "app: web, pod-template-hash: b", "10.0.0.2"),
    ]
    .concat();
    let dump = format!("{DEPLOYMENT}{}{}{pods}", replica_set("web-1"), replica_set("web-2"));
    check(&dump, &["Deployment x/web app=web 2"]);
    // Where the Deployment is not in the input, its ReplicaSets are the topmost owners that are; and where these are not
    // either, what the pods say of them is.
    let sets = ["ReplicaSet x/web-1 app=web 1", "ReplicaSet x/web-2 app=web 1"];
    check(&format!("{}{pods}", replica_set("web-1")), &sets);
    check(&pods, &sets);
}

#[test]
fn pods_of_one_owner_with_different_labels_are_separate() {
    let pods = [
        pod("s-0", "StatefulSet/s", "app: s, statefulset.kubernetes.io/pod-name: s-0", "10.0.0.1"),
        pod("s-1", "StatefulSet/s", "app: s, statefulset.kubernetes.io/pod-name: s-1", "10.0.0.2"),
    ]
    .concat();
    check(&pods, &["StatefulSet x/s app=s 2"]);
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\nspec: {podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: s-0}}}\n";
    let parted = [
        "StatefulSet* x/s app=s,statefulset.kubernetes.io/pod-name=s-0 1",
        "StatefulSet* x/s app=s,statefulset.kubernetes.io/pod-name=s-1 1",
    ];
    check(&format!("{pods}{policy}"), &parted);
    let changed = pod("s-2", "StatefulSet/s", "app: other", "10.0.0.3");
    check(&format!("{pods}{changed}"), &["StatefulSet* x/s app=other 1", "StatefulSet* x/s app=s 2"]);
}

#[test]
fn every_kind_of_template_is_found_and_static_pods_are_their_own() {
    let template = "template: {metadata: {labels: {a: b}}}";
    let texts: Vec<String> = [
        ("apps/v1", "StatefulSet", ""),
        ("apps/v1", "DaemonSet", ""),
        ("apps/v1", "ReplicaSet", ""),
        ("v1", "ReplicationController", ""),
        ("batch/v1", "Job", ""),
        ("batch/v1", "CronJob", "jobTemplate: {spec: {"),
    ]
    .iter()
    .map(|(version, kind, outer)| {
        let close = if outer.is_empty() { "" } else { "}}" };
        format!(
            "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: w, namespace: x}}\nspec: {{{outer}{template}{close}}}\n"
        )
    })
    .collect();
    let text = format!("{}{}", texts.concat(), pod("etcd", "Node/n", "a: c", "10.0.0.9"));
    let expected = ["CronJob", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"];
    let mut expected: Vec<_> = expected.iter().map(|kind| format!("{kind} x/w a=b 1")).collect();
    expected.insert(0, "Pod x/etcd a=c 1".to_owned());
    check(&text, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_is_on_the_network_of_its_nodes_is_said_and_left_out() {
    let host = DEPLOYMENT.replace("labels: {app: web}}", "labels: {app: web}}, spec: {hostNetwork: true}");
    let findings = check(&host, &[]);
    assert_eq!(findings.first().map(|finding| finding.code.0), Some("PAL033"));
}

#[test]
fn owners_in_a_circle_end() {
    let circle = replica_set("web-1").replace("kind: Deployment, name: web", "kind: ReplicaSet, name: web-1");
    check(&circle, &["ReplicaSet x/web-1 app=web 1"]);
}
