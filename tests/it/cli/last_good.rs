//! A broken baseline never means none: the last good one is enforced, and the stand-in where there is none.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::Machine;
use crate::privilege::can_make_namespaces;

const HEAD: &str = "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {name: standard}\n";
const GOOD: &str = "deny: [{name: relay, to: [198.51.100.25/32]}]\ndefault: pass\notherwise: allow\n";
const BROKEN: &str = "deny: [{name: relay, to: [198.51.100.25/99]}]\ndefault: pass\notherwise: allow\n";

fn apply<'a>(baseline: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let sources = ["apply", "--manifests", "examples/cluster", "--node", "node-a", "--baseline", baseline];
    sources.iter().chain(more).copied().collect()
}

#[test]
fn a_broken_baseline_keeps_the_last_good_one_in_force() {
    if !can_make_namespaces("the last good baseline") {
        return;
    }
    let machine = Machine::new("lastgood");
    let file = machine.file("baseline.yaml", &format!("{HEAD}{GOOD}"));
    machine.palisade(&apply(&file, &[])).exits(0);
    let good = machine.listing();
    assert!(good.contains("198.51.100.25"), "{good}");

    machine.file("baseline.yaml", &format!("{HEAD}{BROKEN}"));
    let refused = machine.palisade(&apply(&file, &[])).exits(2);
    assert!(refused.stderr.contains("198.51.100.25/99"), "{}", refused.stderr);
    assert_eq!(machine.listing(), good);
    let ran = machine.palisade(&apply(&file, &["--keep-going"])).exits(1);
    assert!(ran.stderr.contains("the last good one is enforced in its place"), "{}", ran.stderr);
    assert_eq!(machine.listing(), good);

    // It survives what the kernel forgets.
    machine.palisade(&["teardown"]).exits(0);
    machine.palisade(&apply(&file, &["--keep-going"])).exits(1);
    assert_eq!(machine.listing(), good);
}

#[test]
fn a_baseline_on_probation_is_kept_when_it_is_confirmed_and_not_before() {
    if !can_make_namespaces("the last good baseline and --confirm") {
        return;
    }
    let machine = Machine::new("probation");
    let kept = machine.run_dir().join("state/baseline");
    let file = machine.file("baseline.yaml", &format!("{HEAD}{GOOD}"));
    let probation = ["--confirm", "600"];
    machine.palisade(&apply(&file, &probation)).exits(0);
    assert!(!kept.exists());
    machine.palisade(&["confirm"]).exits(0);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("198.51.100.25"));

    // Reverted: the one before stays the last good one.
    machine.file("baseline.yaml", &format!("{HEAD}{}", GOOD.replace("100.25", "100.26")));
    machine.palisade(&apply(&file, &["--confirm", "1"])).exits(0);
    assert!(machine.listing().contains("198.51.100.26"));
    let begun = Instant::now();
    while machine.listing().contains("198.51.100.26") {
        assert!(begun.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(50));
    }
    machine.palisade(&["confirm"]).exits(1);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("198.51.100.25"));

    // Confirmed too late, when another has taken its place.
    machine.palisade(&apply(&file, &probation)).exits(0);
    let guard = std::fs::read_to_string(machine.run_dir().join("pending")).unwrap();
    assert!(Command::new("kill").args(["-KILL", guard.trim()]).status().unwrap().success());
    machine.file("baseline.yaml", &format!("{HEAD}{}", GOOD.replace("100.25", "100.27")));
    let begun = Instant::now();
    while machine.palisade(&apply(&file, &[])).code != 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
    machine.palisade(&["confirm"]);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("198.51.100.27"));
}

#[test]
fn without_a_last_good_one_the_stand_in_is_enforced_and_said_so() {
    if !can_make_namespaces("the stand-in for a broken baseline") {
        return;
    }
    let machine = Machine::new("standin");
    let file = machine.file("baseline.yaml", &format!("{HEAD}{BROKEN}"));
    let ran = machine.palisade(&apply(&file, &["--keep-going"])).exits(1);
    assert!(ran.stderr.contains("no good one was kept"), "{}", ran.stderr);
    let stand_in = machine.listing();
    assert!(!stand_in.contains("198.51.100.25"), "{stand_in}");

    // A file that was tampered with is no last good one either.
    let kept = machine.run_dir().join("state/baseline");
    std::fs::create_dir_all(kept.parent().unwrap()).unwrap();
    std::fs::write(&kept, "palisade-baseline 1 00\n[]\n").unwrap();
    let ran = machine.palisade(&apply(&file, &["--keep-going"])).exits(1);
    assert!(ran.stderr.contains("is damaged"), "{}", ran.stderr);
    assert_eq!(machine.listing(), stand_in);
}

const HOST: &str = "domain (ip ip6) table filter chain INPUT {\n    policy DROP;\n    interface lo ACCEPT;\n    @include 'ports.ferm';\n}\n";

#[test]
fn the_sets_of_host_rules_are_kept_with_them() {
    if !can_make_namespaces("the last good sets of ipset") {
        return;
    }
    let machine = Machine::new("lastsets");
    let file = machine.file("host.ferm", "chain INPUT { mod set match-set bad src DROP; }\n");
    let sets = machine.file("ipsets", "create bad hash:net\nadd bad 192.0.2.0/24\n");
    let apply = ["apply", "--host", &file, "--ipset", &sets];
    machine.palisade(&apply).exits(0);
    let good = machine.listing();
    assert!(good.contains("192.0.2.0/24"), "{good}");

    // A member that is none, and a file that is gone.
    machine.file("ipsets", "create bad hash:net\nadd bad 192.0.2.0/33\n");
    let ran = machine.palisade(&apply).exits(2);
    assert!(ran.stderr.contains("ipsets:2"), "{}", ran.stderr);
    std::fs::remove_file(&sets).unwrap();
    let ran = machine.palisade(&apply).exits(2);
    assert!(ran.stderr.contains("cannot be read"), "{}", ran.stderr);
    assert_eq!(machine.listing(), good);

    machine.palisade(&["teardown"]).exits(0);
    machine.palisade(&[&apply[..], &["--keep-going"]].concat()).exits(1);
    assert_eq!(machine.listing(), good);
}

#[test]
fn broken_host_rules_leave_the_last_good_ones_in_force_after_a_boot_too() {
    if !can_make_namespaces("the last good host rules") {
        return;
    }
    let machine = Machine::new("lasthost");
    let file = machine.file("host.ferm", HOST);
    machine.file("ports.ferm", "proto tcp dport 8022 ACCEPT;\n");
    let apply = ["apply", "--host", &file];
    let keep_going = ["apply", "--host", &file, "--keep-going"];

    // Nothing is known yet: the node is closed, and says so.
    machine.file("ports.ferm", "proto tcp dport 8022 ACEPT;\n");
    let ran = machine.palisade(&keep_going).exits(1);
    assert!(ran.stderr.contains("nothing new comes in"), "{}", ran.stderr);
    assert!(!machine.listing().contains("8022"));

    machine.file("ports.ferm", "proto tcp dport 8022 ACCEPT;\n");
    machine.palisade(&apply).exits(0);
    let good = machine.listing();
    assert!(good.contains("8022"), "{good}");

    for broken in ["proto tcp dport 8022 ACEPT;\n", "proto tcp dport no-such-service ACCEPT;\n"] {
        machine.file("ports.ferm", broken);
        machine.palisade(&apply).exits(2);
        assert_eq!(machine.listing(), good);
        let ran = machine.palisade(&keep_going).exits(1);
        assert!(ran.stderr.contains("the last good ones are enforced in their place"), "{}", ran.stderr);
        assert_eq!(machine.listing(), good);
        // As after a boot: the kernel has forgotten everything.
        machine.palisade(&["teardown"]).exits(0);
        machine.palisade(&keep_going).exits(1);
        assert_eq!(machine.listing(), good);
        machine.palisade(&["status", "--host", &file, "--keep-going"]).exits(1);
        // What is explained is what is enforced, and what apply refuses is not explained as if it were.
        let asked = ["explain", "203.0.113.10", "node-a:8022", "--manifests", "examples/cluster", "--host", &file];
        machine.palisade(&asked).exits(2);
        let ran = machine.palisade(&[&asked[..], &["--keep-going"]].concat()).exits(1);
        assert!(ran.stdout.starts_with("ALLOWED"), "{}", ran.stdout);
    }

    // What was not confirmed is not kept.
    machine.file("ports.ferm", "proto tcp dport 8023 ACCEPT;\n");
    let kept = machine.run_dir().join("state/host");
    machine.palisade(&["apply", "--host", &file, "--confirm", "600"]).exits(0);
    assert!(!std::fs::read_to_string(&kept).unwrap().contains("8023"));
    machine.palisade(&["confirm"]).exits(0);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("8023"));
}
