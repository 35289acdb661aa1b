//! What is served to Prometheus: documented, well-formed, and true of real packets.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::process::Command;

use super::names::{follow, reads_the_log};
use super::node::{Node, shuts};
use crate::monitoring::{documented, promtool};
use crate::privilege::can_make_namespaces;

const ONE_SHUT: &str = "80/TCP  open  shut\nsender  open  drop\n";

/// The families of a text.
fn families(text: &str) -> BTreeSet<String> {
    let help = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
    help.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn every_metric_of_a_running_agent_is_documented_and_well_formed() {
    if !can_make_namespaces("agent metrics") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&["--metrics-of-policies", "8"]);
    node.write("policy.yaml", &shuts("shut"));
    node.becomes(ONE_SHUT);
    let denied = "palisade_policy_denied_packets_total";
    node.wait("denied packets are counted", || node.http("/metrics").unwrap().1.contains(denied));
    let text = node.http("/metrics").unwrap().1;
    promtool::accepts_metrics("agent metrics", &text);
    let mut expected = documented();
    // What Prometheus makes of whom it scrapes, and of histograms; and a pod that gets an address comes in no step here.
    expected.retain(|name| name != "up" && !["_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix)));
    expected.remove("palisade_pod_program_delay_seconds");
    assert_eq!(families(&text), expected);
    assert!(text.contains("palisade_enforcing{what=\"sources\"} 1\n"), "{text}");
    for phase in ["compile", "apply", "observe", "fill", "flip"] {
        assert!(text.contains(&format!("palisade_apply_seconds_count{{phase=\"{phase}\"}}")), "no {phase}:\n{text}");
    }
    // The same for a collector of files, by the socket.
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(["status", "--agent", "--format", "prometheus"]);
    node.at_home(&mut command);
    let by_socket = String::from_utf8(command.output().unwrap().stdout).unwrap();
    promtool::accepts_metrics("agent metrics by the socket", &by_socket);
    assert_eq!(families(&by_socket), expected);
}

#[test]
fn denied_packets_are_counted_by_cause_and_never_become_fewer() {
    if !can_make_namespaces("agent denied packets") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    let of_cause = |cause: &str| format!("palisade_denied_packets_total{{cause=\"{cause}\",direction=\"ingress\"}} ");
    let count = |cause: &str| -> u64 {
        let text = node.http("/metrics").unwrap().1;
        text.lines().find_map(|line| line.strip_prefix(&of_cause(cause))?.parse().ok()).unwrap()
    };
    node.is(ONE_SHUT);
    node.wait("denied packets are counted", || count("network-policy") >= 2);
    assert_eq!((count("baseline"), count("quarantine")), (0, 0));
    let before = count("network-policy");
    // Its counter goes with the policy; what it counted stays told.
    node.remove("policy.yaml");
    node.becomes("80/TCP  open  shut\nsender  open  open\n");
    node.write("policy.yaml", &shuts("open"));
    node.becomes("80/TCP  open  shut\nsender  drop  open\n");
    node.wait("more are counted", || count("network-policy") > before);
    assert_eq!(node.metric("palisade_reading_errors_total"), 0);
    assert!(node.metric("palisade_ruleset_rules") > 0 && node.metric("palisade_ruleset_chains") > 0);
    assert_eq!(node.metric("palisade_broken_objects"), 0);
    node.write("broken.yaml", "kind: [");
    node.wait("it is counted", || node.metric("palisade_broken_objects") == 1);
}

#[test]
fn a_pod_that_gets_an_address_is_measured() {
    if !can_make_namespaces("agent pod delay") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    let count = |pod: &str| -> u64 {
        let text = node.http("/metrics").unwrap().1;
        let name = format!("palisade_pod_program_delay_seconds_count{{pod=\"{pod}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
    };
    assert_eq!((count("local"), count("remote")), (0, 0), "the start is not measured");
    let pod = |name: &str, node: &str, last: u8| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x}}\n\
             spec: {{nodeName: {node}, containers: [{{name: c, image: c}}]}}\n\
             status: {{phase: Running, podIPs: [{{ip: 10.244.9.{last}}}]}}\n"
        )
    };
    node.write("near.yaml", &pod("near", "router", 1));
    node.wait("the pod of this node is measured", || count("local") == 1);
    node.write("far.yaml", &pod("far", "other", 2));
    node.wait("the pod of another is measured", || count("remote") == 1);
    assert_eq!(count("local"), 1);
}

#[test]
fn what_a_reader_of_the_log_is_too_slow_for_is_counted() {
    if !can_make_namespaces("agent log lost") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let (follower, _events) = follow(&node);
    node.wait("somebody reads the log", || reads_the_log(&node));
    // What was lost before the first look is somebody else's.
    assert_eq!(node.metric("palisade_log_lost_total"), 0);
    let stopped = Command::new("kill").args(["-STOP", &follower.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let flood = "table inet flood { chain output { type filter hook output priority 0; udp dport 9 log group 71; }; }";
    node.namespace().nft(flood).unwrap();
    let send = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..20_000 {
            // Nobody is there, which is told now and then.
            drop(socket.send_to(&[0; 512], "127.0.0.1:9"));
        }
    };
    node.wait("some are lost", || {
        node.namespace().run(send).unwrap();
        node.metric("palisade_log_lost_total") > 0
    });
}
