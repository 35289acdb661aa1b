//! The agent's rights, which are the chart's: what it needs is permitted, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watcher::lab::Namespace;

use crate::administrator::{AGENT_USER, Administrator, all_cluster_rules, cluster_rules, installed};
use crate::container::{Container, is_in_sync, lost};
use crate::server::Server;
use crate::tools;

/// A baseline about nodes and Services, so that every right is used.
const BASELINE: &str = "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {name: standard}\n\
                        default: pass\notherwise: allow\n\
                        always: [{name: api, to: [\"@apiserver\"]}, {name: nodes, to: [\"@nodes\"], ports: [10250/TCP]}]\n";

/// Every source of an agent, and the resource that it is made of.
const SOURCES: [(&str, &str); 8] = [
    ("pods", "pods"),
    ("namespaces", "namespaces"),
    ("networkpolicies", "networkpolicies"),
    ("clusternetworkpolicies", "clusternetworkpolicies"),
    ("nodes", "nodes"),
    ("services", "services"),
    ("endpointslices", "endpointslices"),
    ("baseline", "configmaps"),
];

/// The ruleset without its counters.
const LIST: &[&str] = &["-s", "list", "table", "inet", "palisade"];

/// A cluster in which everything that an agent may follow is there.
fn cluster() -> (Server, Administrator, String) {
    let server = Server::start();
    let administrator = server.administrator();
    let definition = tools::folder().join("crds/clusternetworkpolicies.yaml");
    let kubeconfig = server.directory().join("kubeconfig");
    tools::kubectl(&kubeconfig, &["apply", "--server-side", "-f", definition.to_str().unwrap()], "");
    let baseline = json!({"metadata": {"name": "palisade-egress-baseline"}, "data": {"baseline.yaml": BASELINE}});
    administrator.create("/api/v1/namespaces/kube-system/configmaps", &baseline);
    let token = administrator.agent(&all_cluster_rules());
    (server, administrator, token)
}

fn all_in_sync(report: &Value) -> bool {
    report["ready"] == true && SOURCES.iter().all(|(source, _)| is_in_sync(report, source))
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn an_agent_of_the_chart_asks_for_what_its_roles_name_and_for_nothing_else() {
    let (server, _administrator, token) = cluster();
    let node = Namespace::new("node").unwrap();
    node.ip("link set lo up").unwrap();
    let mut agent = Container::start(&node, &server, &token, |_| json!({}), None);
    agent.until("every source", all_in_sync);

    let mut permitted = BTreeSet::new();
    for role in installed().iter().filter(|object| object["kind"] == "ClusterRole" || object["kind"] == "Role") {
        for rule in role["rules"].as_array().unwrap() {
            let verbs = words(&rule["verbs"]);
            assert!(verbs.iter().all(|verb| *verb == "list" || *verb == "watch"), "{role}");
            for kind in words(&rule["resources"]) {
                permitted.extend(verbs.iter().map(|verb| ((*verb).to_owned(), kind.to_owned())));
            }
        }
    }
    let asked = server.requests_of(AGENT_USER);
    for request in &asked {
        let pair = (request.verb.clone(), request.resource.clone());
        assert!(permitted.contains(&pair), "the chart does not name {request:?}");
        assert_ne!(request.code, 403, "{request:?}");
        let by_name = request.uri.contains("fieldSelector=metadata.name%3Dpalisade-egress-baseline");
        assert!(by_name || request.resource != "configmaps", "{request:?}");
    }
    // Nothing is permitted that is of no use: each kind was watched.
    let watched: BTreeSet<_> = asked.iter().map(|request| &request.resource).collect();
    let named: BTreeSet<_> = permitted.iter().map(|(_, kind)| kind).collect();
    assert_eq!(watched, named);
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Each resource of the chart's roles is taken out of them by itself.
#[test]
#[ignore = "needs an API server: make e2e"]
fn a_right_that_is_taken_away_is_named_and_what_is_enforced_stays() {
    let (server, administrator, token) = cluster();
    let policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";
    administrator.namespace("shop", &json!({}));
    administrator.pod("shop", "db", &json!({"app": "db"}), "node-a", &["10.244.1.11".to_owned()]);
    administrator.create(policies, &json!({"metadata": {"name": "db"}, "spec": {"podSelector": {}}}));
    let node = Namespace::new("node").unwrap();
    node.ip("link set lo up").unwrap();
    let mut agent = Container::start(&node, &server, &token, |_| json!({}), None);
    agent.until("every source", all_in_sync);
    let in_force = node.nft_list(LIST).unwrap();
    assert!(in_force.contains("10.244.1.11"), "{in_force}");

    let roles = "/apis/rbac.authorization.k8s.io/v1";
    let cluster_role = format!("{roles}/clusterroles/palisade");
    let role = format!("{roles}/namespaces/kube-system/roles/palisade-baseline");
    for (source, resource) in SOURCES {
        let (path, rules) = if resource == "configmaps" {
            (&role, installed().iter().find(|object| object["kind"] == "Role").unwrap()["rules"].clone())
        } else {
            (&cluster_role, all_cluster_rules())
        };
        let mut fewer = rules.clone();
        for rule in fewer.as_array_mut().unwrap() {
            rule["resources"].as_array_mut().unwrap().retain(|kind| kind != resource);
        }
        fewer.as_array_mut().unwrap().retain(|rule| rule["resources"] != json!([]));
        administrator.patch(path, &json!({"rules": fewer}));
        // What is being watched goes on; the next watch is refused.
        agent.relay.cut();
        agent.relay.mend();
        let report = agent.until(&format!("{source} to be refused"), |report| {
            lost(report, source).is_some_and(|why| why.contains("403"))
                && SOURCES.iter().all(|(other, _)| *other == source || is_in_sync(report, other))
        });
        assert!(lost(&report, source).unwrap().contains(resource), "{report:#?}");
        assert_eq!(node.nft_list(LIST).unwrap(), in_force, "without {source}");
        administrator.patch(path, &json!({"rules": rules}));
        agent.until(&format!("{source} to be given back"), all_in_sync);
    }
}

/// With the address of the Service leading nowhere, as before kube-proxy has run, and a token that is replaced.
#[test]
#[ignore = "needs an API server: make e2e"]
fn an_agent_finds_the_api_server_by_the_address_of_the_chart_and_reads_a_new_token() {
    let (server, administrator, token) = cluster();
    let node = Namespace::new("node").unwrap();
    node.ip("link set lo up").unwrap();
    let nowhere = Some(("192.0.2.1", 443));
    let values = |port| json!({"apiServer": {"url": format!("https://127.0.0.1:{port}")}});
    let mut agent = Container::start(&node, &server, &token, values, nowhere);
    agent.until("every source", all_in_sync);

    let token = administrator.replace_agent();
    // A server remembers for some seconds whom it let in.
    std::thread::sleep(std::time::Duration::from_secs(12));
    agent.relay.cut();
    agent.relay.mend();
    agent.until("the old token to be refused", |report| lost(report, "pods").is_some_and(|why| why.contains("401")));
    agent.replace_token(&token);
    agent.until("the new token to be taken", all_in_sync);
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn the_agents_account_may_list_and_watch_what_it_enforces_and_nothing_else() {
    let server = Server::start();
    let administrator = server.administrator();
    administrator.namespace("shop", &json!({}));
    let token = administrator.agent(&cluster_rules());
    let agent = Administrator::new(&server.kubeconfig("agent", &token, server.port()));
    let policies = "/apis/networking.k8s.io/v1/networkpolicies";
    let baseline = "/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%3Dpalisade-egress-baseline";
    for path in ["/api/v1/pods", "/api/v1/namespaces", policies, baseline] {
        assert_eq!(agent.get(path), 200, "{path}");
    }
    for path in [
        "/api/v1/secrets",
        "/api/v1/nodes",
        "/api/v1/services",
        "/api/v1/configmaps",
        "/api/v1/namespaces/kube-system/configmaps",
        "/api/v1/namespaces/shop",
        "/api/v1/namespaces/kube-system/configmaps/another",
    ] {
        assert_eq!(agent.get(path), 403, "{path}");
    }
    let (code, _) = agent.ask(&http::Method::POST, "/api/v1/namespaces/shop/pods", &json!({"metadata": {"name": "p"}}));
    assert_eq!(code, 403);
    let (code, _) = agent.ask(&http::Method::DELETE, "/api/v1/namespaces/shop", &Value::Null);
    assert_eq!(code, 403);
}
