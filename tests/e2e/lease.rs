//! The Lease of a node: written by the chart's rights, and named as missing without them.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watcher::lab::Namespace;

use crate::administrator::{AGENT_USER, Administrator, all_cluster_rules};
use crate::container::Container;
use crate::server::Server;
use crate::tools;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/palisade-system/leases/node-a";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/palisade-system";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";

/// A change is written ten seconds after another at the latest.
const LIMIT: Duration = Duration::from_secs(60);

fn values() -> Value {
    json!({"lease": {"enabled": true}})
}

/// The role of the values, and its binding.
fn permit(administrator: &Administrator) {
    let objects = tools::objects(&values());
    let named = objects.iter().filter(|object| object["metadata"]["name"] == "palisade-lease");
    for object in named {
        let kind = if object["kind"] == "Role" { "roles" } else { "rolebindings" };
        administrator.create(&format!("{ROLES}/{kind}"), object);
    }
}

fn annotation(administrator: &Administrator, key: &str) -> Option<String> {
    let (code, lease) = administrator.ask(&http::Method::GET, LEASE, &Value::Null);
    let value = &lease["metadata"]["annotations"][format!("palisade.dev/{key}")];
    (code == 200).then(|| value.as_str().map(str::to_owned)).flatten()
}

/// Waits until the Lease says this.
#[track_caller]
fn until(administrator: &Administrator, key: &str, wanted: &str) {
    let limit = Instant::now() + LIMIT;
    while annotation(administrator, key).as_deref() != Some(wanted) {
        assert!(Instant::now() < limit, "{key}: {:?}", annotation(administrator, key));
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_lease_says_which_generation_is_programmed_and_without_the_right_it_is_named() {
    let server = Server::start();
    let administrator = server.administrator();
    let token = administrator.agent(&all_cluster_rules());
    administrator.namespace("shop", &json!({}));
    administrator.pod("shop", "db", &json!({"app": "db"}), "node-a", &["10.244.1.11".to_owned()]);
    permit(&administrator);
    let node = Namespace::new("node").unwrap();
    node.ip("link set lo up").unwrap();
    let mut agent = Container::start(&node, &server, &token, |_| values(), None);
    let report = agent.until("it to be ready", |report| report["ready"] == true);
    until(&administrator, "ready", "true");
    until(&administrator, "generation", &report["generation"].to_string());
    assert_eq!(annotation(&administrator, "enforcing").as_deref(), Some("sources"));
    assert!(annotation(&administrator, "programmed-since").is_some_and(|since| since.ends_with('Z')));

    let policy = |name: &str| json!({"metadata": {"name": name}, "spec": {"podSelector": {}}});
    administrator.create(POLICIES, &policy("db"));
    let is_later = |than: Value| move |report: &Value| report["generation"].as_u64() > than.as_u64();
    let report = agent.until("the policy", is_later(report["generation"].clone()));
    until(&administrator, "generation", &report["generation"].to_string());

    // Without the right it is named, and nothing else is different.
    administrator.patch(&format!("{ROLES}/roles/palisade-lease"), &json!({"rules": []}));
    administrator.create(POLICIES, &policy("later"));
    let report = agent.until("the refusal", |report| {
        report["lease"]["fault"].as_str().is_some_and(|why| why.contains("403") && why.contains("leases"))
    });
    assert_eq!((&report["ready"], report["lastFailure"].is_null()), (&json!(true), true), "{report:#?}");
    let nft = node.nft_list(&["-s", "list", "table", "inet", "palisade"]).unwrap();
    assert!(nft.contains("shop/db and 1 more: isolate ingress"), "{nft}");
    permit_again(&administrator);
    let report = agent.until("the right to be used", |report| report["lease"]["fault"].is_null());
    until(&administrator, "generation", &report["generation"].to_string());

    let asked = server.requests_of(AGENT_USER);
    let of_leases: Vec<_> = asked.iter().filter(|request| request.resource == "leases").collect();
    assert!(of_leases.len() >= 4 && of_leases.iter().all(|request| request.verb == "patch"), "{of_leases:#?}");
    assert!(of_leases.iter().all(|request| request.uri.starts_with(LEASE)), "{of_leases:#?}");
    let others = asked.iter().filter(|request| request.resource != "leases");
    assert!(others.clone().all(|request| request.verb == "list" || request.verb == "watch"), "{asked:#?}");
}

fn permit_again(administrator: &Administrator) {
    let objects = tools::objects(&values());
    let is_role = |object: &&Value| object["kind"] == "Role" && object["metadata"]["name"] == "palisade-lease";
    let role = objects.iter().find(is_role).unwrap();
    administrator.patch(&format!("{ROLES}/roles/palisade-lease"), &json!({"rules": role["rules"]}));
}

/// Where others keep the Leases by which they elect their leaders, a node's agent must not write any.
#[test]
#[ignore = "needs helm: make e2e"]
fn no_lease_is_kept_where_others_elect_their_leaders() {
    for (namespace, refusal) in [("kube-system", "the Leases of others"), ("kube-node-lease", "the Leases of others")] {
        let said = tools::render_in(namespace, &tools::chart(), &values()).expect_err(namespace);
        assert!(said.contains(refusal), "{said}");
        tools::render_in(namespace, &tools::chart(), &json!({})).unwrap();
    }
    assert!(!tools::render(&tools::chart(), &json!({})).unwrap().contains("coordination.k8s.io"));
}
