//! `palisade doctor`: what on this node would make enforcement a lie or a lock-out.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;
use engine::compile::options::Ipvs;
use engine::inventory::Inventory;
use engine::kernel::{Features, Kernel as _, Netlink};

use super::input::{self, SourceArgs};
use super::{Failure, Outcome};
use crate::config::Config;
use crate::doctor::facts::Role;
use crate::doctor::read::{self, Question, Roots};
use crate::report::{Color, doctor};
use crate::run_dir::RunDir;
use crate::source;
use crate::state_dir::StateDir;

/// Say what on this node would make enforcement a lie or a lock-out, and what mends it.
///
/// It changes nothing. Each finding has a stable code (docs/reference/doctor.md), what was read and where, why it matters
/// and the command that mends it. Others' tables are looked at by name; elements of sets are never read, and everything
/// has a bound. What could not be looked at is said, with the reason, and does not count as fine.
///
/// The node is taken for one with pods, unless every file that is given has host rules and no manifests. With manifests
/// it knows the addresses of the node's pods, and which of them a bridge hides.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// The node [default: the host's name].
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// A configuration of palisade on this node (docs/reference/config.md). Can be given more than once.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  palisade doctor
  palisade doctor --config /etc/palisade/palisade.yaml --format json | jq -r '.findings[].code'

Exit codes:
  0  no error and no warning
  1  an error or a warning
  2  the usage or a configuration is wrong
  3  no error and no warning, but something could not be looked at: CAP_NET_ADMIN in the network
     namespace is needed, and root for some files";

/// The forms of what was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON, described in docs/reference/doctor.md.
    Json,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let question = question(args, color)?;
    let examination = read::examination(&question);
    super::print(&match args.format {
        Format::Text => doctor::text(&question.node, &examination),
        Format::Json => doctor::json(&question.node, &examination),
    })?;
    if examination.is_alarming() {
        return Ok(Outcome::Findings);
    }
    if examination.is_refused() {
        return Err(Failure::Refused(anyhow!("not everything could be looked at")));
    }
    Ok(Outcome::Clean)
}

fn question(args: &Args, color: Color) -> Result<Question, Failure> {
    let mut configs = Vec::new();
    for path in &args.config {
        configs.push(SourceArgs::of_config(path).config(color)?);
    }
    let named = args.node.clone().or_else(|| configs.iter().find_map(|config| config.node.clone()));
    let node = input::node(&Config { node: named, ..Config::default() })?;
    let is_host_only = |config: &Config| config.host.is_some() && config.manifests.is_empty();
    let role = if !configs.is_empty() && configs.iter().all(is_host_only) { Role::HostOnly } else { Role::Pods };
    let expects_ipvs = configs.iter().any(|config| config.pod_options().ipvs == Ipvs::Present);
    Ok(Question {
        roots: Roots::default(),
        role,
        node,
        pods: pods(&configs)?,
        expects_ipvs,
        features: features(),
        own_port: None,
        folders: [RunDir::from_environment().folder().to_owned(), StateDir::from_environment().folder().to_owned()],
    })
}

/// The pods of every configuration that has manifests.
fn pods(configs: &[Config]) -> Result<Option<Inventory>, Failure> {
    let mut known: Option<Inventory> = None;
    for config in configs.iter().filter(|config| !config.manifests.is_empty()) {
        let loaded = source::load(config).map_err(|error| Failure::Input(error.into()))?;
        known.get_or_insert_default().pods.extend(loaded.inventory.pods);
    }
    Ok(known)
}

/// What the kernel can do; without the right to ask, the reading of nf_tables says so.
fn features() -> Option<Features> {
    Netlink::open().ok().map(|kernel| kernel.features())
}
