//! `kubectl palisade explain`: the objects of the API server, explained here.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, anyhow};
use policy_lang::baseline::CONFIG_MAP;

use super::super::outcome::{Failure, Outcome};
use super::Format;
use super::call::{self, Access, kubectl};
use crate::report;

/// What policy is made of; every cluster has these.
const KINDS: &str = "namespaces,nodes,pods,services,endpointslices.discovery.k8s.io,networkpolicies.networking.k8s.io";

/// What only some clusters have.
const CLUSTER_POLICIES: &str = "clusternetworkpolicies.policy.networking.k8s.io";

/// The same questions as `palisade explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who connects: NAMESPACE/POD, a node, or an address.
    #[arg(value_name = "FROM")]
    from: String,

    /// Whom, and to which port: as of `palisade explain`.
    #[arg(value_name = "TO[:PORT[/PROTOCOL]]")]
    to: String,

    /// Say only what this node does.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(access: &Access, args: &Args) -> Result<Outcome, Failure> {
    let Args { from, to, node, format } = args;
    let objects = objects(access)?;
    let this = std::env::current_exe().context("finding this program").map_err(Failure::Refused)?;
    let mut explain = Command::new(this);
    // Under its own name it is not the plugin.
    explain.arg0("palisade").args(["explain", "--manifests=-", "--keep-going", "--format", format.word()]);
    explain.args(node.iter().map(|node| format!("--node={node}"))).args(["--", from, to]).stdin(Stdio::piped());
    let status = feed(&mut explain, &objects).context("running palisade explain").map_err(Failure::Refused)?;
    match status.code() {
        Some(0) => Ok(Outcome::Clean),
        Some(1) => Ok(Outcome::Findings),
        // It has said why.
        Some(2) => Err(Failure::Input(anyhow!("it was not explained"))),
        Some(_) | None => Err(Failure::Refused(anyhow!("palisade explain ended with {status}"))),
    }
}

/// Everything that a judgement needs, as a stream of documents.
fn objects(access: &Access) -> Result<Vec<u8>, Failure> {
    let mut objects = call::output(kubectl(access, &["get", KINDS, "--all-namespaces", "--output=json"]))?;
    let (namespace, name) = CONFIG_MAP;
    let namespace = format!("--namespace={namespace}");
    let baseline = ["get", "configmap", name, &namespace, "--ignore-not-found", "--output=json"];
    let mut add = |more: Vec<u8>| {
        if !more.is_empty() {
            objects.extend_from_slice(b"\n---\n");
            objects.extend(more);
        }
    };
    add(call::output(kubectl(access, &baseline))?);
    match call::output(kubectl(access, &["get", CLUSTER_POLICIES, "--output=json"])) {
        Ok(policies) => add(policies),
        Err(Failure::Refused(error)) if error.to_string().contains("doesn't have a resource type") => {}
        Err(Failure::Refused(error)) => {
            // Without them it could say that something passes which they deny.
            return Err(Failure::Refused(error.context("ClusterNetworkPolicies cannot be read")));
        }
        Err(error) => return Err(error),
    }
    report::message("judged by the objects that the API server has; host rules of nodes are not among them");
    Ok(objects)
}

fn feed(command: &mut Command, input: &[u8]) -> std::io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever does not read to the end says why by its exit code.
        drop(stdin.write_all(input));
    }
    child.wait()
}
