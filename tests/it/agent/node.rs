//! A node with pods, a folder of manifests, and an agent that can be started, stopped and killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use watcher::lab::{Lab, Matrix, Namespace, Service};

use crate::swap::load::TOPOLOGY;

/// How long something may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the agent serves, inside of the node.
const HTTP: &str = "127.0.0.1:9750";

/// The pods of the laboratory as objects.
const PODS: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: x}
---
apiVersion: v1
kind: Node
metadata: {name: router}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: v1
kind: Pod
metadata: {name: sender, namespace: x, labels: {app: sender}}
spec: {nodeName: router, containers: [{name: c, image: c}]}
status: {phase: Running, podIPs: [{ip: 10.244.1.11}, {ip: '2001:db8:244:1::11'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: open, namespace: x, labels: {app: open}}
spec: {nodeName: router, containers: [{name: c, image: c}]}
status: {phase: Running, podIPs: [{ip: 10.244.1.12}, {ip: '2001:db8:244:1::12'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shut, namespace: x, labels: {app: shut}}
spec: {nodeName: router, containers: [{name: c, image: c}]}
status: {phase: Running, podIPs: [{ip: 10.244.1.13}, {ip: '2001:db8:244:1::13'}]}
";

/// Nobody reaches this pod.
pub(super) fn shuts(pod: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {pod}-shut, namespace: x}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {pod}}}}}, policyTypes: [Ingress]}}\n"
    )
}

/// The sender reaches the pod that is open, by a policy of this name: another name is another ruleset.
pub(super) fn opens(name: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: x}}\n\
         spec:\n  podSelector: {{matchLabels: {{app: open}}}}\n  policyTypes: [Ingress]\n  ingress:\n  \
         - from: [{{podSelector: {{matchLabels: {{app: sender}}}}}}]\n"
    )
}

/// A node, and perhaps an agent on it.
pub(super) struct Node {
    pub(super) lab: Arc<Lab>,
    folder: PathBuf,
    agent: Option<Child>,
}

impl Node {
    /// A node whose pods answer on port 80.
    pub(super) fn new() -> Self {
        let mut lab = Lab::up(&TOPOLOGY.parse().unwrap()).unwrap();
        lab.listen(&[Service::Tcp(80)]).unwrap();
        Self::of(lab)
    }

    /// The same in a laboratory that is up.
    pub(super) fn of(lab: Lab) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("palisade-agent-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join("manifests")).unwrap();
        let node = Self { lab: Arc::new(lab), folder, agent: None };
        node.write("pods.yaml", PODS);
        node
    }

    pub(super) fn namespace(&self) -> &Namespace {
        self.lab.namespace("router").unwrap()
    }

    /// A file of the folder that run, state and manifests are in.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a manifest.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path("manifests").join(name), text).unwrap();
    }

    /// Removes a manifest.
    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.path("manifests").join(name)).unwrap();
    }

    /// The program with the arguments of an agent here.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(["agent", "--node", "router", "--listen", HTTP, "--source"]);
        command.arg(format!("dir:{}", self.path("manifests").display())).args(arguments);
        self.at_home(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Has a program look for the agent where it is.
    pub(super) fn at_home(&self, command: &mut Command) {
        command.env("PALISADE_RUN_DIR", self.path("run")).env("PALISADE_STATE_DIR", self.path("state"));
    }

    /// Starts an agent.
    pub(super) fn start(&mut self, arguments: &[&str]) {
        self.start_under(&[], arguments);
    }

    /// Starts an agent by a program that becomes it.
    pub(super) fn start_under(&mut self, program: &[&str], arguments: &[&str]) {
        assert!(self.agent.is_none(), "there is an agent already");
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.command(arguments);
        if let [program, its_arguments @ ..] = program {
            let mut outer = Command::new(program);
            outer.args(its_arguments).arg(command.get_program()).args(command.get_args());
            outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            outer.stdin(Stdio::null()).stdout(Stdio::null());
            command = outer;
        }
        command.stderr(log);
        self.agent = Some(self.namespace().spawn(&mut command).unwrap());
    }

    /// Starts an agent, and waits until it is ready.
    pub(super) fn start_ready(&mut self, arguments: &[&str]) {
        self.start(arguments);
        self.wait("the agent is ready", || self.http("/ready").is_some_and(|(status, _)| status == 200));
    }

    /// The number of the agent's process.
    pub(super) fn process(&self) -> u32 {
        self.agent.as_ref().unwrap().id()
    }

    /// Kills the agent without a word.
    pub(super) fn kill(&mut self) {
        let mut agent = self.agent.take().unwrap();
        agent.kill().unwrap();
        agent.wait().unwrap();
    }

    /// Asks the agent to end.
    pub(super) fn stop(&mut self) -> ExitStatus {
        let mut agent = self.agent.take().unwrap();
        let killed = Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let begun = Instant::now();
        loop {
            if let Some(status) = agent.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it answers to a GET, or nothing if it does not answer.
    pub(super) fn http(&self, path: &str) -> Option<(u16, String)> {
        let ask = || -> std::io::Result<String> {
            let address: SocketAddr = HTTP.parse().unwrap();
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = self.namespace().run(ask).unwrap().ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// A metric that counts, or is counted: of one with labels the sum.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.http("/metrics").unwrap();
        let values: Vec<u64> = text
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with([' ', '{']))
            .map(|rest| rest.rsplit_once(' ').unwrap().1.parse().unwrap())
            .collect();
        assert!(!values.is_empty(), "there is no {name}:\n{text}");
        values.iter().sum()
    }

    /// What it tells by its socket, or nothing if nobody is there.
    pub(super) fn report(&self) -> Option<Value> {
        let mut text = String::new();
        let mut stream = UnixStream::connect(self.path("run/agent.sock")).ok()?;
        // Nothing is to come: it is the report that is wanted.
        stream.shutdown(Shutdown::Write).ok()?;
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Waits until packets agree with these tables.
    #[track_caller]
    pub(super) fn becomes(&self, tables: &str) {
        let parsed = Matrix::parse_all(tables).unwrap();
        self.wait(tables, || self.lab.compare(&parsed).unwrap().1.is_empty());
    }

    /// Packets agree with these tables now.
    #[track_caller]
    pub(super) fn is(&self, tables: &str) {
        let (_, mismatches) = self.lab.compare(&Matrix::parse_all(tables).unwrap()).unwrap();
        let lines: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{}\n{}", lines.join("\n"), self.log());
    }

    #[track_caller]
    pub(super) fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Whether our table is there.
    pub(super) fn is_loaded(&self) -> bool {
        self.namespace().nft_list(&["list", "tables"]).unwrap().contains("inet palisade")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            drop(agent.kill());
            drop(agent.wait());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}
