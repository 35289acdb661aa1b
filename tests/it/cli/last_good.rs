//! A broken baseline never means none: the last good one is enforced, and the stand-in where there is none.

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
