//! Objects of the core and discovery groups: the few fields of them that matter here.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;

use crate::manifest::kind::Kind;
use crate::manifest::object::{
    ClusterNetworkPolicy, ConfigMap, Damage, DataEntry, EgressBaselineDocument, Endpoint, EndpointPort, EndpointSlice,
    Metadata, Namespace, NetworkPolicy, Node, Object, Readiness, Service, ServicePort, TargetPort,
};
use crate::manifest::reader::{Reader, integer};
use crate::manifest::tree::{Entry, ScalarKind, Spanned, Value};
use crate::manifest::{cidr, code, metadata, pod, route, workload};
use crate::name::{NAMESPACE_NAME_LABEL, NamespacedName};
use crate::port::Protocol;

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// One object of a kind that has a name. What cannot be read of it has its finding and is left out.
pub(super) fn object(
    kind: Kind,
    document: &Value,
    metadata: Metadata,
    damage: Option<Damage>,
    reader: &mut Reader<'_>,
) -> Option<Object> {
    // A policy's are judged when it is decoded.
    if !matches!(kind, Kind::NetworkPolicy | Kind::ClusterNetworkPolicy) {
        for part in ["spec", "status"].into_iter().filter_map(|name| document.field(name)) {
            if part.entries().is_none() && !part.is_null() {
                reader.wrong_type(part, "a mapping");
            }
        }
    }
    Some(match kind {
        Kind::Namespace => Object::Namespace(namespace(metadata)),
        Kind::Node => Object::Node(node(document, metadata, reader)),
        Kind::Pod => Object::Pod(pod::read(document, metadata, damage, reader)),
        Kind::NetworkPolicy => Object::NetworkPolicy(NetworkPolicy { metadata, document: document.clone(), damage }),
        Kind::ClusterNetworkPolicy => {
            Object::ClusterNetworkPolicy(ClusterNetworkPolicy { metadata, document: document.clone(), damage })
        }
        Kind::ConfigMap => Object::ConfigMap(config_map(document, metadata, damage, reader)),
        Kind::Service => Object::Service(service(document, metadata, reader)),
        Kind::EndpointSlice => Object::EndpointSlice(endpoint_slice(document, metadata, reader)),
        Kind::Workload(kind) => Object::Workload(workload::read(kind, document, metadata, damage, reader)),
        Kind::Ingress => Object::Route(route::ingress(document, metadata, reader)),
        Kind::HttpRoute => Object::Route(route::http_route(document, metadata, reader)),
        Kind::EgressBaseline => return None,
    })
}

/// An EgressBaseline in a file of its own: everything about it is judged when it is decoded.
pub(super) fn egress_baseline(document: &Value, damage: Option<Damage>, reader: &Reader<'_>) -> Object {
    let damage = damage.or((!reader.diagnostics.is_empty()).then_some(Damage::Header));
    Object::EgressBaseline(EgressBaselineDocument { document: document.clone(), damage })
}

/// The server puts the label on every namespace, whatever its manifest says (sem-29).
fn namespace(mut metadata: Metadata) -> Namespace {
    metadata.labels.insert(NAMESPACE_NAME_LABEL.into(), Arc::clone(&metadata.name.name));
    Namespace { metadata }
}

fn node(document: &Value, metadata: Metadata, reader: &mut Reader<'_>) -> Node {
    let mut addresses = Vec::new();
    for item in items(document, &["status", "addresses"], reader) {
        let kind = item.field("type").and_then(Value::text).map(AsRef::as_ref);
        if matches!(kind, Some("InternalIP" | "ExternalIP")) {
            push_address(&mut addresses, item.field("address"), reader);
        }
    }
    let mut pod_cidrs: Vec<_> = items(document, &["spec", "podCIDRs"], reader).iter().collect();
    if pod_cidrs.is_empty() {
        pod_cidrs.extend(at(document, &["spec", "podCIDR"]));
    }
    let pod_cidrs = pod_cidrs
        .into_iter()
        .filter_map(|value| {
            let text = reader.text(value, "a CIDR")?;
            match cidr::parse(&text.value) {
                Ok(cidr) => Some(cidr.net),
                Err(error) => {
                    reader.error(code::BAD_CIDR, text.span, format!("`{}` is {error}", text.value));
                    None
                }
            }
        })
        .collect();
    Node { metadata, addresses, pod_cidrs }
}

fn config_map(document: &Value, metadata: Metadata, damage: Option<Damage>, reader: &mut Reader<'_>) -> ConfigMap {
    let mut data = Vec::new();
    // Of a key that stands twice, the other one may have been meant.
    let mut is_doubtful = document.has_duplicate_key();
    if let Some(value) = document.field("data") {
        match value.entries() {
            Some(entries) => {
                for Entry { key, value } in entries.iter().filter(|entry| !entry.value.is_null()) {
                    if reader.text(value, "a value of a ConfigMap").is_some() {
                        data.push(DataEntry { key: key.clone(), value: value.clone() });
                    } else {
                        is_doubtful = true;
                    }
                }
            }
            None => {
                reader.wrong_type(value, "data, a mapping");
                is_doubtful = true;
            }
        }
    }
    ConfigMap { metadata, data, damage: damage.or(is_doubtful.then_some(Damage::Header)) }
}

fn service(document: &Value, metadata: Metadata, reader: &mut Reader<'_>) -> Service {
    let mut cluster_ips = Vec::new();
    let listed = items(document, &["spec", "clusterIPs"], reader);
    for value in listed.iter().chain(at(document, &["spec", "clusterIP"]).filter(|_| listed.is_empty())) {
        // `None` is a headless Service, and an empty text has not been given its address.
        let headless = value.text().is_some_and(|text| matches!(text.as_ref(), "None" | ""));
        if !headless {
            push_address(&mut cluster_ips, Some(value), reader);
        }
    }
    let mut external_ips = Vec::new();
    for value in items(document, &["spec", "externalIPs"], reader) {
        push_address(&mut external_ips, Some(value), reader);
    }
    let mut load_balancer_ips = Vec::new();
    for value in items(document, &["status", "loadBalancer", "ingress"], reader) {
        push_address(&mut load_balancer_ips, value.field("ip"), reader);
    }
    let mut ports = Vec::new();
    for value in items(document, &["spec", "ports"], reader) {
        ports.extend(service_port(value, reader));
    }
    let selector = at(document, &["spec", "selector"]).map(|value| metadata::labels(value, reader)).unwrap_or_default();
    Service { metadata, cluster_ips, external_ips, load_balancer_ips, ports, selector }
}

fn service_port(value: &Value, reader: &mut Reader<'_>) -> Option<ServicePort> {
    let port = port_number(value.field("port")?, reader)?;
    let target = match value.field("targetPort") {
        None => TargetPort::Number(port),
        Some(target) => match target.text() {
            Some(name) => TargetPort::Name(Arc::clone(name)),
            None => TargetPort::Number(port_number(target, reader)?),
        },
    };
    Some(ServicePort {
        name: value.field("name").and_then(|name| reader.text(name, "a port's name")).map(|name| name.value),
        protocol: protocol(value, reader)?,
        port,
        target,
        node_port: value.field("nodePort").and_then(|port| port_number(port, reader)),
    })
}

fn endpoint_slice(document: &Value, metadata: Metadata, reader: &mut Reader<'_>) -> EndpointSlice {
    let names = at(document, &["addressType"]).and_then(Value::text).is_some_and(|kind| kind.as_ref() == "FQDN");
    let mut endpoints = Vec::new();
    for value in items(document, &["endpoints"], reader) {
        let mut addresses = Vec::new();
        for address in items(value, &["addresses"], reader).iter().filter(|_| !names) {
            push_address(&mut addresses, Some(address), reader);
        }
        let ready = at(value, &["conditions", "ready"]).and_then(|ready| reader.boolean(ready, "true or false"));
        endpoints.push(Endpoint {
            addresses,
            readiness: if ready == Some(false) { Readiness::NotReady } else { Readiness::Ready },
            node: at(value, &["nodeName"]).and_then(Value::text).cloned(),
            pod: target_pod(value, &metadata),
        });
    }
    let mut ports = Vec::new();
    for value in items(document, &["ports"], reader) {
        let port = match value.field("port") {
            None => None,
            Some(port) => match port_number(port, reader) {
                Some(port) => Some(port),
                None => continue,
            },
        };
        let name = value.field("name").and_then(Value::text).cloned().unwrap_or_else(|| "".into());
        if let Some(protocol) = protocol(value, reader) {
            ports.push(EndpointPort { name, protocol, port });
        }
    }
    EndpointSlice { service: metadata.labels.get(SERVICE_NAME_LABEL).cloned(), metadata, endpoints, ports }
}

fn target_pod(endpoint: &Value, slice: &Metadata) -> Option<NamespacedName> {
    let target = endpoint.field("targetRef")?;
    let text = |field| target.field(field).and_then(Value::text).cloned();
    if text("kind")?.as_ref() != "Pod" {
        return None;
    }
    let namespace = text("namespace").unwrap_or_else(|| Arc::clone(&slice.name.namespace));
    Some(NamespacedName { namespace, name: text("name")? })
}

/// A port number, 1 to 65535.
pub(super) fn port_number(value: &Value, reader: &mut Reader<'_>) -> Option<NonZeroU16> {
    let number = value.scalar().filter(|scalar| scalar.kind() == ScalarKind::Number);
    let port = number.and_then(|scalar| integer(&scalar.text)).and_then(|number| u16::try_from(number).ok());
    let port = port.and_then(NonZeroU16::new);
    if port.is_none() {
        let found = value.scalar().map_or_else(|| value.describe().to_owned(), |scalar| format!("`{}`", scalar.text));
        reader.error(code::BAD_PORT, value.span, format!("a port is a number from 1 to 65535, this is {found}"));
    }
    port
}

pub(super) fn protocol(value: &Value, reader: &mut Reader<'_>) -> Option<Protocol> {
    let Some(written) = value.field("protocol") else { return Some(Protocol::Tcp) };
    let Spanned { value: text, span } = reader.text(written, "a protocol")?;
    let protocol = protocol_named(&text);
    if protocol.is_none() {
        reader.error(code::BAD_PROTOCOL, span, format!("`{text}` is none of TCP, UDP, SCTP"));
    }
    protocol
}

/// TCP, UDP or SCTP, in exactly this case (sem-50).
pub(crate) fn protocol_named(text: &str) -> Option<Protocol> {
    match text {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}

pub(super) fn push_address(addresses: &mut Vec<IpAddr>, value: Option<&Value>, reader: &mut Reader<'_>) {
    let Some(text) = value.and_then(|value| reader.text(value, "an address")) else { return };
    // Before it has one, a pod's address is the empty text.
    if text.value.is_empty() {
        return;
    }
    match cidr::parse_address(&text.value) {
        Some(address) if addresses.contains(&address) => {}
        Some(address) => addresses.push(address),
        None => {
            reader.error(code::WRONG_TYPE, text.span, format!("`{}` is no address", text.value));
        }
    }
}

/// The field at the end of a path of fields.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, field| value.field(field))
}

/// The items of a list at the end of a path of fields; none where it is not written.
pub(super) fn items<'v>(value: &'v Value, path: &[&str], reader: &mut Reader<'_>) -> &'v [Value] {
    at(value, path).and_then(|value| reader.list(value, "a list")).unwrap_or_default()
}
