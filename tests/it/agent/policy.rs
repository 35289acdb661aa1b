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

#[test]
fn host_rules_follow_their_file_and_broken_ones_leave_the_last_good_in_force() {
    if !can_make_namespaces("agent host rules") {
        return;
    }
    let mut node = Node::new();
    let main = node.path("node.ferm");
    let included = node.path("ports.ferm");
    let say = |path: &std::path::Path, text: &str| std::fs::write(path, text).unwrap();
    let (open, shut) = ("80/TCP  router\nsender  open\n", "80/TCP  router\nsender  drop\n");
    say(&main, "domain (ip ip6) chain INPUT { @include 'ports.ferm'; }\n");
    say(&included, "proto tcp dport 80 DROP;\n");
    node.start_ready(&["--host", main.to_str().unwrap()]);
    node.is(shut);
    // What cannot be parsed, and what can but makes no sense.
    for broken in ["proto tcp dport 80 DROP", "proto tcp dport 99999 DROP;\n"] {
        say(&included, broken);
        let says_so = |finding: &serde_json::Value| finding.as_str().unwrap().contains("the last good ones stay");
        node.wait(broken, || node.report().unwrap()["findings"].as_array().unwrap().iter().any(says_so));
        node.is(shut);
        assert_eq!(node.report().unwrap()["ready"], true);
        say(&included, "proto tcp dport 81 DROP;\n");
        node.becomes(open);
        node.wait("nothing is wrong", || node.report().unwrap()["nFindings"] == 0);
        say(&included, "proto tcp dport 80 DROP;\n");
        node.becomes(shut);
    }
    // At a start where the file is gone, they come from the snapshot.
    assert!(node.stop().success());
    node.namespace().nft("delete table inet palisade").unwrap();
    std::fs::rename(&main, node.path("away.ferm")).unwrap();
    node.start(&["--host", main.to_str().unwrap()]);
    node.wait("the snapshot is in force", || node.report().is_some_and(|report| report["enforcing"] == "last-good"));
    node.is(shut);
}
