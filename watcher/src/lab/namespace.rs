//! Network namespaces that nobody can leave behind.
//!
//! A namespace has no name in the file system: it lives as long as a descriptor, a socket or a thread of this process
//! holds it. A process that is killed takes all of its namespaces with it.

use std::fs::File;
use std::io::{self, Write};
use std::panic;
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::LabError;

/// A network namespace of this process.
#[derive(Debug)]
pub struct Namespace {
    label: Box<str>,
    file: File,
}

impl Namespace {
    /// Makes a namespace in which nothing is set up but `lo`, which is up. The label is for messages only.
    ///
    /// # Errors
    /// [`LabError::NotPermitted`] without `CAP_SYS_ADMIN`; [`LabError::Io`].
    pub fn new(label: &str) -> Result<Self, LabError> {
        let file = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        })
        .map_err(|source| {
            if source.kind() == io::ErrorKind::PermissionDenied {
                return LabError::NotPermitted;
            }
            LabError::io(format!("making namespace {label}"), source)
        })?;
        let namespace = Self { label: label.into(), file };
        namespace.ip("link set lo up\n")?;
        Ok(namespace)
    }

    /// What it is called in messages.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Where other programs find it while this process lives: `/proc/PID/fd/N`, which `ip` takes for a name.
    pub fn path(&self) -> String {
        use std::os::fd::AsRawFd as _;
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Runs something on a thread of its own that is inside. Sockets that it opens and programs that it starts stay
    /// inside; the thread ends with it.
    ///
    /// # Errors
    /// [`LabError::Io`] if the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        on_a_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
        .map_err(|source| LabError::io(format!("entering namespace {}", self.label), source))
    }

    /// Runs a program inside, with this as its input.
    ///
    /// # Errors
    /// [`LabError::Io`] if it cannot be started; [`LabError::Program`] if it fails.
    pub fn output(&self, command: &mut Command, input: &str) -> Result<Output, LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = self
            .run(|| feed(command, input))?
            .map_err(|source| LabError::io(format!("running {program} in {}", self.label), source))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(LabError::Program {
            program: program.into(),
            namespace: self.label.clone(),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim_end().into(),
        })
    }

    /// Starts a program inside and leaves it running.
    ///
    /// # Errors
    /// [`LabError::Io`] if it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> Result<std::process::Child, LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        self.run(|| command.spawn())?
            .map_err(|source| LabError::io(format!("starting {program} in {}", self.label), source))
    }

    /// Carries out lines in the form of `ip -batch`; none, nothing.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub fn ip(&self, lines: &str) -> Result<(), LabError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.output(Command::new("ip").args(["-batch", "-"]), lines).map(drop)
    }

    /// Loads a file of nft commands as one transaction; for tables of the test's own.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub fn nft(&self, commands: &str) -> Result<(), LabError> {
        self.output(Command::new("nft").args(["-f", "-"]), commands).map(drop)
    }

    /// What `nft` prints for these arguments.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub fn nft_list(&self, arguments: &[&str]) -> Result<String, LabError> {
        let output = self.output(Command::new("nft").args(arguments), "")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Sets kernel parameters of this namespace, by their path below `/proc/sys/net`.
    ///
    /// # Errors
    /// [`LabError::Io`] names the first that could not be set.
    pub fn sysctl(&self, values: &[(&str, &str)]) -> Result<(), LabError> {
        self.run(|| {
            for (key, value) in values {
                let path = format!("/proc/sys/net/{key}");
                std::fs::write(&path, value)
                    .map_err(|source| LabError::io(format!("setting {path} in {}", self.label), source))?;
            }
            Ok(())
        })?
    }
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, work)?.join() {
        Ok(result) => result,
        Err(panic) => panic::resume_unwind(panic),
    })
}

fn feed(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not read its input to the end says why on its standard error.
            stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
        });
        child.wait_with_output()
    })
}
