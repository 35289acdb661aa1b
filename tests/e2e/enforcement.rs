//! Two agents, each the agent of a node, and what packets may do.

use std::thread;
use std::time::Duration;

use serde_json::json;
use watcher::lab::Outcome;

use crate::administrator::AGENT_USER;
use crate::audit;
use crate::cluster::{Cluster, POLICIES};
use crate::figures::Timed;

#[test]
#[ignore = "needs an API server: make e2e"]
fn policies_of_the_api_decide_what_packets_may_do_on_every_node() {
    let _timed = Timed::begin("enforcement: policies");
    let cluster = Cluster::up();
    let mut agents = ["node-a", "node-b"].map(|node| cluster.agent(node));
    cluster.until("shop/web", "shop/db", Outcome::Open);

    let from_cart = json!([{"from": [{"podSelector": {"matchLabels": {"app": "cart"}}}]}]);
    let of_db = json!({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": from_cart});
    cluster.administrator.create(POLICIES, &json!({"metadata": {"name": "db"}, "spec": of_db}));
    cluster.until("shop/web", "shop/db", Outcome::Dropped);
    assert_eq!(cluster.outcomes("shop/cart", "shop/db"), [Outcome::Open; 2]);

    let no_egress = json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]});
    cluster.administrator.create(POLICIES, &json!({"metadata": {"name": "web"}, "spec": no_egress}));
    cluster.until("shop/web", "shop/cart", Outcome::Dropped);

    // A pod of another node becomes one that may.
    cluster.administrator.delete(&format!("{POLICIES}/web"));
    cluster.administrator.patch("/api/v1/namespaces/shop/pods/web", &json!({"metadata": {"labels": {"app": "cart"}}}));
    cluster.until("shop/web", "shop/db", Outcome::Open);
    cluster.administrator.patch("/api/v1/namespaces/shop/pods/web", &json!({"metadata": {"labels": {"app": "web"}}}));
    cluster.until("shop/web", "shop/db", Outcome::Dropped);

    // An agent that is killed, and one that cannot reach the API server: what was enforced is enforced.
    agents[0].kill();
    assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
    agents[0].resume(&cluster.lab);
    agents[0].relay.cut();
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(250));
        assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
        assert_eq!(cluster.outcomes("shop/cart", "shop/db"), [Outcome::Open; 2]);
    }
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    thread::sleep(Duration::from_millis(500));
    assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
    agents[0].relay.mend();
    cluster.until("shop/web", "shop/db", Outcome::Open);

    let asked = cluster.server.requests_of(AGENT_USER);
    assert!(!asked.is_empty());
    let refused: Vec<_> = asked.iter().filter(|request| request.code == 403).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let other: Vec<_> = audit::kinds(&asked).into_iter().filter(|kind| !kind.starts_with("watch ")).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn whatever_becomes_of_the_api_server_what_was_enforced_is_enforced() {
    let _timed = Timed::begin("enforcement: the API server");
    let mut cluster = Cluster::up();
    let _agents = ["node-a", "node-b"].map(|node| cluster.agent(node));
    let closed = json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]});
    let policy = json!({"metadata": {"name": "db"}, "spec": closed});
    cluster.administrator.create(POLICIES, &policy);
    cluster.until("shop/web", "shop/db", Outcome::Dropped);
    let is_kept = |cluster: &Cluster| {
        for _ in 0..6 {
            assert_eq!(cluster.outcomes("shop/web", "shop/db"), [Outcome::Dropped; 2]);
            assert_eq!(cluster.outcomes("shop/db", "shop/web"), [Outcome::Open; 2]);
            thread::sleep(Duration::from_millis(250));
        }
    };

    cluster.server.freeze();
    is_kept(&cluster);
    cluster.server.thaw();
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    cluster.until("shop/web", "shop/db", Outcome::Open);
    cluster.administrator.create(POLICIES, &policy);
    cluster.until("shop/web", "shop/db", Outcome::Dropped);

    // It comes back with another certificate of the same authority, and with an empty watch cache.
    cluster.server.stop();
    is_kept(&cluster);
    cluster.server.resume_renewed();
    cluster.administrator = cluster.server.administrator();
    is_kept(&cluster);
    cluster.administrator.delete(&format!("{POLICIES}/db"));
    cluster.until("shop/web", "shop/db", Outcome::Open);
}
