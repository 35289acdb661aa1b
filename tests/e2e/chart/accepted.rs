//! A real API server takes what the chart renders.

use std::fs;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use super::{cases, of_kind};
use crate::administrator::Administrator;
use crate::server::Server;
use crate::tools::{self, NAMESPACE, kubectl};

/// A cluster with the kinds of others, and with the namespace of the agent.
fn cluster() -> (Server, Administrator) {
    let server = Server::start();
    let administrator = server.administrator();
    let definitions = tools::folder().join("crds");
    let kubeconfig = server.directory().join("kubeconfig");
    // Their annotations are too large for the other kind of apply.
    kubectl(&kubeconfig, &["apply", "--server-side", "-f", definitions.to_str().unwrap()], "");
    kubectl(
        &kubeconfig,
        &["wait", "--for=condition=Established", "--timeout=60s", "-f", definitions.to_str().unwrap()],
        "",
    );
    let namespace = tools::objects(&json!({"namespace": {"create": true}}));
    let namespace = of_kind(&namespace, "Namespace")[0].clone();
    administrator.create("/api/v1/namespaces", &namespace);
    (server, administrator)
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn an_api_server_accepts_every_shape_of_the_chart() {
    let (server, _administrator) = cluster();
    let kubeconfig = server.directory().join("kubeconfig");
    for (case, values) in cases() {
        let rendered = tools::render(&tools::chart(), &values).unwrap_or_else(|error| panic!("{case}: {error}"));
        let said = dry_run(&kubeconfig, &rendered);
        let n_objects = tools::objects(&values).len();
        assert!(n_objects > 1, "{case}");
        assert_eq!(said.lines().count(), n_objects, "{case}: {said}");
    }
    // The judge does judge.
    let wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: default}\nspec: {portss: []}\n";
    let refusal = std::panic::catch_unwind(|| dry_run(&kubeconfig, wrong));
    assert!(refusal.is_err(), "{refusal:?}");
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn the_plain_manifest_is_installed_as_it_is() {
    let server = Server::start();
    let kubeconfig = server.directory().join("kubeconfig");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/install.yaml");
    kubectl(&kubeconfig, &["apply", "-f", path.to_str().unwrap()], "");
    let again = kubectl(&kubeconfig, &["apply", "-f", path.to_str().unwrap()], "");
    let changed: Vec<_> = again.lines().filter(|line| !line.ends_with("unchanged")).collect();
    assert!(changed.is_empty(), "{changed:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(again.lines().count(), crate::yaml::documents(&text).len());
}

/// Pod security is admission's business, which looks at pods: the pod of each daemon set is asked for in a namespace with the
/// chart's labels, and in ones with the other levels.
#[test]
#[ignore = "needs an API server: make e2e"]
fn the_labels_of_the_namespace_are_what_lets_the_pods_in() {
    let (server, administrator) = cluster();
    for level in ["baseline", "restricted"] {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        administrator.create("/api/v1/namespaces", &json!({"metadata": {"name": level, "labels": labels}}));
    }
    for namespace in [NAMESPACE, "baseline", "restricted"] {
        for account in ["palisade", "node-firewall"] {
            let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
            administrator.create(&accounts, &json!({"metadata": {"name": account}}));
        }
    }
    let mut n_pods = 0;
    for (case, values) in cases() {
        for daemon_set in of_kind(&tools::objects(&values), "DaemonSet") {
            let template = &daemon_set["spec"]["template"];
            let pod = json!({"metadata": {"name": "agent"}, "spec": template["spec"]});
            let ask = |namespace: &str| {
                administrator.ask(&Method::POST, &format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"), &pod)
            };
            let (code, answer) = ask(NAMESPACE);
            assert_eq!(code, 200, "{case}: {answer}");
            for level in ["baseline", "restricted"] {
                let (code, answer) = ask(level);
                let message = answer["message"].as_str().unwrap_or_default();
                assert!(code == 403 && message.contains("violates PodSecurity"), "{case}: {code} {answer}");
            }
            n_pods += 1;
        }
    }
    assert!(n_pods > cases().len());
    drop(server);
}

fn dry_run(kubeconfig: &Path, objects: &str) -> String {
    kubectl(kubeconfig, &["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], objects)
}

/// So that a rendered object that is nothing does not count as one.
#[test]
#[ignore = "needs helm: make e2e"]
fn every_rendered_object_has_a_kind_a_name_and_the_charts_labels() {
    for (case, values) in cases() {
        for object in tools::objects(&values) {
            let metadata: &Value = &object["metadata"];
            assert!(object["kind"].is_string() && metadata["name"].is_string(), "{case}: {object}");
            assert_eq!(metadata["labels"]["app.kubernetes.io/instance"], "palisade", "{case}: {object}");
        }
    }
}
