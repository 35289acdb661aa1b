//! Finds the pod of the agent that is asked.

use anyhow::anyhow;
use serde_json::Value;

use super::super::Failure;
use super::call::{self, Access, kubectl};

/// The label that the chart gives to the agents' pods.
const SELECTOR: &str = "app.kubernetes.io/name=palisade";

/// The container's names, the first that a pod has; else its first container.
const CONTAINERS: [&str; 2] = ["agent", "palisade"];

/// Which node.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The pod whose node is asked; its namespace by -n.
    #[arg(value_name = "POD", required_unless_present = "node", conflicts_with = "node")]
    pod: Option<String>,

    /// The node that is asked.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,

    /// The namespace of the agents [default: all are looked through].
    #[arg(long, value_name = "NAME")]
    agent_namespace: Option<String>,

    /// The labels of the agents' pods.
    #[arg(long, value_name = "LABELS", default_value = SELECTOR)]
    agent_selector: String,
}

/// The agent of a node.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) node: String,
    /// The configuration that it was given.
    pub(super) config: Option<String>,
}

/// Asks the API server for it.
pub(super) fn agent(access: &Access, target: &Target) -> Result<Agent, Failure> {
    let node = match (&target.node, &target.pod) {
        (Some(node), _) => node.clone(),
        (None, Some(pod)) => node_of(access, pod)?,
        (None, None) => return Err(Failure::Input(anyhow!("give a POD or --node NAME"))),
    };
    let field = format!("--field-selector=spec.nodeName={node}");
    let selector = format!("--selector={}", target.agent_selector);
    let scope = match &target.agent_namespace {
        Some(namespace) => format!("--namespace={namespace}"),
        None => "--all-namespaces".to_owned(),
    };
    let found = call::json(kubectl(access, &["get", "pods", &scope, &selector, &field, "--output=json"]))?;
    let pods = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let alive = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let running = alive.filter(|pod| pod["status"]["phase"] == "Running");
    // One that is not ready is asked too: why it is not is what one wants to know.
    let best = running.max_by_key(|pod| is_ready(pod));
    best.and_then(|pod| described(pod, &node)).ok_or_else(|| {
        let labels = &target.agent_selector;
        Failure::Refused(anyhow!("no agent runs on node {node}: no pod there has the labels {labels} and is running"))
    })
}

fn node_of(access: &Access, pod: &str) -> Result<String, Failure> {
    let namespace = access.namespace.as_ref().map(|namespace| format!("--namespace={namespace}"));
    let arguments: Vec<&str> = ["get", "pod", pod, "--output=json"].into_iter().chain(namespace.as_deref()).collect();
    let found = call::json(kubectl(access, &arguments))?;
    let node = found["spec"]["nodeName"].as_str().filter(|node| !node.is_empty());
    node.map(str::to_owned).ok_or_else(|| Failure::Refused(anyhow!("pod {pod} is on no node yet")))
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn described(pod: &Value, node: &str) -> Option<Agent> {
    let containers = pod["spec"]["containers"].as_array()?;
    let named = |name: &&str| containers.iter().find(|container| container["name"] == **name);
    let container = CONTAINERS.iter().find_map(named).or_else(|| containers.first())?;
    Some(Agent {
        namespace: pod["metadata"]["namespace"].as_str()?.to_owned(),
        pod: pod["metadata"]["name"].as_str()?.to_owned(),
        container: container["name"].as_str()?.to_owned(),
        node: node.to_owned(),
        config: config(container),
    })
}

/// The file of its flag `--config`.
fn config(container: &Value) -> Option<String> {
    let arguments = container["args"].as_array()?;
    let mut arguments = arguments.iter().filter_map(Value::as_str);
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(str::to_owned);
        }
        if let Some(path) = argument.strip_prefix("--config=") {
            return Some(path.to_owned());
        }
    }
    None
}
