//! The two ends of `apply --confirm`: the command on the terminal, and the guard that outlives it.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::ops::ControlFlow;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use engine::apply::apply;

use super::{Failure, Outcome, live};
use crate::applied;
use crate::confirm::{self, Ending, Guard};
use crate::report;
use crate::run_dir::RunDir;

/// This program, whatever becomes of its file.
const SELF: &str = "/proc/self/exe";

/// What the guard says when it knows what to go back to.
const ARMED: &str = "armed";
/// What it says when somebody confirmed.
const KEPT: &str = "kept";
/// What it says when it has put the previous ruleset back.
const REVERTED: &str = "reverted";

/// How long the guard waits for whoever is writing when its time has come. An apply that hangs for longer is over.
const PATIENCE: Duration = Duration::from_secs(300);

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
        let start = || -> anyhow::Result<BufReader<ChildStdout>> {
            run.create().context("making the folder")?;
            let log = run.file("revert.log");
            let log = OpenOptions::new().create(true).append(true).open(&log).context("opening revert.log")?;
            let mut child = Command::new(SELF)
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
        };
        start().map(|guard| Self { run: run.clone(), seconds, guard }).map_err(Failure::Refused)
    }

    /// Lets the guard go, because nothing was changed.
    pub(super) fn release(self) -> Result<(), Failure> {
        confirm::confirm(&self.run).map(drop).context("releasing the guard").map_err(Failure::Refused)
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
                let _: bool = confirm::confirm(run).context("confirming").map_err(Failure::Refused)?;
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

/// Put back what is in force, after a while, unless somebody confirms. Started by `apply --confirm`.
#[derive(Debug, clap::Args)]
pub(super) struct RevertArgs {
    /// How long to wait, in seconds.
    #[arg(long, value_name = "SECONDS")]
    after: u32,
}

/// The guard.
pub(super) fn revert(args: &RevertArgs) -> Result<Outcome, Failure> {
    leave_session()?;
    let run = RunDir::from_environment();
    let mut kernel = live::open()?;
    let previous = live::observe(kernel.as_mut())?.to_ruleset();
    let note = applied::recall(&run);
    let guard = Guard::new(&run).context("guarding the apply").map_err(Failure::Refused)?;
    super::print(&format!("{ARMED}\n"))?;
    let watching = |error| Failure::Refused(anyhow::Error::new(error).context("watching for a confirmation"));
    if guard.wait(Duration::from_secs(args.after.into())).map_err(watching)? == Ending::Released {
        super::print(&format!("{KEPT}\n"))?;
        return Ok(Outcome::Clean);
    }
    // Whoever applies has the lock until it is done: a revert in the middle would be overtaken.
    let lock = run.lock("palisade, reverting", PATIENCE);
    if let Err(error) = &lock {
        report::message(&format!("reverting all the same: {error}"));
    }
    if guard.claim().map_err(watching)? == Ending::Released {
        super::print(&format!("{KEPT}\n"))?;
        return Ok(Outcome::Clean);
    }
    let flags = live::flags(kernel.as_ref());
    apply(&mut kernel, &previous, flags, &mut |_| ControlFlow::Continue(()))
        .map_err(|error| Failure::Refused(anyhow::Error::new(error).context("putting the previous ruleset back")))?;
    if let Err(error) = applied::restore(&run, note.as_ref()) {
        report::message(&format!("warning: `status` will have to be given the sources: {error}"));
    }
    guard.done().map_err(watching)?;
    super::print(&format!("{REVERTED}\n"))?;
    Ok(Outcome::Findings)
}

/// Makes this process the leader of a session without a terminal, which no hang-up reaches.
#[cfg(feature = "kernel")]
fn leave_session() -> Result<(), Failure> {
    let session = nix::unistd::setsid().context("leaving the terminal's session");
    session.map(drop).map_err(Failure::Refused)
}

#[cfg(not(feature = "kernel"))]
fn leave_session() -> Result<(), Failure> {
    Err(Failure::Refused(anyhow!("this palisade was built without the feature `kernel`: it reverts nothing")))
}
