//! `palisade apply` and its revert.

use std::path::PathBuf;
use std::process::Command;

use super::node::{Node, client_reaches, server_admits};
use super::stream::{Link, Speaker};
use crate::dataplane::enforce::Family;
use crate::privilege::can_make_namespaces;

/// The pods of the node, as the API has them.
const PODS: [(&str, &str, &str, &str); 4] = [
    ("client", "node-a", "10.244.1.11", "2001:db8:244:1::11"),
    ("server", "node-a", "10.244.1.12", "2001:db8:244:1::12"),
    ("other", "node-a", "10.244.1.13", "2001:db8:244:1::13"),
    ("remote", "node-b", "10.244.2.11", "2001:db8:244:2::11"),
];

/// A folder for the run and the manifests.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-flows-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("run")).unwrap();
        Self(path)
    }

    /// Runs `palisade apply` on the node, and says what it printed.
    fn apply(&self, node: &Node, policies: &str, more: &[&str]) -> String {
        let pod = |(name, node, v4, v6): &(&str, &str, &str, &str)| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{pod: {name}}}}}\n\
                 spec: {{nodeName: {node}}}\nstatus: {{phase: Running, podIPs: [{{ip: {v4}}}, {{ip: '{v6}'}}]}}\n"
            )
        };
        let text = PODS.iter().map(pod).collect::<String>() + policies;
        let manifests = self.0.join("cluster.yaml");
        std::fs::write(&manifests, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(["apply", "--node", "node-a", "--manifests"]).arg(manifests).args(more);
        command.env("PALISADE_RUN_DIR", self.0.join("run")).stdin(std::process::Stdio::null());
        let output = node.cluster.namespace("node-a").run(|| command.output()).unwrap().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn unjudged(&self) -> PathBuf {
        self.0.join("run/flows-unjudged")
    }
}

#[test]
fn apply_says_how_many_connections_it_cut_and_restored() {
    if !can_make_namespaces("apply cuts connections") {
        return;
    }
    let (node, folder) = (Node::new(), Folder::new("apply"));
    let mut early = node.open(Link::Tcp, "shop/client", "shop/server", Family::V4);
    let first = folder.apply(&node, &server_admits(&["other"]), &[]);
    assert!(first.ends_with("connections: 1 looked at, 1 cut, 0 restored\n"), "{first}");
    assert!(early.is_cut(Speaker::Server));
    assert!(!folder.unjudged().exists());

    let again = folder.apply(&node, &server_admits(&["client"]), &[]);
    assert!(again.ends_with("connections: 1 looked at, 0 cut, 1 restored\n"), "{again}");
    assert!(early.arrives(Speaker::Server));
    // Whoever is in sync has all the same somebody's unfinished work to do.
    node.set_bit(&early);
    let in_sync = folder.apply(&node, &server_admits(&["client"]), &[]);
    assert_eq!(in_sync, "in sync: nothing to do\nconnections: 1 looked at, 0 cut, 1 restored\n");
    assert_eq!(folder.apply(&node, &server_admits(&["client"]), &[]), "in sync: nothing to do\n");

    // A change that does not concern the flow, after one that was killed before it judged any.
    node.set_bit(&early);
    let elsewhere = [server_admits(&["client"]), client_reaches(&["server"])].concat();
    std::fs::write(folder.unjudged(), "").unwrap();
    let after = folder.apply(&node, &elsewhere, &[]);
    assert!(after.ends_with("connections: 1 looked at, 0 cut, 1 restored\n"), "{after}");
}

#[test]
fn a_revert_restores_what_the_change_had_cut() {
    if !can_make_namespaces("revert restores connections") {
        return;
    }
    let (node, folder) = (Node::new(), Folder::new("revert"));
    folder.apply(&node, &server_admits(&["client"]), &[]);
    let mut talk = node.open(Link::Tcp, "shop/client", "shop/server", Family::V6);
    let tightened = folder.apply(&node, &server_admits(&["other"]), &["--confirm", "2"]);
    assert!(tightened.ends_with("connections: 1 looked at, 1 cut, 0 restored\n"), "{tightened}");
    assert!(talk.is_cut(Speaker::Server));
    // Nobody confirms.
    assert!(talk.arrives(Speaker::Server), "still cut after the revert");
}
