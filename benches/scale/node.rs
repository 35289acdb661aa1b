//! The node under test: an agent in a network namespace of its own, and an ear on its kernel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use engine::apply::our_tables;
use engine::kernel::{Monitor, Notice};
use watcher::agent::ask::{PATIENCE, report};
use watcher::agent::board::Report;
use watcher::lab::Namespace;

use crate::cluster::NODE;
use crate::process::Process;
use crate::relay::Relay;
use crate::server::Server;

/// How long anything may take before the bench gives up.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Node {
    child: Child,
    folder: PathBuf,
    relay: Relay,
    commits: Receiver<(Instant, u32)>,
}

impl Node {
    /// Starts the agent.
    pub(crate) fn start(server: &Server) -> Self {
        let namespace = Namespace::new(NODE).unwrap();
        let relay = Relay::new(Some(&namespace), server.port());
        let token = fs::read_to_string(server.directory().join("token")).unwrap();
        let kubeconfig = server.kubeconfig(NODE, &token, relay.port);
        let folder = server.directory().join(NODE);
        fs::create_dir_all(&folder).unwrap();
        let commits = commits(&namespace);
        let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
        command
            .args(["agent", "--node", NODE, "--source"])
            .arg(format!("cluster:{}", kubeconfig.display()))
            .env("PALISADE_RUN_DIR", folder.join("run"))
            .env("PALISADE_STATE_DIR", folder.join("state"))
            .stdin(Stdio::null())
            .stderr(File::create(folder.join("log")).unwrap());
        let child = namespace.spawn(&mut command).unwrap();
        Self { child, folder, relay, commits }
    }

    pub(crate) fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// Bytes that the API server has sent it.
    pub(crate) fn received(&self) -> u64 {
        self.relay.received()
    }

    /// Waits until what the sources say is in force.
    pub(crate) fn until_ready(&self) -> Report {
        let begun = Instant::now();
        loop {
            if let Ok(report) = report(&self.folder.join("run/agent.sock"), PATIENCE)
                && report.ready
            {
                return report;
            }
            assert!(begun.elapsed() < LIMIT, "not ready:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Forgets the commits that were heard by now.
    pub(crate) fn forget(&self) {
        while self.commits.try_recv().is_ok() {}
    }

    /// When the agent committed next.
    pub(crate) fn next_commit(&self) -> Instant {
        loop {
            let (at, process) =
                self.commits.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no commit:\n{}", self.log()));
            if process == self.child.id() {
                return at;
            }
        }
    }

    /// Batches by what they did, as the agent counted them itself.
    pub(crate) fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("log")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The state that it keeps on disk, in bytes by file.
    pub(crate) fn state(&self) -> BTreeMap<String, u64> {
        sizes(&self.folder.join("state"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}

fn sizes(folder: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len())).collect()
}

/// Commits to our tables, with the time at which they were heard of and the process.
fn commits(namespace: &Namespace) -> Receiver<(Instant, u32)> {
    let mut monitor = namespace.run(|| Monitor::open(our_tables())).unwrap().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        loop {
            let Ok(notice) = monitor.next(Duration::from_secs(1)) else { return };
            let at = Instant::now();
            if let Some(Notice::Commit(commit)) = notice
                && sender.send((at, commit.process_id)).is_err()
            {
                return;
            }
        }
    });
    receiver
}
