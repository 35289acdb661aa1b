//! Host rules on trial, with real rules that cut off what has to answer.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use super::node::Node;
use crate::privilege::can_make_namespaces;

/// What answers, in both families: the pod that is open.
const PROBES: [&str; 2] = ["tcp:10.244.1.12:80", "tcp:[2001:db8:244:1::12]:80"];

/// Nothing of interest is shut.
const GOOD: &str = "domain (ip ip6) chain INPUT proto tcp dport 81 DROP;\n";
const GOOD_TABLE: &str = "80/TCP  router\nsender  open\n";

/// The node reaches nobody's port 80, and its own is shut to see by.
const CUTS: &str = "domain (ip ip6) { chain OUTPUT proto tcp dport 80 DROP; chain INPUT proto tcp dport 80 DROP; }\n";
const CUT_TABLE: &str = "80/TCP  router\nsender  drop\n";

fn config(node: &Node, probe: &str) -> [String; 4] {
    let (rules, config) = (node.path("node.ferm"), node.path("config.yaml"));
    fs::write(&rules, GOOD).unwrap();
    fs::write(&config, format!("hostRevert: all\nhostRevertAfter: 8\nhostProbe: \"{probe}\"\n")).unwrap();
    ["--host".to_owned(), rules.display().to_string(), "--config".to_owned(), config.display().to_string()]
}

fn state(node: &Node) -> String {
    node.report().map(|report| report["host"][0]["state"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
}

#[test]
fn host_rules_that_cut_off_what_has_to_answer_are_taken_back_and_their_text_is_refused() {
    if !can_make_namespaces("agent host rules on trial") {
        return;
    }
    for probe in PROBES {
        let mut node = Node::new();
        let arguments = config(&node, probe);
        let arguments = arguments.each_ref().map(String::as_str);
        let rules = node.path("node.ferm");
        node.start_ready(&arguments);
        node.wait("they are good", || state(&node) == "good");
        fs::write(&rules, CUTS).unwrap();
        node.becomes(CUT_TABLE);
        node.wait("they are on trial", || state(&node) == "on-trial");
        node.becomes(GOOD_TABLE);
        node.wait("they are refused", || state(&node) == "refused");
        assert_eq!(node.metric("palisade_host_rules_reverted_total"), 1);
        assert_eq!(node.metric("palisade_host_rules_refused"), 1);
        let (status, why) = node.http("/ready").unwrap();
        assert!(status == 503 && why.contains(&format!("{probe} did not answer within 8 s")), "{why}");
        assert!(node.log().contains("host-rules-reverted"), "{}", node.log());
        // Written again, it is the same text.
        fs::write(&rules, CUTS).unwrap();
        // Neither does a new start try it again.
        assert!(node.stop().success());
        node.start(&arguments);
        node.wait("they are refused", || state(&node) == "refused");
        node.is(GOOD_TABLE);
        let other = "domain (ip ip6) chain INPUT proto tcp dport 82 DROP;\n";
        fs::write(&rules, other).unwrap();
        node.wait("they are good", || state(&node) == "good");
        node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
        assert_eq!(node.metric("palisade_host_rules_refused"), 0);
    }
}

#[test]
fn an_agent_that_is_killed_in_the_middle_of_a_trial_keeps_nothing_bad() {
    if !can_make_namespaces("agent killed on trial") {
        return;
    }
    let mut node = Node::new();
    let arguments = config(&node, PROBES[0]);
    let arguments = arguments.each_ref().map(String::as_str);
    let rules = node.path("node.ferm");
    node.start_ready(&arguments);
    node.wait("they are good", || state(&node) == "good");
    fs::write(&rules, CUTS).unwrap();
    node.becomes(CUT_TABLE);
    node.kill();
    assert!(!fs::read_to_string(node.path("state/facts")).unwrap().contains("OUTPUT"), "it was kept as good");
    // Its tables are still there, and nobody says what is wanted.
    fs::rename(&rules, node.path("away.ferm")).unwrap();
    fs::rename(node.path("manifests"), node.path("away")).unwrap();
    node.start(&arguments);
    node.is(CUT_TABLE);
    node.becomes(GOOD_TABLE);
    assert_eq!(node.metric("palisade_host_rules_reverted_total"), 1);
    fs::rename(node.path("away"), node.path("manifests")).unwrap();
    fs::rename(node.path("away.ferm"), &rules).unwrap();
    node.wait("the same text is refused", || state(&node) == "refused");
    node.is(GOOD_TABLE);
    // After a boot in the middle of the next one, the last good ones are what it begins with.
    fs::write(&rules, format!("# Another text.\n{CUTS}")).unwrap();
    node.becomes(CUT_TABLE);
    node.kill();
    node.namespace().nft("delete table inet palisade").unwrap();
    fs::rename(&rules, node.path("away.ferm")).unwrap();
    node.start(&arguments);
    node.wait("the snapshot is in force", || node.report().is_some_and(|report| report["enforcing"] == "last-good"));
    node.is(GOOD_TABLE);
}

#[test]
fn a_loss_that_began_before_the_change_is_not_its_fault() {
    if !can_make_namespaces("agent not to blame") {
        return;
    }
    let mut node = Node::new();
    // Nobody listens there yet.
    let arguments = config(&node, "tcp:10.244.1.12:82");
    let arguments = arguments.each_ref().map(String::as_str);
    node.start_ready(&arguments);
    node.wait("they are unproven", || state(&node) == "unproven");
    fs::write(node.path("node.ferm"), CUTS).unwrap();
    node.becomes(CUT_TABLE);
    std::thread::sleep(std::time::Duration::from_secs(10));
    node.is(CUT_TABLE);
    assert_eq!(state(&node), "unproven");
    assert_eq!(node.metric("palisade_host_rules_reverted_total"), 0);
    let address: SocketAddr = "10.244.1.12:82".parse().unwrap();
    let _listener = node.lab.namespace("open").unwrap().run(|| TcpListener::bind(address)).unwrap().unwrap();
    node.wait("they are good", || state(&node) == "good");
    node.is(CUT_TABLE);
}
