//! Pods, and what a template says of them.

use std::net::IpAddr;

use crate::diagnostic::Diagnostic;
use crate::manifest::core::{at, items, port_number, protocol, push_address};
use crate::manifest::object::{ContainerPort, Damage, Lifecycle, Metadata, Phase, Pod, PodNetwork};
use crate::manifest::reader::Reader;
use crate::manifest::tree::{Value, duplicate_keys};
use crate::manifest::{cidr, code, workload};
use crate::name::UNREADABLE_LABEL;

/// A Pod. What cannot be read of it has its finding and is left out.
pub(super) fn read(document: &Value, mut metadata: Metadata, damage: Option<Damage>, reader: &mut Reader<'_>) -> Pod {
    let is_doubtful = document.field("metadata").is_some_and(Value::has_duplicate_key)
        || !duplicate_keys(document.entries().unwrap_or_default()).is_empty();
    let damage = damage.or(is_doubtful.then_some(Damage::Header));
    if damage.is_some() {
        metadata.labels = [(UNREADABLE_LABEL.into(), metadata.name.to_string().into())].into();
    }
    let node = at(document, &["spec", "nodeName"]).and_then(|name| reader.text(name, "a node's name"));
    let spec = document.field("spec");
    let network = spec.map_or(PodNetwork::Own, |spec| network(spec, reader));
    let phase = match at(document, &["status", "phase"]).and_then(Value::text).map(AsRef::as_ref) {
        Some("Pending") => Phase::Pending,
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some(_) | None => Phase::Unknown,
    };
    let lifecycle = match at(document, &["metadata", "deletionTimestamp"]) {
        Some(_) => Lifecycle::Terminating,
        None => Lifecycle::Live,
    };
    let mut addresses = Vec::new();
    for item in items(document, &["status", "podIPs"], reader) {
        push_address(&mut addresses, item.field("ip"), reader);
    }
    if addresses.is_empty() {
        push_address(&mut addresses, at(document, &["status", "podIP"]), reader);
    }
    if network == PodNetwork::Own {
        addresses.retain(|address| cidr::can_be_a_pods(*address) || refuse(*address, document, reader));
    }
    Pod {
        metadata,
        node: node.map(|node| node.value).filter(|node| !node.is_empty()),
        network,
        phase,
        lifecycle,
        addresses,
        ports: spec.map(|spec| container_ports(spec, reader)).unwrap_or_default(),
        owner: workload::owner(document),
        damage,
    }
}

/// Whoever may write a Pod's status may write any address there, and what selects the pod would open that. Never true.
fn refuse(address: IpAddr, document: &Value, reader: &mut Reader<'_>) -> bool {
    let span = at(document, &["status"]).map_or(document.span, |status| status.span);
    let message = format!("{address} can be no pod's address: it is not taken for this one's");
    reader.diagnostics.push(Diagnostic::warning(code::POD_ADDRESS, span, message));
    false
}

/// Whose network the pods of a pod's `spec` use.
pub(super) fn network(spec: &Value, reader: &mut Reader<'_>) -> PodNetwork {
    match spec.field("hostNetwork").and_then(|value| reader.boolean(value, "true or false")) {
        Some(true) => PodNetwork::Host,
        Some(false) | None => PodNetwork::Own,
    }
}

/// Ports of containers and of init containers that keep running (sem-61), sorted, each once.
pub(super) fn container_ports(spec: &Value, reader: &mut Reader<'_>) -> Vec<ContainerPort> {
    let restarts = |container: &&Value| {
        container.field("restartPolicy").and_then(Value::text).is_some_and(|policy| policy.as_ref() == "Always")
    };
    let init = items(spec, &["initContainers"], reader).iter().filter(restarts);
    let containers = items(spec, &["containers"], reader).iter().chain(init);
    let mut ports = Vec::new();
    let mut declared = Vec::new();
    for container in containers {
        declared.extend(items(container, &["ports"], reader));
    }
    for port in declared {
        let Some(number) = port.field("containerPort").and_then(|number| port_number(number, reader)) else { continue };
        let name = port.field("name").and_then(|name| reader.text(name, "a port's name")).map(|name| name.value);
        if let Some(protocol) = protocol(port, reader) {
            ports.push(ContainerPort { name, protocol, port: number });
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}
