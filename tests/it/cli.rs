//! The command line from outside: what it prints, what it exits with, what it leaves in the kernel.

mod browser;
mod compile;
mod confirm;
mod doctor;
mod drops;
mod explain;
mod forms;
mod given;
mod host;
mod hostile;
mod kubectl;
mod last_good;
mod limits;
mod link;
mod live;
mod map;
mod migrate;
mod moving;
pub(crate) mod names;
mod progress;
mod puppet;
mod top;
mod trace;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use watcher::lab::Namespace;

/// The three sources of the examples.
const EXAMPLES: [&str; 8] = [
    "--manifests",
    "examples/cluster",
    "--baseline",
    "examples/cluster/baseline.yaml",
    "--host",
    "examples/host/node.ferm",
    "--node",
    "node-a",
];

/// What a run left behind.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ran {
    /// Fails unless it exited with this code.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        let Self { code: found, stdout, stderr } = &self;
        assert_eq!(*found, code, "stdout:\n{stdout}\nstderr:\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        self
    }
}

/// The program, run from the root of the repository.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_palisade"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).env_remove("NO_COLOR");
    // What this machine has kept of its own is no part of a test.
    command.env("PALISADE_RUN_DIR", std::env::temp_dir().join("palisade-it-nowhere"));
    command
}

fn palisade(arguments: &[&str]) -> Ran {
    program().args(arguments).output().unwrap().into()
}

fn palisade_reads(arguments: &[&str], input: &str) -> Ran {
    let mut command = program();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    match child.stdin.take().unwrap().write_all(input.as_bytes()) {
        // It may end before it reads, over what it was asked.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.unwrap(),
    }
    child.wait_with_output().unwrap().into()
}

/// A network namespace and a run folder of their own: a machine, as far as the commands can tell.
struct Machine {
    namespace: Namespace,
    folder: PathBuf,
}

impl Machine {
    fn new(label: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("palisade-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self { namespace: Namespace::new(label).unwrap(), folder }
    }

    fn run_dir(&self) -> PathBuf {
        self.folder.join("run")
    }

    fn palisade(&self, arguments: &[&str]) -> Ran {
        let mut command = program();
        command.args(arguments);
        self.run(&mut command)
    }

    /// Runs any program on this machine.
    fn run(&self, command: &mut Command) -> Ran {
        command.env("PALISADE_RUN_DIR", self.run_dir());
        self.namespace.run(|| command.output()).unwrap().unwrap().into()
    }

    /// The whole ruleset as nft prints it, without counts, its sets and chains sorted: nft prints them in the order in
    /// which they were made.
    fn listing(&self) -> String {
        let text = self.namespace.nft_list(&["-s", "list", "ruleset"]).unwrap();
        let mut sorted = String::new();
        let mut blocks: Vec<String> = Vec::new();
        let mut is_inside = false;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let begins = line.starts_with('\t') && !line.starts_with("\t\t") && line.ends_with('{');
            if begins {
                blocks.push(String::new());
                is_inside = true;
            } else if line == "}" {
                blocks.sort();
                sorted.extend(blocks.drain(..));
            }
            let to = if is_inside { blocks.last_mut().unwrap() } else { &mut sorted };
            to.push_str(line);
            to.push('\n');
            is_inside &= line != "\t}";
        }
        sorted
    }

    /// Writes a file that the test needs, and returns its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Every broken input, with the flag that gives it: at least ten of each source.
fn broken_inputs() -> Vec<(&'static str, String)> {
    let mut inputs = Vec::new();
    let sources =
        [("--manifests", "manifests", "yaml"), ("--baseline", "baseline", "yaml"), ("--host", "host", "ferm")];
    for (flag, folder, extension) in sources {
        let folder = Path::new("tests/data").join(folder).join("broken");
        let entries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(&format!(".{extension}")));
        names.sort();
        assert!(names.len() >= 10, "only {} broken inputs in {}", names.len(), folder.display());
        inputs.extend(names.into_iter().map(|name| (flag, folder.join(name).to_str().unwrap().to_owned())));
    }
    inputs
}
