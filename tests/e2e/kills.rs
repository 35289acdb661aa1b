//! Ends and beginnings of agents on a cluster that changes: killed, with the state of another version, two at once.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::agent::Agent;
use crate::figures::{Timed, report};
use crate::server::Server;
use crate::traffic::{NODE, Traffic};

/// How often it is killed.
const KILLS: u64 = 100;

#[test]
#[ignore = "needs an API server: make e2e"]
fn killed_a_hundred_times_while_the_cluster_changes_it_judges_no_packet_wrong() {
    let _timed = Timed::begin("kills");
    let traffic = Traffic::up();
    let mut agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    let (mut n_in_sync, mut n_generations) = (0, 0);
    traffic.judged_right(&format!("{KILLS} kills"), || {
        for n in 0..KILLS {
            // Some are let to their work before the change that they are killed at.
            if n % 4 == 0 {
                agent.until_ready();
            }
            traffic.change();
            // Killed at another moment each time: while it connects, reads, compiles, applies, or has done all of it.
            thread::sleep(Duration::from_millis(n * 37 % 400));
            let found = agent.report();
            n_in_sync += u32::from(found.as_ref().is_some_and(|report| report["ready"] == true));
            n_generations += found.and_then(|report| report["generation"].as_u64()).unwrap_or(0);
            agent.kill();
            agent.resume(&traffic.lab);
        }
        agent.until_ready();
        traffic.settle();
    });
    report(&format!("of {KILLS} killed {n_in_sync} were ready, {n_generations} generations were put in force"));
    traffic.is_judged_right();
}

/// A snapshot of this version, as another version would have written it.
fn of_version(facts: &str, version: u32) -> String {
    let rest = facts.strip_prefix("palisade-facts 1 ").unwrap();
    format!("palisade-facts {version} {rest}")
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_state_of_a_newer_or_an_older_version_is_passed_over_and_replaced() {
    let _timed = Timed::begin("upgrade and downgrade");
    let traffic = Traffic::up();
    let mut agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    for (what, version) in [("an upgrade", 0), ("a downgrade", 2)] {
        assert!(agent.stop().success());
        let path = agent.path("state").join("facts");
        let facts = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, of_version(&facts, version)).unwrap();
        let n_unusable = agent.log().matches("snapshot-unusable").count();
        traffic.judged_right(what, || {
            // The API server cannot be reached at first: only what is in the kernel and on the disk is known.
            agent.relay.cut();
            agent.resume(&traffic.lab);
            agent.until("it waits", |report| report["ready"] == false && report["enforcing"] == "adopted");
            traffic.change();
            thread::sleep(Duration::from_millis(500));
            agent.relay.mend();
            agent.until_ready();
            traffic.settle();
        });
        assert_eq!(agent.log().matches("snapshot-unusable").count(), n_unusable + 1, "{}", agent.log());
        traffic.is_judged_right();
    }
    assert!(agent.stop().success());
    let facts = std::fs::read_to_string(agent.path("state").join("facts")).unwrap();
    assert!(facts.starts_with("palisade-facts 1 "), "it was not replaced: {facts}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn of_two_agents_on_a_node_one_enforces_and_the_other_takes_over_when_it_goes() {
    let _timed = Timed::begin("two agents");
    let traffic = Traffic::up();
    let mut first = traffic.agent();
    first.until_ready();
    // By the same folders it ends at once and says why.
    let (status, said) = first.another(&traffic.lab);
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("palisade agent"), "{said}");

    // With folders of its own, as another pod has them, only the kernel can tell.
    let apart = apart(&traffic.server);
    let second = Agent::start_at(&traffic.lab, NODE, &traffic.server, &traffic.token, &apart);
    let is_owner = first.report().unwrap()["owner"] == true;
    if !is_owner {
        report("two agents: left out what hangs on tables that outlive their owner, which this kernel has not");
        return;
    }
    let is_refused = |report: &Value| {
        let why = report["lastFailure"].as_str().unwrap_or_default();
        report["ready"] == false && why.contains("owned by another process")
    };
    second.until("it has read everything", |report| !report["sources"].to_string().contains("\"inSync\":false"));
    traffic.judged_right("two agents", || {
        // What only the second has heard of it wants to write, and may not.
        first.relay.hang();
        traffic.change();
        second.until("it is refused", is_refused);
        first.relay.mend();
        traffic.settle();
        traffic.change();
        traffic.settle();
        first.kill();
        traffic.change();
        traffic.settle();
        second.until("it has taken over", |report| report["ready"] == true && report["failures"] == 0);
    });
    let node = traffic.lab.namespace(NODE).unwrap();
    assert!(node.nft("delete table inet palisade").is_err(), "nobody owns the table");
    traffic.is_judged_right();
}

fn apart(server: &Server) -> PathBuf {
    let apart = server.directory().join("apart");
    std::fs::create_dir_all(&apart).unwrap();
    apart
}
