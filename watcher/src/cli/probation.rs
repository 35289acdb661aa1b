//! The terminal's end of `apply --confirm`: starts the guard, and waits for whoever decides.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context as _, anyhow};

use super::revert::{ARMED, KEPT, REVERTED};
use super::{Failure, Outcome};
use crate::confirm;
use crate::report;
use crate::run_dir::RunDir;

/// There where systemd is the init system (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

/// A guard that is running.
#[derive(Debug)]
pub(super) struct Armed {
    run: RunDir,
    seconds: u32,
    guard: BufReader<ChildStdout>,
}

/// What the waiting command hears.
enum Heard {
    /// A line from the terminal.
    Terminal(String),
    /// A line from the guard, or nothing if it is gone.
    Guard(Option<String>),
}

impl Armed {
    /// Starts a guard, and returns when it has read what is in force.
    pub(super) fn new(run: &RunDir, seconds: u32) -> Result<Self, Failure> {
        if Path::new(BOOTED).is_dir() {
            match start(run, &mut in_a_scope(), seconds) {
                Ok(guard) => return Ok(Self { run: run.clone(), seconds, guard }),
                Err(error) => report::message(&format!(
                    "warning: systemd gives the guard no unit of its own, so that whoever ends this session may end it: \
                     {error:#}"
                )),
            }
        }
        let guard = start(run, &mut Command::new(this_program()), seconds).map_err(Failure::Refused)?;
        Ok(Self { run: run.clone(), seconds, guard })
    }

    /// Lets the guard go, because nothing was changed.
    pub(super) fn release(self) -> Result<(), Failure> {
        confirm::confirm(&self.run).map(drop).context("releasing the guard").map_err(Failure::Refused)
    }

    /// Says what will come, where there is nothing to ask about.
    pub(super) fn announce(self) {
        report::message(&format!("what palisade had loaded before returns within {} s", self.seconds));
    }

    /// Asks on the terminal, if there is one, until somebody confirms or the guard has reverted.
    pub(super) fn ask(self) -> Result<Outcome, Failure> {
        let Self { run, seconds, guard } = self;
        if !io::stdin().is_terminal() {
            report::message(&format!("run `palisade confirm` within {seconds} s, or the previous ruleset returns"));
            return Ok(Outcome::Clean);
        }
        report::message(&format!("type yes or Enter within {seconds} s to keep it, or the previous ruleset returns"));
        let (tell, hear) = mpsc::channel();
        let tell_guard = tell.clone();
        thread::spawn(move || forward(guard, &tell_guard, |line| Heard::Guard(Some(line)), Some(Heard::Guard(None))));
        thread::spawn(move || forward(io::stdin().lock(), &tell, Heard::Terminal, None));
        answer(&hear, &run)
    }
}

/// This program, whatever becomes of its file: also to others that start it.
fn this_program() -> String {
    format!("/proc/{}/exe", std::process::id())
}

/// This program in a control group of its own. logind may end all that belongs to a session (`KillUserProcesses=`), and a
/// service's processes end with it.
fn in_a_scope() -> Command {
    let mut command = Command::new("systemd-run");
    command.args(["--scope", "--quiet", "--collect", "--no-ask-password"]);
    command.arg(format!("--unit=palisade-revert-{}", std::process::id()));
    command.args(["--description=palisade apply --confirm, not confirmed yet", "--"]).arg(this_program());
    command
}

/// Starts a guard by this command, and hears that it is ready.
fn start(run: &RunDir, command: &mut Command, seconds: u32) -> anyhow::Result<BufReader<ChildStdout>> {
    run.create().context("making the folder")?;
    let log = run.file("revert.log");
    let log = OpenOptions::new().create(true).append(true).open(&log).context("opening revert.log")?;
    let mut child = command
        .args(["revert", "--after", &seconds.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting the guard")?;
    let mut guard = BufReader::new(child.stdout.take().ok_or_else(|| anyhow!("the guard has no output"))?);
    let mut line = String::new();
    guard.read_line(&mut line).context("hearing from the guard")?;
    if line.trim() == ARMED {
        return Ok(guard);
    }
    Err(anyhow!("the guard that would revert did not start: see {}", run.file("revert.log").display()))
}

/// Hands lines on, and `end` after the last.
fn forward(lines: impl io::BufRead, tell: &Sender<Heard>, say: fn(String) -> Heard, end: Option<Heard>) {
    for line in lines.lines().map_while(Result::ok) {
        if tell.send(say(line)).is_err() {
            return;
        }
    }
    // Nobody listens any more, or there is nothing to say: both are fine.
    drop(end.map(|end| tell.send(end)));
}

fn answer(hear: &Receiver<Heard>, run: &RunDir) -> Result<Outcome, Failure> {
    loop {
        match hear.recv().unwrap_or(Heard::Guard(None)) {
            Heard::Terminal(line) if matches!(line.trim(), "" | "y" | "yes") => {
                // Too late or not: the guard says how it ended.
                let _: bool = super::confirm::confirm(run)?;
            }
            Heard::Terminal(_) => report::message("only yes or Enter keeps it"),
            Heard::Guard(Some(line)) if line == KEPT => {
                super::print("confirmed\n")?;
                return Ok(Outcome::Clean);
            }
            Heard::Guard(Some(line)) if line == REVERTED => {
                super::print("not confirmed: the previous ruleset is in force again\n")?;
                return Ok(Outcome::Findings);
            }
            Heard::Guard(Some(line)) => report::message(&line),
            Heard::Guard(None) => {
                let log = run.file("revert.log");
                report::message(&format!("the guard is gone without a word: see {}", log.display()));
                return Ok(Outcome::Findings);
            }
        }
    }
}
