//! `palisade agent`: the sources, in force for as long as it runs and after.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use engine::compile::marker::{SourceKind, SourceRecord};
use engine::compile::options::Ipvs;
use engine::kernel::{Kernel as _, Netlink};
use policy_lang::name::NamespacedName;
use tracing::level_filters::LevelFilter;

use super::input::{self, SourceArgs};
use super::{Failure, Outcome, apply, live};
use crate::agent::board::Board;
use crate::agent::cluster::lease::form::{Holder, Pod};
use crate::agent::cluster::{self, Cluster, lease};
use crate::agent::enforcer::{Enforcer, Live, Ownership};
use crate::agent::event::{self, Source};
use crate::agent::files::Files;
use crate::agent::host::{HostFile, Trial};
use crate::agent::readings::Readings;
use crate::agent::reconcile::{Agent, Start};
use crate::agent::serve::Desk;
use crate::agent::world::Settings;
use crate::agent::{drift, examine, probe, serve};
use crate::config::Config;
use crate::config::host::{self as options, HostOptions, Revert};
use crate::doctor::facts::Role;
use crate::doctor::read::{Question, Roots};
use crate::report::Color;
use crate::run_dir::RunDir;
use crate::state_dir::StateDir;

/// How long to wait for whoever holds the right to write: an agent that is ending, or an apply.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keep the policy of this node true: watch the sources, apply what changes, put right what others break.
///
/// The first change goes at once, those that follow within 25 ms, or within four times as long as the last apply took, but
/// never more than a second, go together. Nothing newly compiled is applied before every source has answered; until then
/// what is loaded stays in force, and where nothing is, what was in force when the agent ended last. A source that stays
/// silent for 30 s no longer holds the others back. When the agent ends, in whatever way, everything stays in force;
/// `palisade teardown` removes it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Where the objects come from: `dir:PATH`, a folder of manifests; `cluster`, the cluster that the agent is a pod of;
    /// `cluster:PATH`, the one of a kubeconfig.
    #[arg(long, value_name = "SOURCE")]
    source: From,

    /// The API server's address in place of the one that is configured, like `https://192.0.2.1:6443`: before kube-proxy
    /// has run, a Service's address leads nowhere.
    #[arg(long, value_name = "URL")]
    api_server: Option<String>,

    /// The namespace in which a Lease with the node's name says which generation is programmed and since when. It takes
    /// the rights to create and to patch Leases there, and nothing that is enforced waits for it.
    #[arg(long, value_name = "NAMESPACE")]
    lease: Option<String>,

    /// The pod that the Lease goes with: it is collected with the pod.
    #[arg(long, value_name = "POD/UID", requires = "lease")]
    lease_owner: Option<Pod>,

    /// Where to serve `/live`, `/ready` and `/metrics` by HTTP, like 127.0.0.1:9750; without it, nowhere.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// How many policies have a metric of their own for the packets that they deny: the first that deny something. The
    /// rest count together.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1000))]
    metrics_of_policies: u16,

    /// Whether the kernel is to keep others from changing the tables.
    #[arg(long, value_enum, default_value_t = Owner::Auto)]
    table_owner: Owner,

    /// The form of the log, on standard error.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,

    /// How much to log: error, warn, info or debug.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,

    /// The node that the ruleset is for [default: the host's name].
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// The enforced egress baseline, instead of the one among the manifests. Can be given more than once.
    #[arg(long, value_name = "FILE")]
    baseline: Vec<PathBuf>,

    /// Host rules in ferm's language, in a file on the node. They are read again when the file changes, or one that it
    /// includes.
    #[arg(long, value_name = "FILE")]
    host: Option<PathBuf>,

    /// The ConfigMap with host rules: each key is a file, and `host.ferm` the main one. In each chain they come after those
    /// of --host. One that is deleted stays in force as it was last good.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = config_map)]
    host_configmap: Option<NamespacedName>,

    /// How pod policy is enforced, and what is not given as a flag (docs/reference/config.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Example:
  palisade agent --source dir:/etc/palisade/manifests --node node-a --listen 127.0.0.1:9750
  palisade agent --source cluster --node $NODE_NAME --listen 127.0.0.1:9750

Files:
  /run/palisade/lock, agent.sock  the right to write, and where `palisade status --agent` asks
  /var/lib/palisade/facts, baseline  what was in force last, for a start at which nobody answers
  The environment variables PALISADE_RUN_DIR and PALISADE_STATE_DIR name other folders.

Exit codes:
  0  it was asked to end; everything stays in force
  1  a part of it failed in a way that only a new start can mend; everything stays in force
  2  the usage or the configuration is wrong
  3  the kernel, a missing permission (CAP_NET_ADMIN), an address that cannot be had, another agent, an
     apply that is writing or one that awaits its confirmation stands in the way";

/// Where objects come from.
#[derive(Clone, Debug)]
enum From {
    Folder(PathBuf),
    /// By this kubeconfig, or as the pod that the agent is.
    Cluster(Option<PathBuf>),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cluster" => Ok(Self::Cluster(None)),
            Some(("cluster", path)) if !path.is_empty() => Ok(Self::Cluster(Some(path.into()))),
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Folder(path.into())),
            Some(_) | None => Err("a source is `dir:PATH`, `cluster` or `cluster:KUBECONFIG`".to_owned()),
        }
    }
}

/// Who may change the tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Owner {
    /// Only the agent, where the kernel can keep others out (6.9); elsewhere what they change is put right.
    Auto,
    /// Everybody; what they change is put right.
    Shared,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Log {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let config = config(args, color)?;
    let settings = settings(args, &config)?;
    let trial = tried(args, &config)?;
    let run = RunDir::from_environment();
    let _lock = run.lock("palisade agent", PATIENCE).map_err(|error| Failure::Refused(error.into()))?;
    apply::refuse_unconfirmed(&run)?;
    let kernel = Netlink::open().map_err(live::refused)?;
    begin_log(args.log, args.log_level);
    let board = Arc::new(Board::new());
    let (tell, hear) = event::channel();
    let socket = run.file(serve::SOCKET);
    let readings = Readings::start(Arc::clone(&board), args.metrics_of_policies.into());
    let desk = Desk { board: Arc::clone(&board), readings, tell: tell.clone() };
    let served = serve::start(args.listen, &socket, &desk).with_context(|| {
        let listen = args.listen.map(|address| format!(" and {address}")).unwrap_or_default();
        format!("listening on {}{listen}", socket.display())
    });
    served.map_err(Failure::Refused)?;
    // Before anything is read, so that what others change from then on is heard.
    drift::listen(kernel.port(), &tell).map_err(live::refused)?;
    let ownership = match args.table_owner {
        Owner::Auto => Ownership::WherePossible,
        Owner::Shared => Ownership::Shared,
    };
    let state = StateDir::from_environment();
    let question = Question {
        roots: Roots::default(),
        role: Role::Pods,
        node: settings.node.clone(),
        pods: None,
        expects_ipvs: settings.pods.ipvs == Ipvs::Present,
        features: Some(kernel.features()),
        own_port: Some(kernel.port()),
        folders: [run.folder().to_owned(), state.folder().to_owned()],
    };
    examine::start(question, Arc::clone(&board), tell.clone());
    let enforcer = Enforcer::new(kernel, ownership, settings.pods.local.clone(), Box::new(Live));
    let trial = trial.map(|Tried { revert, after, what, attempt }| Trial {
        revert,
        after,
        what,
        ask: probe::asking(tell.clone(), attempt),
    });
    if let Some((options, holder)) = leased(args, &config, &settings) {
        lease::start(options, holder, Arc::clone(&board), tell.clone());
    }
    let all = sources(args, config);
    let sources = all.iter().flat_map(|source| source.names()).collect();
    let start = Start { enforcer, settings, sources, trial, state, board };
    let agent = Agent::start(start).map_err(live::refused)?;
    for source in all {
        event::watch_over("a source", tell.clone(), move |tell| source.run(tell));
    }
    agent.run(&hear).map_err(|why| Failure::Incomplete(anyhow!(why)))?;
    Ok(Outcome::Clean)
}

/// Whoever tells what there is.
fn sources(args: &Args, config: Config) -> Vec<Box<dyn Source>> {
    let host = config
        .host
        .clone()
        .map(|path| Box::new(HostFile::new(path, config.host_options.reading.clone())) as Box<dyn Source>);
    let objects: Box<dyn Source> = match &args.source {
        From::Folder(_) => Box::new(Files::new(config)),
        From::Cluster(kubeconfig) => Box::new(Cluster::new(cluster_options(kubeconfig.clone(), args, &config))),
    };
    std::iter::once(objects).chain(host).collect()
}

/// The Lease of this node, and how to reach who keeps it.
fn leased(args: &Args, config: &Config, settings: &Settings) -> Option<(cluster::Options, Holder)> {
    let From::Cluster(kubeconfig) = &args.source else { return None };
    let namespace = args.lease.clone()?;
    let holder = Holder { namespace, node: settings.node.clone(), pod: args.lease_owner.clone() };
    Some((cluster_options(kubeconfig.clone(), args, config), holder))
}

fn cluster_options(kubeconfig: Option<PathBuf>, args: &Args, config: &Config) -> cluster::Options {
    cluster::Options {
        kubeconfig,
        server: args.api_server.clone(),
        host: config.host_options.config_map.clone(),
        ..cluster::Options::default()
    }
}

/// How host rules are tried when they change.
struct Tried {
    revert: Revert,
    after: Duration,
    what: String,
    attempt: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

fn tried(args: &Args, config: &Config) -> Result<Option<Tried>, Failure> {
    let HostOptions { revert, revert_after, probe, .. } = config.host_options.clone();
    let (revert, after) = (revert.unwrap_or_default(), revert_after.unwrap_or(options::REVERT_AFTER));
    let (what, attempt): (String, Box<dyn Fn() -> Result<(), String> + Send + Sync>) = match (probe, &args.source) {
        (Some(probe), _) => (format!("{probe}"), Box::new(move || probe::connect(&probe))),
        (None, From::Cluster(kubeconfig)) => {
            let options = cluster_options(kubeconfig.clone(), args, config);
            ("the API server".to_owned(), Box::new(move || cluster::answers(&options)))
        }
        (None, From::Folder(_)) if revert == Revert::All => {
            return Err(Failure::Input(anyhow!("`hostRevert: all` takes a `hostProbe` where there is no API server")));
        }
        (None, From::Folder(_)) => return Ok(None),
    };
    Ok(Some(Tried { revert, after, what, attempt }))
}

/// What the flags and the file say, with the folder as the only manifests.
fn config(args: &Args, color: Color) -> Result<Config, Failure> {
    let Args { source, node, baseline, host, host_configmap, config, .. } = args;
    let from_file = match config {
        Some(path) => SourceArgs::of_config(path).config(color)?,
        None => Config::default(),
    };
    let flags = Config {
        host: host.clone(),
        manifests: match source {
            From::Folder(folder) => vec![folder.clone()],
            From::Cluster(_) => Vec::new(),
        },
        baseline: baseline.clone(),
        node: node.clone(),
        host_options: HostOptions { config_map: host_configmap.clone(), ..HostOptions::default() },
        ..Config::default()
    };
    let config = flags.or(from_file);
    let mut paths = config.manifests.iter().chain(&config.host).chain(&config.baseline);
    if paths.any(|path| path == Path::new(crate::source::files::STDIN)) {
        return Err(Failure::Input(anyhow!("an agent cannot watch standard input (`-`)")));
    }
    match source {
        From::Cluster(_) if config.manifests.is_empty() && config.baseline.is_empty() => {}
        From::Cluster(_) => {
            let message = "with a cluster as the source, neither manifests nor a baseline come from files";
            return Err(Failure::Input(anyhow!(message)));
        }
        From::Folder(_) if config.host_options.config_map.is_some() => {
            return Err(Failure::Input(anyhow!("host rules from a ConfigMap are for the source `cluster`")));
        }
        From::Folder(_) if args.lease.is_some() => {
            return Err(Failure::Input(anyhow!("--lease is for the source `cluster`")));
        }
        From::Folder(_) if args.api_server.is_some() => {
            return Err(Failure::Input(anyhow!("--api-server is for the source `cluster`")));
        }
        From::Folder(_) => {}
    }
    Ok(config)
}

fn settings(args: &Args, config: &Config) -> Result<Settings, Failure> {
    let record = |kind, path: &PathBuf| SourceRecord { kind, path: path.display().to_string() };
    let cluster = match args.source {
        From::Folder(_) => None,
        From::Cluster(_) => Some(SourceRecord { kind: SourceKind::Manifests, path: "cluster".to_owned() }),
    };
    let cluster = cluster.into_iter();
    let manifests = config.manifests.iter().map(|path| record(SourceKind::Manifests, path));
    let baseline = config.baseline.iter().map(|path| record(SourceKind::Baseline, path));
    let host = config.host.iter().map(|path| record(SourceKind::Host, path));
    let of_map = |name: &NamespacedName| SourceRecord { kind: SourceKind::Host, path: format!("configmap:{name}") };
    let host = host.chain(config.host_options.config_map.iter().map(of_map));
    Ok(Settings {
        node: input::node(config)?,
        forward: config.forward.unwrap_or_default(),
        pods: config.pod_options().clone(),
        failsafes: config.host_options.failsafes_of_agent(),
        records: cluster.chain(manifests).chain(baseline).chain(host).collect(),
    })
}

/// What a flag says that names a ConfigMap.
fn config_map(text: &str) -> Result<NamespacedName, String> {
    options::config_map(text).ok_or_else(|| "a ConfigMap is `NAMESPACE/NAME`".to_owned())
}

fn begin_log(form: Log, level: LevelFilter) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_target(false);
    match form {
        Log::Text => log.with_ansi(false).init(),
        Log::Json => log.json().flatten_event(true).with_current_span(false).init(),
    }
}
