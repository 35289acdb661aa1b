//! What the agent says of the node that it is on.

use std::process::Command;

use super::node::{Node, shuts};
use crate::privilege::can_make_namespaces;

#[test]
fn what_is_wrong_with_the_node_is_told_and_changes_nothing_else() {
    if !can_make_namespaces("agent doctor") {
        return;
    }
    let mut node = Node::new();
    node.write("shut.yaml", &shuts("shut"));
    let leftover = "table ip filter { chain KUBE-NWPLCY-A1B2 { }; chain FORWARD { type filter hook forward priority 0; \
                    policy accept; jump KUBE-NWPLCY-A1B2; }; }";
    node.namespace().nft(leftover).unwrap();
    let before = node.namespace().nft_list(&["list", "table", "ip", "filter"]).unwrap();
    node.start_ready(&[]);
    let found = || -> Option<Vec<String>> {
        let report = node.report()?;
        let found = report["doctor"]["found"].as_array()?;
        Some(found.iter().filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect())
    };
    node.wait("the node was looked at", || {
        found().is_some_and(|codes| codes.contains(&"kube-router-rules".to_owned()))
    });
    assert_eq!(node.http("/ready").unwrap().0, 200);
    let (_, metrics) = node.http("/metrics").unwrap();
    for line in [
        "palisade_doctor_findings{code=\"kube-router-rules\",severity=\"warning\"} 1",
        "palisade_doctor_findings{code=\"calico-rules\",severity=\"warning\"} 0",
        "palisade_doctor_findings{code=\"another-owner\",severity=\"error\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let log = node.log();
    assert_eq!(log.matches("code=\"kube-router-rules\"").count(), 1, "{log}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(["status", "--agent"]);
    node.at_home(&mut command);
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(text.contains("  warning[kube-router-rules]: rules of kube-router: chains KUBE-NWPLCY-A1B2"), "{text}");
    assert_eq!(node.namespace().nft_list(&["list", "table", "ip", "filter"]).unwrap(), before);

    // Beside the agent the command takes it for the owner.
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(["doctor", "--format", "json"]);
    node.at_home(&mut command);
    let output = node.namespace().run(|| command.output()).unwrap().unwrap();
    let json = String::from_utf8(output.stdout).unwrap();
    assert!(json.contains("kube-router-rules") && !json.contains("another-owner"), "{json}");
    // From another run folder it is somebody else's.
    command.env("PALISADE_RUN_DIR", node.path("elsewhere"));
    let output = node.namespace().run(|| command.output()).unwrap().unwrap();
    let json = String::from_utf8(output.stdout).unwrap();
    let is_owned = node.report().unwrap()["owner"] == true;
    assert_eq!(json.contains("another-owner"), is_owned, "{json}");
}
