//! The program itself: `palisade apply` of two folders of manifests and two files of host rules.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Apply, World};

/// Pods with a policy of their own, none of which the two worlds have in common: so that an apply takes its time.
const OTHERS: u32 = 60;

/// Where the inputs are.
#[derive(Debug)]
pub(super) struct Palisade {
    folder: PathBuf,
}

impl Palisade {
    /// Writes the inputs.
    pub(super) fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id()));
        for world in [World::A, World::B] {
            let folder = folder.join(name(world));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("cluster.yaml"), manifests(world)).unwrap();
            fs::write(folder.join("node.ferm"), host(world)).unwrap();
        }
        Self { folder }
    }
}

impl Drop for Palisade {
    fn drop(&mut self) {
        // What is left is in the build folder and replaced by the next run.
        let _left = fs::remove_dir_all(&self.folder);
    }
}

impl Apply for Palisade {
    fn command(&self, world: World) -> Command {
        let folder = self.folder.join(name(world));
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(["apply", "--replace", "--node", "node-a", "--manifests"]).arg(folder.join("cluster.yaml"));
        command.arg("--host").arg(folder.join("node.ferm")).env("PALISADE_RUN_DIR", self.folder.join("run"));
        command
    }

    fn table(&self) -> &'static str {
        "palisade"
    }
}

fn name(world: World) -> &'static str {
    match world {
        World::A => "a",
        World::B => "b",
    }
}

fn host(world: World) -> String {
    let shut = match world {
        World::A => 9002,
        World::B => 9001,
    };
    format!(
        "domain (ip ip6) table filter chain INPUT {{\n    mod state state (ESTABLISHED RELATED) ACCEPT;\n    proto tcp dport {shut} DROP;\n}}\n"
    )
}

fn manifests(world: World) -> String {
    let (reached, first_port) = match world {
        World::A => ("one", 10_000),
        World::B => ("two", 20_000),
    };
    let mut text = String::from(
        "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n\
         status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}\n",
    );
    for (pod, host) in [("client", 11), ("one", 12), ("two", 13)] {
        self::pod(&mut text, pod, &format!("10.244.1.{host}"), &format!("2001:db8:244:1::{host}"));
    }
    let rule = format!("[Egress]\n  egress: [{{to: [{{podSelector: {{matchLabels: {{pod: {reached}}}}}}}]}}]");
    policy(&mut text, "client", &rule);
    for other in 0..OTHERS {
        let pod = format!("other-{other}");
        self::pod(&mut text, &pod, &format!("10.99.0.{}", other + 1), &format!("2001:db8:99::{:x}", other + 1));
        let port = first_port + other;
        let rule = format!(
            "[Ingress]\n  ingress: [{{from: [{{ipBlock: {{cidr: 198.51.100.0/24, except: [198.51.100.{other}/32]}}}}], ports: [{{port: {port}}}]}}]"
        );
        policy(&mut text, &pod, &rule);
    }
    text
}

fn pod(text: &mut String, name: &str, v4: &str, v6: &str) {
    writeln!(
        text,
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: x, labels: {{pod: {name}}}}}\n\
         spec: {{nodeName: node-a}}\nstatus: {{phase: Running, podIPs: [{{ip: {v4}}}, {{ip: \"{v6}\"}}]}}"
    )
    .unwrap();
}

fn policy(text: &mut String, pod: &str, types_and_rules: &str) {
    writeln!(
        text,
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {pod}, namespace: x}}\n\
         spec:\n  podSelector: {{matchLabels: {{pod: {pod}}}}}\n  policyTypes: {types_and_rules}"
    )
    .unwrap();
}
