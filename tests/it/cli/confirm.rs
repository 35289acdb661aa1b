//! `apply --confirm`: what nobody confirms goes again, whatever became of whoever applied it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Machine, program};
use crate::privilege::can_make_namespaces;

const HOST: [&str; 5] = ["apply", "--host", "examples/host/node.ferm", "--node", "node-a"];

/// How long a test waits for what takes two seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The guard's time in these tests, in seconds.
const SOON: &str = "2";

#[test]
fn without_a_confirmation_the_previous_ruleset_returns() {
    if !can_make_namespaces("apply --confirm reverts") {
        return;
    }
    let machine = Machine::new("revert");
    // First to nothing, then to a ruleset.
    machine.palisade(&[&HOST[..], &["--confirm", SOON]].concat()).exits(0);
    assert!(machine.listing().contains("pl_input"));
    becomes(&machine, "");
    assert_eq!(machine.palisade(&["status"]).exits(1).stdout, "not loaded\n");

    machine.palisade(&HOST).exits(0);
    let before = machine.listing();
    let other = machine.file("other.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    let change = ["apply", "--replace", "--host", &other, "--node", "node-a", "--confirm", SOON];
    let ran = machine.palisade(&change).exits(0);
    assert!(ran.stderr.contains("palisade confirm"), "{}", ran.stderr);
    assert_ne!(machine.listing(), before);
    assert!(machine.palisade(&["status", "--format", "nagios"]).exits(1).stdout.contains("awaits confirmation"));
    let refused = machine.palisade(&HOST).exits(3).stderr;
    assert!(refused.contains("awaits its confirmation"), "{refused}");
    becomes(&machine, &before);
    assert_eq!(machine.palisade(&["confirm"]).exits(1).stdout.lines().count(), 1);
    // The note of what was applied returned too.
    assert!(machine.palisade(&["status"]).exits(0).stdout.starts_with("in sync\n"));
}

#[test]
fn a_confirmed_ruleset_stays() {
    if !can_make_namespaces("palisade confirm") {
        return;
    }
    let machine = Machine::new("confirm");
    machine.palisade(&[&HOST[..], &["--confirm", SOON]].concat()).exits(0);
    let applied = machine.listing();
    assert_eq!(machine.palisade(&["confirm"]).exits(0).stdout, "confirmed\n");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(machine.listing(), applied);
    assert!(machine.palisade(&["status"]).exits(0).stdout.starts_with("in sync\n"));
}

#[test]
fn a_guard_that_was_killed_is_noticed_and_blocks_nobody() {
    if !can_make_namespaces("a killed guard") {
        return;
    }
    let machine = Machine::new("guard");
    machine.palisade(&[&HOST[..], &["--confirm", "600"]].concat()).exits(0);
    let guard = fs::read_to_string(machine.run_dir().join("pending")).unwrap();
    assert!(Command::new("kill").args(["-KILL", guard.trim()]).status().unwrap().success());
    // The kernel takes the guard's lock back a moment after its death.
    let begun = Instant::now();
    loop {
        let status = machine.palisade(&["status", "--format", "nagios"]).exits(1).stdout;
        if status.contains("never confirmed") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{status}");
        thread::sleep(Duration::from_millis(50));
    }
    let other = machine.file("other.ferm", "chain INPUT { policy DROP; interface lo ACCEPT; }\n");
    let ran = machine.palisade(&["apply", "--replace", "--host", &other, "--node", "node-a"]).exits(0);
    assert!(ran.stderr.contains("never confirmed"), "{}", ran.stderr);
}

#[test]
fn the_terminal_can_confirm_and_silence_reverts() {
    if !can_make_namespaces("confirming on a terminal") {
        return;
    }
    let machine = Machine::new("terminal");
    let mut terminal = Terminal::open(&machine, "60");
    terminal.wait_for("type yes");
    terminal.child.stdin.as_mut().unwrap().write_all(b"yes\n").unwrap();
    terminal.wait_for("confirmed");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(0));
    let applied = machine.listing();
    assert!(applied.contains("pl_input"), "{applied}");

    machine.palisade(&["teardown"]).exits(0);
    let mut terminal = Terminal::open(&machine, SOON);
    terminal.wait_for("not confirmed");
    assert_eq!(terminal.child.wait().unwrap().code(), Some(1));
    assert_eq!(machine.listing(), "");
}

#[test]
fn the_ruleset_returns_after_a_sigkill_of_everything_in_the_terminals_session() {
    if !can_make_namespaces("apply --confirm and SIGKILL") {
        return;
    }
    let machine = Machine::new("sigkill");
    let mut terminal = Terminal::open(&machine, SOON);
    terminal.wait_for("type yes");
    assert!(machine.listing().contains("pl_input"));
    let victims = terminal.session();
    assert!(!victims.is_empty());
    let victims: Vec<String> = victims.iter().chain([&terminal.child.id()]).map(ToString::to_string).collect();
    assert!(Command::new("kill").arg("-KILL").args(&victims).status().unwrap().success());
    terminal.child.wait().unwrap();
    assert!(machine.listing().contains("pl_input"));
    becomes(&machine, "");
}

/// Waits until nft prints this.
#[track_caller]
pub(super) fn becomes(machine: &Machine, wanted: &str) {
    let begun = Instant::now();
    while machine.listing() != wanted {
        assert!(begun.elapsed() < PATIENCE, "still:\n{}", machine.listing());
        thread::sleep(Duration::from_millis(100));
    }
    // The guard says so after it is done, and forgets the probation.
    while machine.run_dir().join("reverting").exists() {
        assert!(begun.elapsed() < PATIENCE, "still reverting");
        thread::sleep(Duration::from_millis(20));
    }
}

/// `palisade apply --confirm` on a terminal of its own, which util-linux's `script` plays.
struct Terminal {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    heard: String,
}

impl Terminal {
    fn open(machine: &Machine, seconds: &str) -> Self {
        let plain = program();
        let line = [&[plain.get_program().to_str().unwrap()], &HOST[..], &["--confirm", seconds]].concat().join(" ");
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-f", "-c", &line, "/dev/null"]);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("PALISADE_RUN_DIR", machine.run_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = machine.namespace.spawn(&mut command).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, heard: String::new() }
    }

    /// Reads until a line holds these words.
    fn wait_for(&mut self, words: &str) {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).unwrap();
            self.heard.push_str(&line);
            assert!(length > 0, "`{words}` was never said:\n{}", self.heard);
            if line.contains(words) {
                return;
            }
        }
    }

    /// The processes of the session that `script` started: its children, which lead the session, and theirs.
    fn session(&self) -> Vec<u32> {
        let stats: Vec<(u32, u32, u32)> =
            fs::read_dir("/proc").unwrap().filter_map(|entry| stat(&entry.unwrap().path().join("stat"))).collect();
        let leader = stats.iter().find(|(_, parent, _)| *parent == self.child.id());
        let session = leader.map(|(_, _, session)| *session).unwrap();
        assert_ne!(session, 0);
        stats.iter().filter(|(_, _, other)| *other == session).map(|(process, _, _)| *process).collect()
    }
}

/// Process, parent and session of a `/proc/PID/stat`.
fn stat(path: &std::path::Path) -> Option<(u32, u32, u32)> {
    let text = fs::read_to_string(path).ok()?;
    let process = text.split(' ').next()?.parse().ok()?;
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let parent = fields.nth(1)?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some((process, parent, session))
}
