//! What others do to the table while the agent follows a cluster: flushed and deleted again and again, under traffic,
//! while the cluster changes.

use std::thread;
use std::time::Duration;

use crate::figures::Timed;
use crate::traffic::{NODE, Traffic};

/// How often others flush the ruleset or delete the table.
const TIMES: u64 = 40;

const FOREIGN: [&str; 2] = ["flush table inet palisade", "delete table inet palisade"];

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_table_that_has_an_owner_is_flushed_by_nobody_while_the_cluster_changes() {
    let _timed = Timed::begin("foreign: owned");
    let traffic = Traffic::up();
    let agent = traffic.agent();
    agent.until_ready();
    traffic.settle();
    if agent.report().unwrap()["owner"] != true {
        crate::figures::report("foreign: left out: this kernel has no tables that outlive their owner");
        return;
    }
    let node = traffic.lab.namespace(NODE).unwrap();
    traffic.judged_right("flushes and deletions of an owned table", || {
        for n in 0..TIMES {
            traffic.change();
            for foreign in FOREIGN {
                assert!(node.nft(foreign).is_err(), "{foreign} was let through");
            }
            // The traffic's account is a table of others too: everything else of the ruleset is flushed.
            node.nft(&format!("add table inet stranger-{n}\ndelete table inet stranger-{n}")).unwrap();
        }
        traffic.settle();
    });
    assert_eq!(agent.report().unwrap()["drift"]["repairs"], 0);
    // It goes on after a flush of everything, which takes the traffic's account along.
    node.nft("flush ruleset").unwrap();
    traffic.settle();
    traffic.is_judged_right();
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_shared_table_is_put_right_each_time_while_the_cluster_changes() {
    let _timed = Timed::begin("foreign: shared");
    let traffic = Traffic::up();
    let agent = traffic.agent_with(&["--table-owner", "shared"]);
    agent.until_ready();
    traffic.settle();
    let node = traffic.lab.namespace(NODE).unwrap();
    let repairs = || agent.report().and_then(|report| report["drift"]["repairs"].as_u64()).unwrap_or(0);
    let account = traffic.accounted("flushes and deletions of a shared table", || {
        for n in 0..TIMES {
            let foreign = FOREIGN[usize::from(n / 2 % 2 == 1)];
            if n % 2 == 0 {
                let before = repairs();
                node.nft(foreign).unwrap();
                agent.until("it is put right", |report| report["drift"]["repairs"].as_u64() > Some(before));
            } else {
                // Beside a change of ours, which may be what puts it right.
                traffic.change();
                node.nft(foreign).unwrap();
                traffic.settle();
            }
        }
    });
    // What leaks until a table is put right hangs on the machine; nothing that is allowed may be lost.
    assert_eq!(account.lost, 0, "{account:?}");
    assert!(account.leaked < account.denied, "{account:?}");
    assert!(repairs() >= TIMES / 2, "{}", repairs());
    traffic.judged_right("after the last of them", || thread::sleep(Duration::from_millis(300)));
    let last = agent.report().unwrap()["drift"]["last"].as_str().unwrap().to_owned();
    assert!(last.starts_with("nft (process "), "{last}");
    node.nft("flush ruleset").unwrap();
    traffic.settle();
    traffic.is_judged_right();
}
