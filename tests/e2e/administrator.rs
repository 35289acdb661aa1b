//! Whoever changes the cluster in a test.

use std::path::Path;

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::yaml;

/// The namespace and the name of the agent's service account.
pub(crate) const AGENT: (&str, &str) = ("palisade-system", "palisade");

/// The name that the API server knows it by.
pub(crate) const AGENT_USER: &str = "system:serviceaccount:palisade-system:palisade";

/// A way in by this file.
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

pub(crate) struct Administrator {
    runtime: Runtime,
    client: Client,
}

impl Administrator {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(client(kubeconfig));
        Self { runtime, client }
    }

    /// The code of an answer, and the answer.
    pub(crate) fn ask(&self, method: &Method, path: &str, body: &Value) -> (u16, Value) {
        let content = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, content, body)
    }

    fn send(&self, method: &Method, path: &str, content: &str, body: Vec<u8>) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", content);
        match self.runtime.block_on(self.client.request::<Value>(request.body(body).unwrap())) {
            Ok(answer) => (200, answer),
            Err(kube::Error::Api(status)) => (status.code, json!({"message": status.message})),
            Err(error) => panic!("{method} {path}: {error:?}"),
        }
    }

    pub(crate) fn get(&self, path: &str) -> u16 {
        self.ask(&Method::GET, path, &Value::Null).0
    }

    #[track_caller]
    fn done(&self, method: &Method, path: &str, body: &Value) -> Value {
        let (code, answer) = self.ask(method, path, body);
        assert_eq!(code, 200, "{method} {path}: {answer}");
        answer
    }

    /// Makes an object of a collection.
    #[track_caller]
    pub(crate) fn create(&self, collection: &str, object: &Value) -> Value {
        self.done(&Method::POST, collection, object)
    }

    /// Creates or updates an object from a document, as `kubectl apply --server-side` does.
    #[track_caller]
    pub(crate) fn apply(&self, path: &str, document: &str) {
        let uri = format!("{path}?fieldManager=test&force=true");
        let document = document.as_bytes().to_vec();
        let (code, answer) = self.send(&Method::PATCH, &uri, "application/apply-patch+yaml", document);
        assert_eq!(code, 200, "{path}: {answer}");
    }

    /// Sends a document as it is.
    #[track_caller]
    pub(crate) fn write(&self, method: &Method, path: &str, document: &str) {
        let (code, answer) = self.send(method, path, "application/yaml", document.as_bytes().to_vec());
        assert_eq!(code, 200, "{path}: {answer}");
    }

    #[track_caller]
    pub(crate) fn patch(&self, path: &str, change: &Value) {
        self.done(&Method::PATCH, path, change);
    }

    /// Puts an object in the place of the one that is there.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, object: &Value) {
        self.done(&Method::PUT, path, object);
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        self.done(&Method::DELETE, path, &json!({"gracePeriodSeconds": 0}));
    }

    /// A namespace in which pods can be made: without the service account, which a controller makes elsewhere, none can.
    pub(crate) fn namespace(&self, name: &str, labels: &Value) {
        self.create("/api/v1/namespaces", &json!({"metadata": {"name": name, "labels": labels}}));
        self.create(&format!("/api/v1/namespaces/{name}/serviceaccounts"), &json!({"metadata": {"name": "default"}}));
    }

    /// A pod that runs on a node and has its addresses, as a kubelet would report it.
    pub(crate) fn pod(&self, namespace: &str, name: &str, labels: &Value, node: &str, addresses: &[String]) {
        self.pod_with_ports(namespace, name, labels, node, addresses, &json!([]));
    }

    /// The same with ports that have names.
    pub(crate) fn pod_with_ports(
        &self,
        namespace: &str,
        name: &str,
        labels: &Value,
        node: &str,
        addresses: &[String],
        ports: &Value,
    ) {
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let env = json!([{"name": "TOKEN", "value": "secret"}]);
        let containers = json!([{"name": "c", "image": "none", "env": env, "ports": ports}]);
        let spec = json!({"nodeName": node, "containers": containers});
        self.create(&pods, &json!({"metadata": {"name": name, "labels": labels}, "spec": spec}));
        self.pod_status(namespace, name, "Running", addresses);
    }

    /// A node with its addresses, as its kubelet would report it.
    pub(crate) fn node(&self, name: &str, addresses: &[String]) {
        self.create("/api/v1/nodes", &json!({"metadata": {"name": name}}));
        let addresses: Vec<_> = addresses.iter().map(|ip| json!({"type": "InternalIP", "address": ip})).collect();
        self.patch(&format!("/api/v1/nodes/{name}/status"), &json!({"status": {"addresses": addresses}}));
    }

    pub(crate) fn pod_status(&self, namespace: &str, name: &str, phase: &str, addresses: &[String]) {
        let addresses: Vec<_> = addresses.iter().map(|address| json!({"ip": address})).collect();
        let status = json!({"phase": phase, "podIP": addresses[0]["ip"], "podIPs": addresses});
        self.patch(&format!("/api/v1/namespaces/{namespace}/pods/{name}/status"), &json!({"status": status}));
    }

    /// The agent's service account and roles as the chart makes them, with these rules in the place of those of its
    /// cluster role; its token.
    pub(crate) fn agent(&self, cluster_rules: &Value) -> String {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for mut object in installed() {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            let collection = match object["kind"].as_str().unwrap() {
                "Namespace" => "/api/v1/namespaces".to_owned(),
                "ServiceAccount" => format!("/api/v1/namespaces/{namespace}/serviceaccounts"),
                "ClusterRole" => format!("{rbac}/clusterroles"),
                "ClusterRoleBinding" => format!("{rbac}/clusterrolebindings"),
                "Role" => format!("{rbac}/namespaces/{namespace}/roles"),
                "RoleBinding" => format!("{rbac}/namespaces/{namespace}/rolebindings"),
                _ => continue,
            };
            if object["kind"] == "ClusterRole" {
                object["rules"] = cluster_rules.clone();
            }
            self.create(&collection, &object);
        }
        self.token()
    }

    /// Lets the agent list and watch one more ConfigMap of kube-system, by the role that the chart makes for the baseline's.
    pub(crate) fn may_read_config_map(&self, config_map: &str) {
        let role = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles/palisade-baseline";
        let rules = json!([{
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["palisade-egress-baseline", config_map],
            "verbs": ["list", "watch"],
        }]);
        self.patch(role, &json!({"rules": rules}));
    }

    fn token(&self) -> String {
        let (namespace, name) = AGENT;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let token = self.create(&path, &json!({"spec": {}}));
        token["status"]["token"].as_str().unwrap().to_owned()
    }

    /// Makes every token of the agent's worthless; gives a new one.
    pub(crate) fn replace_agent(&self) -> String {
        let (namespace, name) = AGENT;
        let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.delete(&format!("{accounts}/{name}"));
        self.create(&accounts, &json!({"metadata": {"name": name}}));
        self.token()
    }
}

/// What the chart installs.
pub(crate) fn installed() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/install.yaml");
    yaml::documents(&std::fs::read_to_string(path).unwrap())
}

/// What the agent may see of the whole cluster, where no policy is about nodes or Services.
pub(crate) fn cluster_rules() -> Value {
    let rules = all_cluster_rules();
    let is_kept =
        |rule: &&Value| !["nodes", "services", "endpointslices"].iter().any(|kind| rule["resources"][0] == *kind);
    rules.as_array().unwrap().iter().filter(is_kept).cloned().collect()
}

/// The same where they may be: all of the chart's cluster role.
pub(crate) fn all_cluster_rules() -> Value {
    let role = installed().into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
    role["rules"].clone()
}
