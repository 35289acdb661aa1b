//! Commands that read or change a kernel, each test in a network namespace of its own.

use std::fs::{self, File};
use std::process::Command;

use serde_json::Value;

use super::{EXAMPLES, Machine, broken_inputs, program};
use crate::docs::describes;
use crate::privilege::can_make_namespaces;

/// A set of the examples that holds a pod address, and that address.
fn an_element(machine: &Machine) -> (String, String) {
    let listing = machine.listing();
    let (_, set) = listing.split_once("set pl_sel4_").unwrap();
    let name = format!("pl_sel4_{}", set.split(' ').next().unwrap());
    let (_, elements) = set.split_once("elements = { ").unwrap();
    let element = elements.split([',', ' ']).next().unwrap();
    (name, element.to_owned())
}

pub(super) fn with<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [command].iter().chain(&EXAMPLES).chain(more).copied().collect()
}

#[test]
fn apply_then_status_is_in_sync_and_an_element_that_somebody_deleted_is_named() {
    if !can_make_namespaces("status names drift") {
        return;
    }
    let machine = Machine::new("drift");
    assert_eq!(machine.palisade(&["status"]).exits(1).stdout, "not loaded\n");
    let planned = machine.palisade(&with("plan", &[])).exits(1).stdout;
    assert!(planned.contains("+ chain inet palisade pl_input"), "{planned}");
    assert!(planned.contains("examples/host/node.ferm:"), "{planned}");
    describes("plan-json.md", &machine.palisade(&with("plan", &["--format", "json"])).exits(1).stdout);
    machine.palisade(&with("apply", &[])).exits(0);
    assert_eq!(machine.palisade(&with("plan", &[])).exits(0).stdout, "nothing to change\n");
    for arguments in [vec!["status"], with("status", &[])] {
        let status = machine.palisade(&arguments).exits(0).stdout;
        assert!(status.starts_with("in sync\n"), "{status}");
        assert!(status.contains("pl_input (filter input -10): at its end IPv4 is dropped"), "{status}");
    }
    assert_eq!(machine.palisade(&with("apply", &[])).exits(0).stdout, "in sync: nothing to do\n");

    let (set, element) = an_element(&machine);
    machine.namespace.nft(&format!("delete element inet palisade {set} {{ {element} }}")).unwrap();
    for arguments in [vec!["status"], with("status", &[])] {
        let status = machine.palisade(&arguments).exits(1).stdout;
        assert!(status.starts_with("drift: 1 object differs"), "{status}");
        assert!(status.contains(&format!("missing element inet palisade {set}: {element}\n")), "{status}");
        assert!(status.contains("changed by: not known"), "{status}");
    }
    let json = machine.palisade(&["status", "--format", "json"]).exits(1).stdout;
    describes("status-json.md", &json);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["loaded"], &json["inSync"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(json["drift"][0]["detail"], element);
    let plugin = machine.palisade(&["status", "--format", "nagios"]).exits(2).stdout;
    assert!(plugin.starts_with("PALISADE CRITICAL - drift: 1 object differs"), "{plugin}");
    let metrics = machine.palisade(&["status", "--format", "prometheus"]).exits(1).stdout;
    assert!(
        metrics.contains("\npalisade_in_sync 0\n") && metrics.contains("\npalisade_drift_objects 1\n"),
        "{metrics}"
    );
    let planned: Value =
        serde_json::from_str(&machine.palisade(&with("plan", &["--format", "json"])).exits(1).stdout).unwrap();
    assert_eq!(planned["summary"]["add"], 1);
    assert_eq!(planned["changes"][0]["name"], set);
    machine.palisade(&with("apply", &[])).exits(0);
    assert!(machine.palisade(&["status", "--format", "nagios"]).exits(0).stdout.starts_with("PALISADE OK - in sync |"));
}

#[test]
fn status_without_sources_compares_only_with_what_it_is_sure_of() {
    if !can_make_namespaces("status without sources") {
        return;
    }
    let machine = Machine::new("recall");
    let rules = machine.file("node.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    machine.palisade(&["apply", "--host", &rules, "--node", "node-a"]).exits(0);
    assert!(machine.palisade(&["status"]).exits(0).stdout.starts_with("in sync\n"));
    // The sources of the last apply say something else by now.
    machine.file("node.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; proto tcp dport 22 ACCEPT; }\n");
    let changed = machine.palisade(&["status"]).exits(1).stdout;
    assert!(changed.starts_with("drift: ") && changed.contains("missing rule inet palisade pl_input"), "{changed}");
    // They are broken, or gone.
    machine.file("node.ferm", "chain INPUT {\n");
    assert!(machine.palisade(&["status"]).exits(0).stdout.starts_with("loaded, not compared: "));
    fs::remove_file(&rules).unwrap();
    assert!(machine.palisade(&["status"]).exits(0).stdout.starts_with("loaded, not compared: "));
    fs::remove_dir_all(machine.run_dir()).unwrap();
    assert!(machine.palisade(&["status", "--node", "node-b"]).exits(2).stderr.contains("no source is given"));
    let unknown = machine.palisade(&["status"]).exits(0).stdout;
    assert!(unknown.starts_with("loaded, not compared: no sources are given"), "{unknown}");
    assert!(unknown.contains(&format!("built from: host {rules}\n")), "{unknown}");
    assert!(unknown.contains("at its end IPv4 is dropped"), "{unknown}");
}

#[test]
fn teardown_removes_our_table_and_no_other() {
    if !can_make_namespaces("teardown") {
        return;
    }
    let machine = Machine::new("teardown");
    machine.namespace.nft("add table inet theirs\nadd chain inet theirs c").unwrap();
    let before = machine.listing();
    machine.palisade(&with("apply", &[])).exits(0);
    assert!(machine.palisade(&["teardown"]).exits(0).stdout.contains("removed table inet palisade\n"));
    assert_eq!(machine.listing(), before);
    assert!(machine.palisade(&["teardown"]).exits(0).stdout.contains("nothing to remove"));
    assert_eq!(
        machine.palisade(&["status", "--format", "nagios"]).exits(2).stdout.split(" |").next(),
        Some("PALISADE CRITICAL - not loaded")
    );
}

#[test]
fn what_others_put_into_our_table_goes_and_what_cannot_go_is_named() {
    if !can_make_namespaces("strange objects") {
        return;
    }
    let machine = Machine::new("strange");
    machine.palisade(&with("apply", &[])).exits(0);
    let before = machine.listing();
    machine.namespace.nft("insert rule inet palisade pl_input tcp dport 99 accept").unwrap();
    let status = machine.palisade(&["status"]).exits(1).stdout;
    assert!(status.contains("extra rule inet palisade pl_input"), "{status}");
    machine.palisade(&with("apply", &[])).exits(0);
    assert_eq!(machine.listing(), before);
    machine.namespace.nft("add limit inet palisade theirs { rate 1/second ; }").unwrap();
    let ran = machine.palisade(&with("apply", &[])).exits(1);
    assert!(ran.stderr.contains("cannot be removed: object inet palisade theirs"), "{}", ran.stderr);
}

#[test]
fn a_source_that_would_be_dropped_is_refused_unless_it_is_replaced() {
    if !can_make_namespaces("recorded sources") {
        return;
    }
    let machine = Machine::new("sources");
    machine.palisade(&with("apply", &[])).exits(0);
    let before = machine.listing();
    let host = ["apply", "--host", "examples/host/node.ferm", "--node", "node-a"];
    let refused = machine.palisade(&host).exits(2).stderr;
    assert!(refused.contains("`manifests examples/cluster`") && refused.contains("--replace"), "{refused}");
    assert_eq!(machine.listing(), before);
    machine.palisade(&[&host[..], &["--replace"]].concat()).exits(0);
    let after = machine.listing();
    assert!(!after.contains("pl_pod_input") && after.contains("chain pl_input"), "{after}");
    // Another source beside the ones that are recorded drops nothing.
    machine.palisade(&with("apply", &[])).exits(0);
    assert_eq!(machine.listing(), before);
}

#[test]
fn no_broken_input_touches_the_running_ruleset() {
    if !can_make_namespaces("broken inputs and the running ruleset") {
        return;
    }
    let machine = Machine::new("broken");
    machine.palisade(&with("apply", &[])).exits(0);
    let before = machine.listing();
    for (flag, path) in broken_inputs() {
        // Beside the examples where a flag can be given twice, else in the place of the example.
        let mut arguments = vec!["apply", "--replace", flag, &path, "--node", "node-a"];
        if flag != "--manifests" {
            arguments.extend(["--manifests", "examples/cluster"]);
        }
        machine.palisade(&arguments).exits(2);
        assert_eq!(machine.listing(), before, "{path}");
    }
}

#[test]
fn keep_going_enforces_the_good_objects_and_isolates_for_the_broken_ones() {
    if !can_make_namespaces("keep going") {
        return;
    }
    let machine = Machine::new("keep-going");
    let manifests = machine.file(
        "cluster.yaml",
        "\
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node-a}
status: {phase: Running, podIPs: [{ip: 10.244.1.2}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: broken, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
    - ports: [{port: 99999}]
",
    );
    let arguments = ["apply", "--manifests", &manifests, "--node", "node-a"];
    machine.palisade(&arguments).exits(2);
    assert_eq!(machine.listing(), "");
    let ran = machine.palisade(&[&arguments[..], &["--keep-going"]].concat()).exits(1);
    assert!(ran.stderr.contains("cluster.yaml:18:"), "{}", ran.stderr);
    let listing = machine.listing();
    assert!(listing.contains("10.244.1.2 comment \"shop/db\""), "{listing}");
    // The note of the apply remembers how errors were to be taken.
    assert!(machine.palisade(&["status"]).exits(1).stdout.starts_with("in sync\n"));
}

#[test]
fn check_loads_nothing_and_says_how_sure_it_is() {
    if !can_make_namespaces("apply --check") {
        return;
    }
    let machine = Machine::new("check");
    let sure = machine.palisade(&with("apply", &["--check"])).exits(0).stdout;
    assert!(sure.contains("scratch network namespace"), "{sure}");
    let less = machine.run(&mut without(&["sys_admin"], &with("apply", &["--check"]))).exits(0).stdout;
    assert!(less.contains("checked without a commit"), "{less}");
    assert_eq!(machine.listing(), "");
}

#[test]
fn the_kernel_and_other_writers_refuse_with_three() {
    if !can_make_namespaces("refusals") {
        return;
    }
    let machine = Machine::new("refused");
    for arguments in [vec!["status"], with("plan", &[]), with("apply", &[]), vec!["teardown"]] {
        let refused = machine.run(&mut without(&["net_admin", "sys_admin"], &arguments)).exits(3).stderr;
        assert!(refused.contains("CAP_NET_ADMIN"), "{refused}");
    }
    let unknown = machine.run(&mut without(&["net_admin"], &["status", "--format", "nagios"])).exits(3).stdout;
    assert!(unknown.starts_with("PALISADE UNKNOWN - "), "{unknown}");
    fs::create_dir_all(machine.run_dir()).unwrap();
    let lock = File::create(machine.run_dir().join("lock")).unwrap();
    lock.lock().unwrap();
    let refused = machine.palisade(&with("apply", &[])).exits(3).stderr;
    assert!(refused.contains("another palisade is writing"), "{refused}");
    assert_eq!(machine.listing(), "");
}

/// The program without some capabilities.
fn without(capabilities: &[&str], arguments: &[&str]) -> Command {
    let plain = program();
    let mut command = Command::new("setpriv");
    let dropped: Vec<_> = capabilities.iter().map(|capability| format!("-{capability}")).collect();
    command.arg(format!("--bounding-set={}", dropped.join(",")));
    command.arg(format!("--inh-caps={}", dropped.join(",")));
    command.arg(plain.get_program()).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}
