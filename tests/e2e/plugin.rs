//! `kubectl palisade` as the real kubectl runs it, against the real API server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::administrator::AGENT;
use crate::server::Server;
use crate::tools;

/// The name by which the API server knows the user of its kubeconfig.
const USER: &str = "admin";

/// kubectl with the plugin and its completion in the search path, as the README has them laid.
struct Kubectl {
    folder: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    fn new(server: &Server) -> Self {
        let folder = server.directory().join("plugins");
        fs::create_dir_all(&folder).unwrap();
        for name in ["kubectl-palisade", "kubectl_complete-palisade"] {
            symlink(env!("CARGO_BIN_EXE_palisade"), folder.join(name)).unwrap();
        }
        Self { folder, kubeconfig: server.directory().join("kubeconfig") }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let path = format!("{}:{}:/usr/bin:/bin", self.folder.display(), tools::folder().display());
        let mut command = Command::new(tools::folder().join("kubectl"));
        command.args(arguments).env("PATH", path).env("KUBECONFIG", &self.kubeconfig).env("HOME", "/nonexistent");
        command.stdin(Stdio::null()).output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn the_plugin_is_found_asks_for_the_agent_of_a_node_and_explains_what_the_server_has() {
    let server = Server::start();
    let administrator = server.administrator();
    administrator.node("node-a", &["192.0.2.11".to_owned()]);
    administrator.namespace("shop", &json!({}));
    for (pod, address) in [("web", "10.244.1.11"), ("db", "10.244.1.12")] {
        administrator.pod("shop", pod, &json!({"app": pod}), "node-a", &[address.to_owned()]);
    }
    let policy = json!({"metadata": {"name": "db"}, "spec": {
        "podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"ports": [{"port": 5432}]}],
    }});
    administrator.create("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies", &policy);
    administrator.namespace(AGENT.0, &json!({}));
    let labels = json!({"app.kubernetes.io/name": "palisade"});
    administrator.pod(AGENT.0, "palisade-x", &labels, "node-a", &["192.0.2.11".to_owned()]);
    let kubectl = Kubectl::new(&server);

    let listed = text(&kubectl.run(&["plugin", "list"]).stdout);
    assert!(listed.contains("kubectl-palisade"), "{listed}");
    for (port, word) in [("5432", "ALLOWED"), ("5433", "DENIED")] {
        let explained = kubectl.run(&["palisade", "explain", "shop/web", &format!("shop/db:{port}")]);
        let (out, error) = (text(&explained.stdout), text(&explained.stderr));
        assert!(explained.status.success(), "{out}{error}");
        assert!(out.starts_with(word), "{out}{error}");
    }

    // No kubelet is there to run the command; that it is asked for in the agent's pod is what the server has noted.
    let status = kubectl.run(&["palisade", "status", "--node", "node-a", "--request-timeout", "20s"]);
    let error = text(&status.stderr);
    assert!(!status.status.success() && error.contains("192.0.2.11"), "{error}");
    let asked = server.requests_of(USER);
    let exec: Vec<_> = asked.iter().filter(|request| request.uri.contains("/exec?")).collect();
    let pod = format!("/api/v1/namespaces/{}/pods/palisade-x/exec?", AGENT.0);
    let command = ["palisade", "status", "--agent", "--format", "text"].map(|word| format!("command={word}")).join("&");
    assert!(!exec.is_empty(), "{asked:#?}");
    for request in exec {
        assert!(request.uri.starts_with(&pod) && request.uri.contains(&command), "{request:?}");
    }
    let nobody = kubectl.run(&["palisade", "status", "--node", "node-b"]);
    assert_eq!(nobody.status.code(), Some(3));
    assert!(text(&nobody.stderr).contains("no agent runs on node node-b"), "{}", text(&nobody.stderr));

    for (words, wanted) in [(["st"].as_slice(), "status"), (&["doctor", "--no"], "--node")] {
        let completed = kubectl.run(&[&["__complete", "palisade"], words].concat());
        let out = text(&completed.stdout);
        assert!(out.lines().any(|line| line.starts_with(&format!("{wanted}\t"))), "{out}{}", text(&completed.stderr));
        assert_eq!(out.lines().last(), Some(":4"), "{out}");
    }
}
