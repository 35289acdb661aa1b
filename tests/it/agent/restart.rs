//! Ends and beginnings: killed, asked to end, started where nobody answers, started twice.

use std::sync::Arc;
use std::time::Duration;

use super::node::{Node, opens, shuts};
use crate::privilege::{can_make_namespaces, report};
use crate::swap::load::{laboratory, under_load};

const ONE_SHUT: &str = "80/TCP  open  shut\nsender  open  drop\n";

/// How often it is killed; 100 times with `PALISADE_LONG`.
const KILLS: u32 = 15;

/// Packets a second.
const RATE: u32 = 6_000;

#[test]
fn killed_again_and_again_under_load_it_loses_and_leaks_nothing() {
    if !can_make_namespaces("agent kills") {
        return;
    }
    let kills = if std::env::var_os("PALISADE_LONG").is_some() { 100 } else { KILLS };
    let mut node = Node::of(laboratory());
    node.write("shut.yaml", &shuts("shut"));
    node.write("open.yaml", &opens("opens"));
    node.start_ready(&[]);
    let lab = Arc::clone(&node.lab);
    let ((), account) = under_load(&lab, RATE, || {
        for n in 0..kills {
            // Something to write for whoever lives, at another moment each time.
            node.write("open.yaml", &opens(["one", "other"][n as usize % 2]));
            std::thread::sleep(Duration::from_millis(u64::from(n * 37 % 120)));
            node.kill();
            assert!(node.is_loaded());
            node.start(&[]);
        }
        node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    });
    report(&format!(
        "{kills} kills: {} of {} allowed lost, {} of {} denied leaked",
        account.lost, account.allowed, account.leaked, account.denied
    ));
    assert!(account.allowed > 0 && account.denied > 0, "no load: {account:?}");
    assert_eq!((account.lost, account.leaked), (0, 0), "{account:?}");
    // What is written last is in force, and nothing of the dead is left.
    let listing = |node: &Node| node.namespace().nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap();
    let name = ["one", "other"][(kills as usize - 1) % 2];
    node.wait("the last policy is in force", || listing(&node).contains(&format!("x/{name}")));
    assert!(!listing(&node).contains("pl_tmp"), "{}", listing(&node));
}

#[test]
fn asked_to_end_it_leaves_everything_in_force_and_the_next_takes_it_over() {
    if !can_make_namespaces("agent end") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    let before = node.namespace().nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap();
    assert!(node.stop().success(), "{}", node.log());
    node.is(ONE_SHUT);
    // Without any memory of the former: only the kernel knows.
    std::fs::remove_dir_all(node.path("state")).unwrap();
    node.start_ready(&[]);
    node.is(ONE_SHUT);
    let after = node.namespace().nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap();
    assert_eq!(sorted(&before), sorted(&after));
}

#[test]
fn what_was_in_force_last_is_enforced_before_the_sources_answer() {
    if !can_make_namespaces("agent last good") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    reboot(&mut node);
    node.start(&[]);
    node.wait("the table is loaded", || node.is_loaded());
    node.is(ONE_SHUT);
    let waits = |(status, why): (u16, String)| status == 503 && why.contains("waits for baseline, manifests");
    node.wait("it says whom it waits for", || node.http("/ready").is_some_and(waits));
    assert_eq!(node.report().unwrap()["enforcing"], "last-good");
    // The sources win as soon as they answer.
    std::fs::rename(node.path("away"), node.path("manifests")).unwrap();
    node.remove("policy.yaml");
    node.wait("it is ready", || node.http("/ready").is_some_and(|(status, _)| status == 200));
    node.is("80/TCP  open  shut\nsender  open  open\n");
}

#[test]
fn a_damaged_snapshot_is_not_enforced() {
    if !can_make_namespaces("agent damaged snapshot") {
        return;
    }
    let mut node = Node::new();
    node.write("policy.yaml", &shuts("shut"));
    node.start_ready(&[]);
    reboot(&mut node);
    let whole = std::fs::read_to_string(node.path("state/facts")).unwrap();
    std::fs::write(node.path("state/facts"), whole.replace("10.244.1.13", "10.244.1.12")).unwrap();
    node.start(&[]);
    node.wait("it says so", || node.log().contains("snapshot-unusable"));
    node.wait("the sources are lost", || node.log().matches("source-lost").count() >= 2);
    assert!(!node.is_loaded());
    assert_eq!(node.http("/ready").unwrap().0, 503);
}

#[test]
fn a_second_agent_and_a_single_apply_are_refused() {
    if !can_make_namespaces("agent twice") {
        return;
    }
    let mut node = Node::new();
    node.start_ready(&[]);
    let output = node.namespace().output(node.command(&[]).stderr(std::process::Stdio::piped()), "");
    let refused = output.unwrap_err().to_string();
    assert!(refused.contains("exit status: 3") && refused.contains("palisade agent"), "{refused}");
    assert_eq!(node.http("/ready").unwrap().0, 200);
}

/// As a boot leaves it: no agent, no rules, and then nobody who answers.
fn reboot(node: &mut Node) {
    assert!(node.stop().success());
    node.namespace().nft("delete table inet palisade").unwrap();
    assert!(!node.is_loaded());
    std::fs::rename(node.path("manifests"), node.path("away")).unwrap();
}

/// nft lists sets and chains in the order in which they were made.
fn sorted(listing: &str) -> Vec<&str> {
    // Only the table's own line says who owns it.
    let mut lines: Vec<&str> = listing.lines().filter(|line| !line.contains("flags owner")).collect();
    lines.sort_unstable();
    lines
}
