//! The sources of a ruleset, as flags and as a configuration file, and the ruleset that they make.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use engine::compile::host::unknown_peers;
use engine::compile::options::{Pause, PodOptions};
use engine::compile::{Input, compile, compile_host};
use engine::observed::Observed;
use engine::ruleset::Ruleset;
use policy_lang::baseline::Text;
use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::source::Sources;

use super::given::GivenArgs;
use super::{Failure, Outcome};
use crate::applied::{self, Applied};
use crate::config::Config;
use crate::config::host::{HostOptions, HostReading};
use crate::last_good::{self, Good};
use crate::observing;
use crate::report::{self, Color, diagnostics};
use crate::run_dir::RunDir;
use crate::source::files::STDIN;
use crate::source::host_texts::HostTexts;
use crate::source::{self, Loaded, LoadedBaseline, LoadedHost, files};
use crate::state_dir::StateDir;

/// Where Linux tells the host's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The flags of every command that compiles.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceArgs {
    /// Host rules in ferm's language; `-` for standard input.
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,

    /// Kubernetes manifests: a file, a folder (every *.yaml, *.yml and *.json in it and below, names with a leading
    /// dot left out), or `-` for standard input. Can be given more than once.
    #[arg(long, value_name = "PATH")]
    manifests: Vec<PathBuf>,

    /// The enforced egress baseline: a file with EgressBaseline or ClusterNetworkPolicy documents, with the ConfigMap
    /// that holds them, or with a plain list of egress rules; replaces the ConfigMap
    /// kube-system/palisade-egress-baseline among the manifests. Can be given more than once.
    #[arg(long, value_name = "FILE")]
    baseline: Vec<PathBuf>,

    #[command(flatten)]
    given: GivenArgs,

    /// Run the shell commands that the host rules have in backticks, and the pipes of @include, each once and for at most
    /// 10 seconds. Hooks are never run.
    #[arg(long)]
    allow_exec: bool,

    /// Look up the names that the host rules have in @resolve. A name that cannot be looked up, or does not exist any
    /// more, keeps the addresses of the last apply.
    // Without a kernel nothing is enforced, so no name is looked up.
    #[cfg_attr(feature = "kernel", arg(long))]
    #[cfg_attr(not(feature = "kernel"), arg(skip))]
    resolve: bool,

    /// The node that the ruleset is for [default: the host's name].
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// A file that says the same as these flags, and how pod policy and the host's FORWARD rules meet
    /// (docs/reference/config.md). Flags win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Go on when objects are broken: enforce the others, close what the broken ones are about, and exit with 1.
    /// Without it nothing is done about any error, and the exit code is 2. Broken host rules, whichever of them is
    /// broken, are left out as a whole: those of the last apply of this machine are enforced in their place. Where none
    /// are kept, nothing new comes in to the node or is forwarded, but for what pod policy accepts; what the node
    /// itself sends is free.
    #[arg(long)]
    keep_going: bool,
}

/// What the sources want.
#[derive(Debug)]
pub(super) struct Desired {
    /// The ruleset.
    pub(super) ruleset: Ruleset,
    /// What it is made from: the cluster, and what the ruleset says of its sources, among others.
    pub(super) loaded: Loaded,
    /// Where everything came from.
    pub(super) config: Config,
    /// The node that it is for.
    pub(super) node: String,
    /// The texts of the baseline, if there is a sound one.
    pub(super) baseline: Option<Vec<Text>>,
    /// What sound host rules were read from.
    pub(super) host: Option<HostTexts>,
    /// What was to be done about errors.
    pub(super) on_errors: OnErrors,
    /// Whether everything was enforced as written.
    pub(super) outcome: Outcome,
}

/// What to do about errors in the input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OnErrors {
    /// Nothing at all.
    Refuse,
    /// Enforce the good objects, and close what the broken ones are about.
    FailClosed,
}

impl Desired {
    /// What it is while the pauses last that the kernel has: no source knows of those, only the agent that was asked.
    pub(super) fn with_pauses_of(mut self, observed: &Observed) -> Self {
        let pauses = Pause::lasting(observed);
        if !pauses.is_empty() {
            let mut options = self.config.pod_options().clone();
            options.observe.pauses = pauses;
            self.ruleset = compile_once(&self.loaded, &self.config, &options, &self.node).0;
        }
        self
    }
}

impl SourceArgs {
    /// A configuration file by itself.
    #[cfg(feature = "kernel")]
    pub(super) fn of_config(path: &std::path::Path) -> Self {
        Self { config: Some(path.to_owned()), ..Self::default() }
    }

    /// The same with these host rules, if any are named.
    #[cfg(feature = "kernel")]
    pub(super) fn with_host(self, host: Option<PathBuf>) -> Self {
        Self { host: host.or(self.host), ..self }
    }

    /// What is to be done about errors.
    pub(super) fn on_errors(&self) -> OnErrors {
        if self.keep_going { OnErrors::FailClosed } else { OnErrors::Refuse }
    }

    /// Whether any of these flags is given.
    pub(super) fn are_given(&self) -> bool {
        let Self { host, manifests, baseline, given, allow_exec, resolve, node, config, keep_going } = self;
        let named = host.is_some() || !manifests.is_empty() || !baseline.is_empty() || config.is_some();
        let is_read_otherwise = !given.given().is_empty() || *allow_exec || *resolve;
        named || is_read_otherwise || node.is_some() || *keep_going
    }

    fn flags(&self) -> Config {
        let reading = HostReading {
            given: self.given.given(),
            allow_exec: self.allow_exec.then_some(true),
            resolve: self.resolve.then_some(true),
            prefers_former: false,
        };
        Config {
            host_options: HostOptions { reading, ..HostOptions::default() },
            host: self.host.clone(),
            manifests: self.manifests.clone(),
            baseline: self.baseline.clone(),
            node: self.node.clone(),
            ..Config::default()
        }
    }

    /// The flags, and the configuration file where they say nothing.
    pub(super) fn config(&self, color: Color) -> Result<Config, Failure> {
        let flags = self.flags();
        let Some(path) = &self.config else { return Ok(flags) };
        let text = files::read(path).map_err(|error| Failure::Input(error.into()))?;
        let mut sources = Sources::default();
        let (config, findings) = Config::parse(path, &text, &mut sources);
        report::message(&diagnostics::render(&findings, &sources, color));
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(Failure::Input(anyhow!("the configuration {} cannot be used", path.display())));
        }
        Ok(flags.or(config))
    }
}

/// Where the sources are.
pub(super) fn config(args: &SourceArgs, color: Color) -> Result<Config, Failure> {
    let config = args.config(color)?;
    if !config.has_sources() {
        let message = "no source is given: use --host, --manifests, --baseline or --config";
        return Err(Failure::Input(anyhow!(message)));
    }
    Ok(config)
}

/// What the last apply of this machine was given, seen from where it ran, or why that is not to be had.
pub(super) fn last_applied(run: &RunDir) -> Result<Applied, String> {
    let applied =
        applied::recall(run).ok_or("no sources are given, and no apply of this machine left a note of its own")?;
    let config = applied.config();
    let mut paths = config.host.iter().chain(&config.manifests).chain(&config.baseline);
    if paths.any(|path| path.as_os_str() == STDIN) {
        return Err("no sources are given, and the last apply read standard input".to_owned());
    }
    // Paths are part of what is compared: they stand in the rules' comments as they were given.
    std::env::set_current_dir(&applied.directory)
        .map_err(|error| format!("no sources are given, and {} is gone: {error}", applied.directory.display()))?;
    Ok(applied)
}

/// Reads and compiles the sources, and prints every finding.
pub(super) fn desired(args: &SourceArgs, color: Color) -> Result<Desired, Failure> {
    let config = config(args, color)?;
    desired_of(&config, args.on_errors(), color)
}

/// The same for whoever compares what is loaded with it.
pub(super) fn compared(args: &SourceArgs, color: Color) -> Result<Desired, Failure> {
    desired_of(&config(args, color)?.comparing(), args.on_errors(), color)
}

/// The same for a configuration.
pub(super) fn desired_of(config: &Config, on_errors: OnErrors, color: Color) -> Result<Desired, Failure> {
    let node = node(config)?;
    let mut loaded = source::load(config).map_err(|error| Failure::Input(error.into()))?;
    fall_back(&mut loaded, on_errors);
    let ruleset = compiled(&mut loaded, config, &node, on_errors);
    let named = loaded.host.iter().flat_map(|rules| unknown_peers(rules, &loaded.inventory));
    loaded.diagnostics.extend(named.collect::<Vec<_>>());
    report::message(&diagnostics::render(&loaded.diagnostics, &loaded.sources, color));
    for said in observing::configured(&config.pod_options().observe) {
        report::message(&format!("note: {said}"));
    }
    let outcome = outcome(&loaded, on_errors)?;
    let baseline = match std::mem::take(&mut loaded.baseline) {
        LoadedBaseline::Sound(texts) => Some(texts),
        LoadedBaseline::Absent | LoadedBaseline::StandIn | LoadedBaseline::LastGood => None,
    };
    let host = match std::mem::take(&mut loaded.host_state) {
        LoadedHost::Sound(texts) => Some(texts),
        LoadedHost::Absent | LoadedHost::StandIn | LoadedHost::LastGood => None,
    };
    Ok(Desired { ruleset, loaded, config: config.clone(), node, baseline, host, on_errors, outcome })
}

/// In the place of a broken baseline and of broken host rules, the last good ones of this machine; the stand-ins only where
/// there are none.
pub(super) fn fall_back(loaded: &mut Loaded, on_errors: OnErrors) {
    match on_errors {
        OnErrors::Refuse => {}
        OnErrors::FailClosed => {
            fall_back_to_baseline(loaded);
            fall_back_to_host(loaded);
        }
    }
}

fn fall_back_to_baseline(loaded: &mut Loaded) {
    if loaded.baseline != LoadedBaseline::StandIn {
        return;
    }
    let (kept, why) = recalled::<Vec<Text>>(|texts| loaded.restore_baseline(texts));
    report::message(&if loaded.baseline == LoadedBaseline::LastGood {
        format!("warning: the baseline is broken: the last good one is enforced in its place ({kept})")
    } else {
        format!(
            "warning: the baseline is broken, and {why}: DNS and the API server stay open to every pod, everything \
             else is left to the pods' own policies, and a pod without any reaches nothing"
        )
    });
}

fn fall_back_to_host(loaded: &mut Loaded) {
    if loaded.host_state != LoadedHost::StandIn {
        return;
    }
    let (kept, why) = recalled::<HostTexts>(|texts| loaded.restore_host(texts));
    report::message(&if loaded.host_state == LoadedHost::LastGood {
        format!("warning: the host rules are broken: the last good ones are enforced in their place ({kept})")
    } else {
        format!("warning: the host rules are broken, and {why}: nothing new comes in or is forwarded")
    });
}

/// Has what was kept last put in its place, if anything was. Where it is kept, and why it is not enforced if it is not.
fn recalled<T: Good>(restore: impl FnOnce(&T)) -> (String, String) {
    let state = StateDir::from_environment();
    let kept = last_good::path::<T>(&state).display().to_string();
    let why = match last_good::recall::<T>(&state) {
        Ok(Some(good)) => {
            restore(&good);
            "the last good one is broken too".to_owned()
        }
        Ok(None) => format!("no good one was kept in {kept}"),
        Err(error) => error.to_string(),
    };
    (kept, why)
}

/// Whether what was read may be used as it is.
pub(super) fn outcome_of(loaded: &Loaded, args: &SourceArgs) -> Result<Outcome, Failure> {
    outcome(loaded, args.on_errors())
}

fn outcome(loaded: &Loaded, on_errors: OnErrors) -> Result<Outcome, Failure> {
    match (loaded.has_errors(), on_errors) {
        (false, OnErrors::Refuse | OnErrors::FailClosed) => Ok(Outcome::Clean),
        (true, OnErrors::FailClosed) => Ok(Outcome::Findings),
        (true, OnErrors::Refuse) => {
            let message = "nothing was done because of these errors; --keep-going enforces the rest";
            Err(Failure::Input(anyhow!(message)))
        }
    }
}

/// Compiles what was read. Host rules whose words turn out to make no sense are broken too.
fn compiled(loaded: &mut Loaded, config: &Config, node: &str, on_errors: OnErrors) -> Ruleset {
    let options = config.pod_options();
    let (ruleset, found) = compile_once(loaded, config, options, node);
    let is_enforced = !is_broken(&found) || loaded.host.is_none();
    loaded.diagnostics.extend(found);
    if is_enforced {
        return ruleset;
    }
    give_way(loaded, on_errors, |loaded| is_broken(&compile_once(loaded, config, options, node).1));
    compile_once(loaded, config, options, node).0
}

/// The same of host rules for whoever does not compile them with everything else.
pub(super) fn check_host(loaded: &mut Loaded, on_errors: OnErrors) {
    let found = |loaded: &Loaded| loaded.host_input().map(|host| compile_host(host).1).unwrap_or_default();
    let findings = found(loaded);
    if is_broken(&findings) {
        loaded.diagnostics.extend(findings);
        give_way(loaded, on_errors, |loaded| is_broken(&found(loaded)));
    }
}

/// Host rules whose words make no sense give way to the last good ones, and those to the stand-in.
fn give_way(loaded: &mut Loaded, on_errors: OnErrors, are_broken: impl Fn(&Loaded) -> bool) {
    let are_written = matches!(loaded.host_state, LoadedHost::Sound(_));
    loaded.host_fails_closed();
    if are_written && on_errors == OnErrors::FailClosed {
        fall_back_to_host(loaded);
        if loaded.host_state == LoadedHost::LastGood && are_broken(loaded) {
            loaded.host_fails_closed();
            report::message("warning: those are broken too by now: nothing new comes in or is forwarded");
        }
    }
}

fn is_broken(found: &[Diagnostic]) -> bool {
    found.iter().any(|finding| finding.severity == Severity::Error)
}

fn compile_once(loaded: &Loaded, config: &Config, pods: &PodOptions, node: &str) -> (Ruleset, Vec<Diagnostic>) {
    let Loaded { policies, inventory, records, .. } = loaded;
    compile(&Input {
        policies,
        host: loaded.host_input(),
        inventory,
        node,
        forward_mode: config.forward.unwrap_or_default(),
        pods,
        sources: records,
    })
}

/// The node that a configuration is for.
pub(super) fn node(config: &Config) -> Result<String, Failure> {
    match config.node.as_deref() {
        // What an unset variable of a script leaves: it would bind no pod at all.
        Some("") => return Err(Failure::Input(anyhow!("the name of the node is empty"))),
        Some(node) => return Ok(node.to_owned()),
        None => {}
    }
    let read = std::fs::read_to_string(HOST_NAME).context("cannot tell the host's name: give --node");
    read.map(|name| name.trim().to_owned()).map_err(Failure::Input)
}
