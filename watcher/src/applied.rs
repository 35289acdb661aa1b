//! What the last one-shot apply was given, so that `status` can compare without being told again.
//!
//! The note is about a ruleset that lives in the kernel until the next reboot, and so does the note, in /run. It is
//! only a help: whether it is about what is loaded is decided by the sources that the ruleset itself records.

use std::io;
use std::path::{Path, PathBuf};

use policy_lang::source::Sources;
use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::run_dir::RunDir;

/// The file.
const NAME: &str = "applied.json";

/// What an apply was given.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Applied {
    /// Where it ran: paths are relative to this.
    pub directory: PathBuf,
    /// `--host`.
    pub host: Option<PathBuf>,
    /// `--manifests`.
    pub manifests: Vec<PathBuf>,
    /// `--baseline`.
    pub baseline: Vec<PathBuf>,
    /// The node.
    pub node: String,
    /// The forward mode, by its word.
    pub forward: String,
    /// How pod policy is enforced, in the form of the configuration file; nothing where it says nothing of it.
    pub pods: Option<serde_json::Value>,
    /// How host rules are read, and what they cannot cut, in the same form.
    pub host_options: Option<serde_json::Value>,
    /// `--keep-going`.
    pub keep_going: bool,
}

impl Applied {
    /// The note about a configuration.
    ///
    /// # Errors
    /// If this process does not know where it is.
    pub fn new(config: &Config, node: &str, keep_going: bool) -> io::Result<Self> {
        let Config { host, manifests, baseline, node: _, forward, pods: _, host_options } = config.clone();
        let forward = config::forward_word(forward.unwrap_or_default()).to_owned();
        let directory = std::env::current_dir()?;
        Ok(Self {
            directory,
            host,
            manifests,
            baseline,
            node: node.to_owned(),
            forward,
            pods: config.written_pods(),
            host_options: host_options.written(),
            keep_going,
        })
    }

    /// The configuration again.
    pub fn config(&self) -> Config {
        let Self { directory: _, host, manifests, baseline, node, forward, pods, host_options, keep_going: _ } =
            self.clone();
        let read =
            |written: serde_json::Value| Config::parse(Path::new(""), &written.to_string(), &mut Sources::default()).0;
        let pods = pods.and_then(|pods| read(pods).pods);
        let host_options = host_options.map(|written| read(written).host_options).unwrap_or_default();
        let forward = config::forward_mode(&forward);
        Config { host, manifests, baseline, node: Some(node), forward, pods, host_options }
    }
}

/// Keeps the note.
///
/// # Errors
/// If it cannot be written.
pub fn remember(run: &RunDir, applied: &Applied) -> io::Result<()> {
    run.replace(NAME, &serde_json::to_string(applied)?)
}

/// The note, unless there is none that can be read.
pub fn recall(run: &RunDir) -> Option<Applied> {
    serde_json::from_str(&std::fs::read_to_string(run.file(NAME)).ok()?).ok()
}

/// Puts the note back that was there before, or none.
///
/// # Errors
/// If it cannot be written.
pub fn restore(run: &RunDir, applied: Option<&Applied>) -> io::Result<()> {
    match applied {
        Some(applied) => remember(run, applied),
        None => forget(run),
    }
}

/// Drops the note.
///
/// # Errors
/// If it cannot be removed.
pub fn forget(run: &RunDir) -> io::Result<()> {
    run.remove(NAME)
}
