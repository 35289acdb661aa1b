//! `kubectl palisade`, with a kubectl that writes down how it is called and answers from files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Ran;

/// Answers by what it is asked for: the first file of its folder whose name is in the arguments, `-` for a space.
const KUBECTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")/answers" || exit 9
printf '%s\n' "$*" >> ../calls
for answer in *; do
  case "$*" in
    *"$(printf %s "$answer" | tr '+' ' ')"*)
      cat "$answer"
      [ -f "../codes/$answer" ] && { cat "../errors/$answer" >&2; exit "$(cat "../codes/$answer")"; }
      exit 0;;
  esac
done
echo "nobody expected: $*" >&2
exit 9
"#;

const AGENTS: &str = r#"{"kind": "List", "items": [
  {"metadata": {"name": "palisade-old", "namespace": "guard", "deletionTimestamp": "2026-01-01T00:00:00Z"},
   "spec": {"containers": [{"name": "agent"}]}, "status": {"phase": "Running"}},
  {"metadata": {"name": "palisade-starting", "namespace": "guard"},
   "spec": {"containers": [{"name": "agent"}]}, "status": {"phase": "Running", "conditions": []}},
  {"metadata": {"name": "palisade-x7k2p", "namespace": "guard"},
   "spec": {"containers": [{"name": "injected"}, {"name": "agent", "args": ["agent", "--source=cluster", "--config=/etc/palisade-agent/palisade.yaml"]}]},
   "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
]}"#;

const OBJECTS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
   "spec": {"nodeName": "node-a", "containers": [{"name": "c"}]}, "status": {"phase": "Running", "podIPs": [{"ip": "10.244.1.2"}]}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "db"}},
   "spec": {"nodeName": "node-a", "containers": [{"name": "c"}]}, "status": {"phase": "Running", "podIPs": [{"ip": "10.244.1.3"}]}},
  {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
   "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": 5432}]}]}}
]}"#;

struct Plugin {
    folder: PathBuf,
}

impl Plugin {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("palisade-kubectl-{}-{number}", std::process::id()));
        for name in ["answers", "codes", "errors"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let kubectl = folder.join("kubectl");
        fs::write(&kubectl, KUBECTL).unwrap();
        fs::set_permissions(&kubectl, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(env!("CARGO_BIN_EXE_palisade"), folder.join("kubectl-palisade")).unwrap();
        Self { folder }
    }

    /// What kubectl answers to arguments with this in them.
    fn answers(&self, to: &str, text: &str) -> &Self {
        let name = to.replace(' ', "+");
        fs::write(self.folder.join("answers").join(&name), text).unwrap();
        drop(fs::remove_file(self.folder.join("codes").join(&name)));
        self
    }

    /// The same, with an exit code and words of its own.
    fn fails(&self, to: &str, code: i32, error: &str) -> &Self {
        self.answers(to, "");
        fs::write(self.folder.join("codes").join(to.replace(' ', "+")), code.to_string()).unwrap();
        fs::write(self.folder.join("errors").join(to.replace(' ', "+")), error).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(self.folder.join("kubectl-palisade"));
        let path = format!("{}:/usr/bin:/bin", self.folder.display());
        command.args(arguments).env("PATH", path).stdin(Stdio::null()).output().unwrap().into()
    }

    /// How kubectl was called since this was asked last.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        drop(fs::remove_file(self.folder.join("calls")));
        calls.lines().map(str::to_owned).collect()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[test]
fn a_command_runs_in_the_agents_pod_of_the_node() {
    let plugin = Plugin::new();
    plugin.answers("get pods", AGENTS).answers("exec", "ready: node node-a\n");
    let ran = plugin.run(&["status", "--node", "node-a", "--context", "prod", "--kubeconfig=/tmp/k"]).exits(0);
    assert_eq!(ran.stdout, "ready: node node-a\n");
    let flags = "--context=prod --kubeconfig=/tmp/k";
    let get = "get pods --all-namespaces --selector=app.kubernetes.io/name=palisade \
               --field-selector=spec.nodeName=node-a --output=json";
    let exec = "exec --namespace guard palisade-x7k2p --container agent -- palisade status --agent --format text";
    assert_eq!(plugin.calls(), [format!("{flags} {get}"), format!("{flags} {exec}")]);

    plugin.run(&["drops", "--node=node-a", "--follow", "--count", "3", "--format", "json"]).exits(0);
    let drops = plugin.calls().pop().unwrap();
    assert!(drops.ends_with("-- palisade drops --format json --follow --count 3"), "{drops}");
}

#[test]
fn the_node_of_a_pod_is_asked_for_and_the_agents_configuration_is_passed_on() {
    let plugin = Plugin::new();
    plugin.answers("get pod web-1", r#"{"spec": {"nodeName": "node-b"}}"#).answers("get pods", AGENTS);
    plugin.answers("exec", "");
    plugin.run(&["doctor", "web-1", "-n", "shop", "--agent-namespace", "guard"]).exits(0);
    let calls = plugin.calls();
    assert_eq!(calls[0], "get pod web-1 --output=json --namespace=shop");
    assert!(
        calls[1].starts_with("get pods --namespace=guard ") && calls[1].contains("spec.nodeName=node-b"),
        "{calls:?}"
    );
    let doctor = "palisade doctor --format text --node node-b --config /etc/palisade-agent/palisade.yaml";
    assert!(calls[2].ends_with(doctor), "{calls:?}");
    plugin.answers("get pod web-1", r#"{"spec": {}}"#);
    let ran = plugin.run(&["doctor", "web-1"]).exits(3);
    assert!(ran.stderr.contains("web-1 is on no node yet"), "{}", ran.stderr);
}

#[test]
fn the_exit_code_is_the_commands_and_three_where_nobody_can_be_asked() {
    let plugin = Plugin::new();
    plugin.answers("get pods", AGENTS).fails("exec", 1, "command terminated with exit code 1\n");
    plugin.run(&["doctor", "--node", "node-a"]).exits(1);
    plugin.answers("get pods", r#"{"items": []}"#);
    let ran = plugin.run(&["doctor", "--node", "node-a"]).exits(3);
    assert!(ran.stderr.contains("no agent runs on node node-a"), "{}", ran.stderr);
    plugin.answers("get pods", "not JSON");
    plugin.run(&["doctor", "--node", "node-a"]).exits(3);
    plugin.fails("get pods", 1, "Error from server (Forbidden): pods is forbidden");
    let ran = plugin.run(&["doctor", "--node", "node-a"]).exits(3);
    assert!(ran.stderr.contains("Forbidden"), "{}", ran.stderr);
    plugin.run(&["doctor"]).exits(2);
    plugin.run(&["doctor", "web-1", "--node", "node-a"]).exits(2);
    assert!(plugin.run(&["--help"]).exits(0).stdout.contains("Usage: kubectl palisade [OPTIONS] <COMMAND>"));
    // A name with an option's look stays one argument.
    plugin.answers("get pods", AGENTS).answers("exec", "");
    plugin.calls();
    plugin.run(&["status", "--node", "a --output=name"]).exits(0);
    assert!(plugin.calls()[0].contains("--field-selector=spec.nodeName=a --output=name --output=json"));
}

#[test]
fn explain_judges_the_objects_that_the_api_server_has() {
    let plugin = Plugin::new();
    plugin.answers("get namespaces,nodes", OBJECTS).answers("get configmap", "");
    plugin.fails("get clusternetworkpolicies", 1, "error: the server doesn't have a resource type \"x\"");
    let permitted = plugin.run(&["explain", "shop/web", "shop/db:5432"]).exits(0);
    let denied = plugin.run(&["explain", "shop/web", "shop/db:80"]).exits(0);
    assert!(permitted.stdout.starts_with("ALLOWED "), "{}", permitted.stdout);
    assert!(denied.stdout.starts_with("DENIED "), "{}", denied.stdout);
    assert_eq!(plugin.calls().len(), 6);
    plugin.run(&["explain", "shop/nobody", "shop/db:80"]).exits(2);

    // What binds everybody is judged too, and is never passed over because it may not be read.
    let baseline = r#"{"apiVersion": "v1", "kind": "ConfigMap",
      "metadata": {"name": "palisade-egress-baseline", "namespace": "kube-system"},
      "data": {"baseline.yaml": "apiVersion: palisade.dev/v1alpha1\nkind: EgressBaseline\nmetadata: {name: b}\ndefault: deny\notherwise: deny\n"}}"#;
    plugin.answers("get configmap", baseline);
    let bound = plugin.run(&["explain", "shop/web", "shop/db:5432"]).exits(0);
    assert!(bound.stdout.starts_with("DENIED "), "{}{}", bound.stdout, bound.stderr);
    plugin.fails("get clusternetworkpolicies", 1, "Error from server (Forbidden)");
    let refused = plugin.run(&["explain", "shop/web", "shop/db:5432"]).exits(3);
    assert!(refused.stderr.contains("ClusterNetworkPolicies cannot be read"), "{}", refused.stderr);
}
