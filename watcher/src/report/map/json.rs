//! The form of docs/reference/map.schema.json: one connection on each line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::map::{Certainty, Connection, Exposure, Led, Map, Peer, Shown, Stranger};

/// The version of the form. A field that is added does not change it.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum PeerJson<'a> {
    Workload {
        namespace: &'a str,
        name: &'a str,
        workload: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<BTreeMap<&'a str, &'a str>>,
    },
    Node {
        name: &'a str,
    },
    Addresses {
        cidrs: Vec<String>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PermittedJson<'a> {
    allowed: Vec<ProtocolJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other_protocols: Option<bool>,
}

#[derive(Serialize)]
struct ProtocolJson<'a> {
    protocol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<&'a str>,
}

#[derive(Serialize)]
struct StrangerJson<'a> {
    namespaces: &'a str,
    pods: &'a str,
}

#[derive(Serialize)]
struct NameJson<'a> {
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct RouteName<'a> {
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct RouteJson<'a> {
    route: RouteName<'a>,
    service: NameJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    admitted: usize,
}

pub(super) fn write(map: &Map, out: &mut impl fmt::Write) -> fmt::Result {
    // Each is said many times and made once.
    let peers: Vec<String> = map.peers.iter().map(peer).collect();
    let permitted: Vec<String> = map.permitted.iter().map(|found| permitted(&found.shown, found.set.other)).collect();
    write!(out, "{{\"version\":{VERSION},\"connections\":[")?;
    for (index, connection) in map.connections.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let Connection { from, to, permitted: set, certainty } = connection;
        let (from, to, set) = (text(&peers, *from), text(&peers, *to), text(&permitted, *set));
        let certainty = match certainty {
            Certainty::Certain => "",
            Certainty::DependsOnPodAddress => ",\"certainty\":\"depends-on-pod-address\"",
        };
        write!(out, "{comma}\n{{\"from\":{from},\"to\":{to},{set}{certainty}}}")?;
    }
    write!(out, "\n]")?;
    if !map.routes.is_empty() {
        write!(out, ",\"routes\":[")?;
        for (index, led) in map.routes.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}\n{}", route(led, &peers))?;
        }
        write!(out, "\n]")?;
    }
    if let Some(exposure) = &map.exposure {
        write!(out, ",\"exposure\":[")?;
        for (index, found) in exposure.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma}\n{}", self::exposure(found))?;
        }
        write!(out, "\n]")?;
    }
    writeln!(out, "}}")
}

fn route(led: &Led, peers: &[String]) -> String {
    let Led { kind, route, service, to, port, n_admitted } = led;
    serialized(&RouteJson {
        route: RouteName { kind, namespace: &route.namespace, name: &route.name },
        service: NameJson { namespace: &service.namespace, name: &service.name },
        to: to.and_then(|to| RawValue::from_string(text(peers, to).to_owned()).ok()),
        protocol: port.map(|(protocol, _)| protocol.to_string()),
        port: port.map(|(_, port)| port),
        admitted: *n_admitted,
    })
}

fn exposure(found: &Exposure) -> String {
    let Exposure { workload, direction, stranger: Stranger { namespaces, pods }, certainty, set, shown } = found;
    let certainty = match certainty {
        Certainty::Certain => "",
        Certainty::DependsOnPodAddress => ",\"certainty\":\"depends-on-pod-address\"",
    };
    let stranger = serialized(&StrangerJson { namespaces, pods });
    let (workload, set) = (peer(workload), permitted(shown, set.other));
    format!("{{\"workload\":{workload},\"direction\":\"{direction}\",\"peer\":{stranger},{set}{certainty}}}")
}

fn text(of: &[String], at: usize) -> &str {
    of.get(at).map_or("", String::as_str)
}

/// [`peer`] as a part of another document.
pub(crate) fn peer_value(peer: &Peer) -> Option<Box<RawValue>> {
    RawValue::from_string(self::peer(peer)).ok()
}

pub(crate) fn peer(peer: &Peer) -> String {
    serialized(&match peer {
        Peer::Workload { namespace, name, kind, labels } => PeerJson::Workload {
            namespace,
            name,
            workload: kind,
            labels: labels.as_ref().map(|labels| labels.iter().map(|(key, value)| (&**key, &**value)).collect()),
        },
        Peer::Node { name } => PeerJson::Node { name },
        Peer::Addresses { cidrs } => PeerJson::Addresses { cidrs: cidrs.iter().map(ToString::to_string).collect() },
    })
}

/// The fields `allowed` and `otherProtocols`, without braces.
pub(crate) fn permitted(shown: &Shown, others: bool) -> String {
    let object = match shown {
        Shown::Any => {
            PermittedJson { allowed: vec![ProtocolJson { protocol: "ANY", ports: None }], other_protocols: None }
        }
        Shown::Ports(protocols) => PermittedJson {
            allowed: protocols.iter().map(|(protocol, ports)| ProtocolJson { protocol, ports: Some(ports) }).collect(),
            other_protocols: others.then_some(true),
        },
    };
    let text = serialized(&object);
    text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default().to_owned()
}

fn serialized(value: &impl Serialize) -> String {
    // Our own types hold no maps with odd keys and no floats, so there is nothing that JSON could not say.
    serde_json::to_string(value).unwrap_or_default()
}
