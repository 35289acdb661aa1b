//! The shell that runs backticks and the pipes of `@include`, for as long as it may take.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use policy_lang::host::{CommandError, Commands};

/// How long a command may run.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of output that are kept; the language reads fewer.
const OUTPUT_MAX: u64 = 2 << 20;
/// How often is looked whether a command has ended.
const PERIOD: Duration = Duration::from_millis(5);

/// `/bin/sh`, with the environment of this process and nothing on standard input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    time_max: Duration,
}

impl Default for Shell {
    fn default() -> Self {
        Self { time_max: TIME_MAX }
    }
}

impl Commands for Shell {
    fn run(&self, command: &str) -> Result<String, CommandError> {
        // A process group of its own, so that whatever the command has started ends with it.
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn();
        let mut child = child.map_err(|error| CommandError::NotRun { reason: error.to_string() })?;
        let Some(pipe) = child.stdout.take() else {
            return Err(CommandError::NotRun { reason: "there is no pipe to its output".to_owned() });
        };
        let (sender, receiver) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let mut output = Vec::new();
            let read = pipe.take(OUTPUT_MAX).read_to_end(&mut output).map(|_| output);
            // Nobody waits for the output of a command that was stopped.
            drop(sender.send(read));
        });
        let deadline = Instant::now() + self.time_max;
        let output = receiver.recv_timeout(self.time_max);
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) if output.is_ok() => break status,
                Ok(_) if Instant::now() >= deadline => {
                    stop(&mut child);
                    return Err(CommandError::TooSlow { seconds: self.time_max.as_secs() });
                }
                Ok(_) => std::thread::sleep(PERIOD),
                Err(error) => return Err(CommandError::NotRun { reason: error.to_string() }),
            }
        };
        if !status.success() {
            return Err(CommandError::Failed { status: status.to_string() });
        }
        match output {
            Ok(Ok(output)) => Ok(String::from_utf8_lossy(&output).into_owned()),
            Ok(Err(error)) => Err(CommandError::NotRun { reason: error.to_string() }),
            Err(_) => Err(CommandError::TooSlow { seconds: self.time_max.as_secs() }),
        }
    }
}

/// Ends a command and all that it has started.
fn stop(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // It may have ended in the meantime; then there is nothing to stop.
        let _gone = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    let _status = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_status_and_time_are_minded() {
        let shell = Shell { time_max: Duration::from_secs(1) };
        assert_eq!(shell.run("echo a b; echo c"), Ok("a b\nc\n".to_owned()));
        assert_eq!(shell.run("exit 3"), Err(CommandError::Failed { status: "exit status: 3".to_owned() }));
        let begun = Instant::now();
        assert_eq!(shell.run("sleep 60 & sleep 60"), Err(CommandError::TooSlow { seconds: 1 }));
        assert_eq!(shell.run("sleep 60 &"), Err(CommandError::TooSlow { seconds: 1 }));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
