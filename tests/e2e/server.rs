//! The API server, one for each test.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::administrator::Administrator;
use crate::audit::{self, Request};

/// Names the program.
const PROGRAM: &str = "PALISADE_E2E_APISERVER";

/// How long a compaction may take on a machine that does much else.
const COMPACTION: Duration = Duration::from_secs(30);

static N_SERVERS: AtomicU32 = AtomicU32::new(0);

/// A running API server with a cluster of its own, which goes when this does.
pub(crate) struct Server {
    directory: PathBuf,
    running: Option<Running>,
    port: u16,
    /// Further flags of kube-apiserver.
    flags: Vec<String>,
}

struct Running {
    child: Child,
    /// The server ends when this is closed, whatever becomes of the test.
    stdin: Option<ChildStdin>,
}

/// The program, which is a kube-proxy too.
pub(crate) fn program() -> String {
    std::env::var(PROGRAM)
        .unwrap_or_else(|_| panic!("{PROGRAM} does not name the API server: run these tests by `make e2e`"))
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with further flags of kube-apiserver.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let n = N_SERVERS.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("palisade-e2e-{}-{n}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut server = Self { directory, running: None, port: 0, flags };
        server.resume();
        server
    }

    /// Starts it again after [`Self::stop`], with the same data, keys and port.
    pub(crate) fn resume(&mut self) {
        self.run(&[]);
    }

    fn run(&mut self, arguments: &[&str]) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory.join("log")).unwrap();
        let mut child = Command::new(program())
            .arg("--dir")
            .arg(&self.directory)
            .arg(format!("--port={}", self.port))
            .args(arguments)
            .arg("--")
            .args(&self.flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready https://127.0.0.1:").and_then(|port| port.parse().ok());
        let log = || fs::read_to_string(self.directory.join("log")).unwrap();
        self.port = port.unwrap_or_else(|| panic!("the API server did not begin: {line}\n{}", log()));
        let stdin = child.stdin.take();
        self.running = Some(Running { child, stdin });
    }

    pub(crate) fn stop(&mut self) {
        if let Some(Running { mut child, stdin }) = self.running.take() {
            drop(stdin);
            child.wait().unwrap();
        }
    }

    /// The same with another certificate, of the same authority.
    pub(crate) fn resume_renewed(&mut self) {
        self.run(&["--renew=certificate"]);
    }

    /// The same with another authority too, whose certificate takes the place of the former's in its file.
    pub(crate) fn resume_under_another_authority(&mut self) {
        self.run(&["--renew=authority"]);
    }

    /// Has every agent's request answered like this from now on: a code, and the seconds of `Retry-After` behind it.
    /// What is being watched already goes on.
    pub(crate) fn answer_agents(&self, answer: &str) {
        // Renamed, so that nobody is answered by half of it.
        let path = self.directory.join("faults");
        fs::write(path.with_extension("new"), answer).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }

    /// Serves agents again.
    pub(crate) fn serve_agents(&self) {
        fs::remove_file(self.directory.join("faults")).unwrap();
    }

    /// When agents were not served, in seconds, and what they had asked for.
    pub(crate) fn refusals(&self) -> Vec<(f64, String)> {
        let text = fs::read_to_string(self.directory.join("refused")).unwrap_or_default();
        let line = |line: &str| {
            let (at, path) = line.split_once(' ')?;
            Some((at.parse().ok()?, path.to_owned()))
        };
        text.lines().filter_map(line).collect()
    }

    /// Has etcd forget every version but the newest.
    pub(crate) fn compact(&self) {
        let path = self.directory.join("compacted");
        drop(fs::remove_file(&path));
        self.signal(Signal::SIGUSR1);
        let limit = Instant::now() + COMPACTION;
        let word = loop {
            match fs::read_to_string(&path) {
                Ok(word) => break word,
                Err(_) => assert!(Instant::now() < limit, "etcd was not compacted"),
            }
            thread::sleep(Duration::from_millis(20));
        };
        assert!(word.parse::<u64>().is_ok(), "etcd was not compacted: {word}");
    }

    /// It does not answer any more, but its connections stay.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.running.as_ref().map(|running| running.child.id()).unwrap();
        kill(Pid::from_raw(process.try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whoever may do everything.
    pub(crate) fn administrator(&self) -> Administrator {
        Administrator::new(&self.directory.join("kubeconfig"))
    }

    /// A way in for this token, by this port of 127.0.0.1, as a file.
    pub(crate) fn kubeconfig(&self, name: &str, token: &str, port: u16) -> PathBuf {
        // JSON is YAML too.
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority": self.directory.join("ca.crt"),
            }}],
            "users": [{"name": "test", "user": {"tokenFile": self.token(name, token)}}],
        });
        let path = self.directory.join(format!("kubeconfig-{name}"));
        fs::write(&path, kubeconfig.to_string()).unwrap();
        path
    }

    /// The token of a kubeconfig is now this one, as a kubelet puts a new one in the place of one that ends.
    pub(crate) fn token(&self, name: &str, token: &str) -> PathBuf {
        let path = self.directory.join(format!("token-{name}"));
        fs::write(&path, token).unwrap();
        path
    }

    /// Every request of this user, as the API server's audit log has it.
    pub(crate) fn requests_of(&self, user: &str) -> Vec<Request> {
        let log = fs::read_to_string(self.directory.join("audit.log")).unwrap();
        // The last line may be half written.
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["user"]["username"] == user).map(|event| audit::request(&event)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // What a failed test leaves is what explains it.
        if !thread::panicking() {
            let _ignored = fs::remove_dir_all(&self.directory);
        }
    }
}
