//! Whose flows are looked at after a change.

use std::net::IpAddr;

use engine::revoke::Affected;
use engine::ruleset::Ruleset;

use crate::node::{Node, PODS, db_admits, ip, pod, policy, with};

/// `NAME` for both addresses of a pod, `NAME4` and `NAME6` for one; those of the pods that are affected.
fn names(affected: &Affected) -> Vec<String> {
    let of = |(name, _, [v4, v6]): &(&str, &str, [&str; 2])| {
        let [v4, v6] = [v4, v6].map(|address| affected.contains(ip(address)));
        match (v4, v6) {
            (true, true) => Some((*name).to_owned()),
            (true, false) => Some(format!("{name}4")),
            (false, true) => Some(format!("{name}6")),
            (false, false) => None,
        }
    };
    PODS.iter().filter_map(of).collect()
}

#[track_caller]
fn check(before: &Node, after: &Node, wanted: &[&str]) {
    let (before, after) = (before.ruleset(), after.ruleset());
    assert_eq!(names(&Affected::between(&before, &after)), wanted);
    // The way back concerns the same pods.
    assert_eq!(names(&Affected::between(&after, &before)), wanted);
}

/// `db` and `web` are isolated in both directions, `job` in none. Somebody outside is permitted, not everybody: what
/// another policy permits would change nothing.
fn isolated(more: &str) -> Node {
    let outside = "[{ipBlock: {cidr: 203.0.113.0/24}}]";
    let some = format!("policyTypes: [Ingress, Egress], ingress: [{{from: {outside}}}], egress: [{{to: {outside}}}]");
    with(&[policy("a", "db", &some), policy("b", "web", &some), more.to_owned()].concat())
}

#[test]
fn without_a_change_nobody_is_affected() {
    for node in [with(""), with(&db_admits(&["web"])), isolated("")] {
        check(&node, &node, &[]);
    }
}

/// Chains are named after their content, and the comments of their rules are part of that.
#[test]
fn lines_that_move_affect_nobody() {
    let node = isolated(&db_admits(&["web"]));
    let moved = Node { pods: format!("\n\n\n{}", node.pods), ..node.clone() };
    assert_ne!(node.ruleset(), moved.ruleset());
    check(&node, &moved, &[]);
}

#[test]
fn a_policy_affects_those_that_it_selects() {
    check(&isolated(""), &isolated(&db_admits(&["web"])), &["db"]);
    check(&isolated(&db_admits(&["web"])), &isolated(&db_admits(&["job"])), &["db"]);
    check(&isolated(&db_admits(&["web"])), &isolated(&db_admits(&["web", "far"])), &["db"]);
}

#[test]
fn a_peer_that_comes_or_goes_is_affected_itself() {
    let admits = db_admits(&["web"]);
    let without = isolated(&admits);
    let mut with_another = without.clone();
    // `far` gets the label that the policy asks for.
    with_another.pods = with_another.pods.replace("{app: far}", "{app: web}");
    check(&without, &with_another, &["far"]);
}

#[test]
fn a_new_local_pod_and_a_new_owner_of_an_address_are_affected() {
    let old = isolated("");
    let mut new = old.clone();
    new.pods.push_str(&pod("late", "db", "n", ["10.0.0.4", "fd00::4"]));
    let (before, after) = (old.ruleset(), new.ruleset());
    let affected = Affected::between(&before, &after);
    assert!(affected.contains(ip("10.0.0.4")) && affected.contains(ip("fd00::4")));
    assert_eq!(names(&affected), [""; 0]);

    let mut replaced = old.clone();
    replaced.pods = replaced.pods.replace("{name: db,", "{name: another,");
    check(&old, &replaced, &["db"]);
}

#[test]
fn where_the_form_changes_every_local_pod_is_affected_and_nobody_else() {
    let local = ["web", "db", "job"];
    // The first pod that is isolated in a direction adds a rule.
    check(&with(""), &with(&db_admits(&["web"])), &local);
    let none = Ruleset::default();
    let (first, after) = (Affected::all(&with("").ruleset()), with(&db_admits(&[])).ruleset());
    assert_eq!(names(&first), local);
    assert_eq!(names(&Affected::between(&none, &after)), local);
    assert_eq!(names(&Affected::between(&after, &none)), local);
    let unknown = Affected::all(&after).with_unknown(["10.0.0.0/24".parse().unwrap()]);
    assert!(unknown.contains(ip("10.0.0.99")) && !unknown.contains(ip("10.0.1.1")));
}

#[test]
fn host_rules_affect_nobody_as_long_as_there_are_some() {
    let with_rules = |host| Node { host, ..isolated(&db_admits(&["web"])) };
    let before = with_rules("domain (ip ip6) chain FORWARD { proto tcp dport 22 ACCEPT; policy DROP; }");
    let after = with_rules(
        "@def $A = (10.0.0.1 10.0.0.2);
         domain ip chain FORWARD { saddr $A ACCEPT; } domain (ip ip6) chain FORWARD { policy DROP; } chain INPUT DROP;",
    );
    check(&before, &after, &[]);
}

#[test]
fn ranges_are_merged_and_found() {
    let range = |low: &str, high: &str| (ip(low), ip(high));
    let affected = Affected::of([
        range("10.0.0.9", "10.0.0.12"),
        range("10.0.0.1", "10.0.0.1"),
        range("10.0.0.10", "10.0.0.20"),
        range("fd00::1", "fd00::5"),
        range("10.0.0.5", "10.0.0.4"),
    ]);
    let is_in = |text: &str| affected.contains(text.parse::<IpAddr>().unwrap());
    assert!(["10.0.0.1", "10.0.0.9", "10.0.0.15", "10.0.0.20", "fd00::3"].iter().all(|text| is_in(text)));
    assert!(["10.0.0.0", "10.0.0.2", "10.0.0.4", "10.0.0.21", "fd00::", "fd00::6"].iter().all(|text| !is_in(text)));
    assert!(Affected::default().is_empty() && !affected.is_empty());
}
