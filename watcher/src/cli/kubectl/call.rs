//! Runs kubectl.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::super::Failure;
use super::target::Agent;

/// Whom to ask: flags of kubectl's own, passed on as they are.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Flags of kubectl")]
pub(super) struct Access {
    /// The context of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,

    /// The kubeconfig.
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<String>,

    /// The cluster of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    cluster: Option<String>,

    /// The user of the kubeconfig.
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,

    /// Whom to act as.
    #[arg(long = "as", global = true, value_name = "USER")]
    acting_as: Option<String>,

    /// The address of the API server.
    #[arg(short = 's', long, global = true, value_name = "URL")]
    server: Option<String>,

    /// How long one request may take, like 10s.
    #[arg(long, global = true, value_name = "TIME")]
    request_timeout: Option<String>,

    /// The namespace of the pod that is named.
    #[arg(short = 'n', long, global = true, value_name = "NAME")]
    pub(super) namespace: Option<String>,
}

/// A call of kubectl with the flags that say whom to ask, and these arguments.
pub(super) fn kubectl(access: &Access, arguments: &[&str]) -> Command {
    let Access { context, kubeconfig, cluster, user, acting_as, server, request_timeout, namespace: _ } = access;
    let flags = [
        ("context", context),
        ("kubeconfig", kubeconfig),
        ("cluster", cluster),
        ("user", user),
        ("as", acting_as),
        ("server", server),
        ("request-timeout", request_timeout),
    ];
    let mut command = Command::new("kubectl");
    for (flag, value) in flags {
        command.args(value.iter().map(|value| format!("--{flag}={value}")));
    }
    command.args(arguments);
    command
}

/// What kubectl prints; its own words if it fails.
pub(super) fn output(mut command: Command) -> Result<Vec<u8>, Failure> {
    let output = command.stdin(Stdio::null()).output().context("running kubectl").map_err(Failure::Refused)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::Refused(anyhow!("kubectl failed: {said}")))
}

/// The same as JSON.
pub(super) fn json(command: Command) -> Result<Value, Failure> {
    let text = output(command)?;
    serde_json::from_slice(&text).context("kubectl does not print JSON").map_err(Failure::Refused)
}

/// Becomes the call that runs palisade in the agent's pod: signals and the exit code are its own. Returns only if it
/// cannot be run.
pub(super) fn become_exec(access: &Access, agent: &Agent, arguments: &[String]) -> Failure {
    let Agent { namespace, pod, container, node: _, config: _ } = agent;
    let mut command = kubectl(access, &["exec", "--namespace", namespace, pod, "--container", container]);
    let error = command.args(["--", "palisade"]).args(arguments).exec();
    Failure::Refused(anyhow::Error::new(error).context("running kubectl"))
}
