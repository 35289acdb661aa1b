//! The agent's rights: what it needs is permitted, and nothing else.

use crate::administrator::{Administrator, cluster_rules};
use crate::server::Server;

#[test]
#[ignore = "needs an API server: make e2e"]
fn the_agents_account_may_list_and_watch_what_it_enforces_and_nothing_else() {
    let server = Server::start();
    let administrator = server.administrator();
    administrator.namespace("shop", &serde_json::json!({}));
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
    let (code, _) =
        agent.ask(&http::Method::POST, "/api/v1/namespaces/shop/pods", &serde_json::json!({"metadata": {"name": "p"}}));
    assert_eq!(code, 403);
    let (code, _) = agent.ask(&http::Method::DELETE, "/api/v1/namespaces/shop", &serde_json::Value::Null);
    assert_eq!(code, 403);
}
