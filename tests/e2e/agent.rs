//! An agent on a node of the laboratory.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use watcher::lab::{Lab, Namespace};

use crate::relay::Relay;
use crate::server::Server;

/// How long a change may take on its way to the packets. What it does take is of interest to benches.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// An agent that goes when this does; what it enforces stays.
pub(crate) struct Agent {
    child: Child,
    /// Its way to the API server.
    pub(crate) relay: Relay,
    node: String,
    directory: PathBuf,
    command: Vec<String>,
}

impl Agent {
    pub(crate) fn start(lab: &Lab, node: &str, server: &Server, token: &str) -> Self {
        Self::start_with(lab, node, server, token, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(lab: &Lab, node: &str, server: &Server, token: &str, arguments: &[&str]) -> Self {
        Self::begin(lab, node, server, token, server.directory(), arguments)
    }

    /// The same with its folders and its log in another directory.
    pub(crate) fn start_at(lab: &Lab, node: &str, server: &Server, token: &str, directory: &Path) -> Self {
        Self::begin(lab, node, server, token, directory, &[])
    }

    fn begin(lab: &Lab, node: &str, server: &Server, token: &str, directory: &Path, arguments: &[&str]) -> Self {
        let namespace = lab.namespace(node).unwrap();
        let relay = Relay::new(Some(namespace), server.port());
        let kubeconfig = server.kubeconfig(&format!("{node}-{}", relay.port), token, relay.port);
        let source = format!("cluster:{}", kubeconfig.display());
        let mut command = vec!["agent", "--node", node, "--source", &source];
        command.extend(arguments);
        let command: Vec<String> = command.into_iter().map(str::to_owned).collect();
        let child = run(namespace, node, directory, &command);
        Self { child, relay, node: node.to_owned(), directory: directory.to_owned(), command }
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, by the same way, after it has ended.
    pub(crate) fn resume(&mut self, lab: &Lab) {
        self.child = run(lab.namespace(&self.node).unwrap(), &self.node, &self.directory, &self.command);
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let limit = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < limit, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Another agent for the same node, which is to end by itself, and what it said.
    pub(crate) fn another(&self, lab: &Lab) -> (ExitStatus, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command.args(&self.command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        at_home(&mut command, &self.directory, &self.node);
        let child = lab.namespace(&self.node).unwrap().spawn(&mut command).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What it tells by its socket, or nothing if nobody is there.
    pub(crate) fn report(&self) -> Option<Value> {
        let mut text = String::new();
        let socket = self.path("run").join("agent.sock");
        UnixStream::connect(socket).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Waits until its report is like this.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let limit = Instant::now() + LIMIT;
        loop {
            let report = self.report();
            if let Some(report) = report.filter(&is_so) {
                return report;
            }
            assert!(Instant::now() < limit, "waited in vain: {what}: {:#?}\n{}", self.report(), self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(crate) fn until_ready(&self) {
        self.until("it is ready", |report| report["ready"] == true);
    }

    /// Its folder or file of this kind: `run`, `state` or `log`.
    pub(crate) fn path(&self, kind: &str) -> PathBuf {
        path(&self.directory, &self.node, kind)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}

fn run(namespace: &Namespace, node: &str, directory: &Path, arguments: &[String]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(path(directory, node, "log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.args(arguments).stdin(Stdio::null()).stderr(log);
    at_home(&mut command, directory, node);
    namespace.spawn(&mut command).unwrap()
}

fn at_home(command: &mut Command, directory: &Path, node: &str) {
    command.env("PALISADE_RUN_DIR", path(directory, node, "run"));
    command.env("PALISADE_STATE_DIR", path(directory, node, "state"));
}

fn path(directory: &Path, node: &str, kind: &str) -> PathBuf {
    directory.join(format!("{node}-{kind}"))
}
