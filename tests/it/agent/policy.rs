//! What is written is enforced, what is not any more is not, and what is broken stops nothing else.

use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

const ALL_OPEN: &str = "80/TCP  open  shut\nsender  open  open\n";
const ONE_SHUT: &str = "80/TCP  open  shut\nsender  open  drop\n";
const BOTH_SHUT: &str = "80/TCP  open  shut\nsender  drop  drop\n";

#[test]
fn a_policy_that_comes_denies_and_when_it_goes_packets_pass_again() {
    if !can_make_namespaces("agent policy") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    node.is(ALL_OPEN);
    node.write("policy.yaml", &shuts("shut"));
    node.becomes(ONE_SHUT);
    // Labels, too: the policy follows the pod.
    node.write("more.yaml", &shuts("open"));
    node.becomes(BOTH_SHUT);
    node.remove("more.yaml");
    node.becomes(ONE_SHUT);
    node.remove("policy.yaml");
    node.becomes(ALL_OPEN);
    assert_eq!(node.metric("palisade_foreign_changes_total"), 0, "its own commits are taken for others'");
}

#[test]
fn a_broken_file_stops_no_other_and_keeps_what_it_held() {
    if !can_make_namespaces("agent broken file") {
        return;
    }
    let mut node = Node::new();
    node.write("a.yaml", &shuts("shut"));
    node.start_ready(&[]);
    node.is(ONE_SHUT);
    node.write("a.yaml", "kind: [");
    node.wait("the finding is told", || node.report().unwrap()["nFindings"] == 1);
    let report = node.report().unwrap();
    assert!(report["findings"][0].as_str().unwrap().contains("a.yaml"), "{report}");
    assert_eq!(report["ready"], true);
    node.is(ONE_SHUT);
    // Nothing is held up behind it.
    node.write("b.yaml", &shuts("open"));
    node.becomes(BOTH_SHUT);
    // A file that is whole again says what there is, and one that is gone says nothing.
    node.write("a.yaml", "");
    node.becomes("80/TCP  open  shut\nsender  drop  open\n");
    node.wait("nothing is wrong", || node.report().unwrap()["nFindings"] == 0);
}

#[test]
fn a_folder_that_is_gone_takes_nothing_back() {
    if !can_make_namespaces("agent folder gone") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    std::fs::rename(node.path("manifests"), node.path("away")).unwrap();
    let lost = || node.report().unwrap()["sources"].as_array().unwrap().iter().all(|source| source["inSync"] == false);
    node.wait("the sources are lost", lost);
    node.is(ONE_SHUT);
    std::fs::rename(node.path("away"), node.path("manifests")).unwrap();
    node.wait("the sources are found", || !lost());
    node.remove("policy.yaml");
    node.becomes(ALL_OPEN);
}

#[test]
fn a_baseline_that_breaks_or_goes_stays_enforced_and_one_that_restricts_nothing_ends_it() {
    if !can_make_namespaces("agent baseline") {
        return;
    }
    let baseline = |fields: &str| {
        format!("apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {{name: standard}}\n{fields}")
    };
    let denies = baseline("default: pass\notherwise: deny\nalways: []\n");
    let mut node = Node::new();
    node.write("baseline.yaml", &denies);
    node.start_ready(&[]);
    node.is(BOTH_SHUT);
    node.write("baseline.yaml", &baseline("default: perhaps\n"));
    node.wait("the finding is told", || node.report().unwrap()["nFindings"].as_u64() > Some(0));
    node.is(BOTH_SHUT);
    node.remove("baseline.yaml");
    let says_gone = |finding: &serde_json::Value| finding.as_str().unwrap().contains("the baseline is gone");
    node.wait("it is said to be gone", || node.report().unwrap()["findings"].as_array().unwrap().iter().any(says_gone));
    node.is(BOTH_SHUT);
    // Not even a new start opens it.
    node.stop();
    node.start_ready(&[]);
    node.is(BOTH_SHUT);
    node.write("baseline.yaml", &baseline("default: pass\notherwise: allow\n"));
    node.becomes(ALL_OPEN);
}
