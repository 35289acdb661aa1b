//! An object, reduced at the door to the fields that policy reads.
//!
//! Most of a Pod is about other things: managed fields, environments, volumes, conditions. What is left is the text of
//! a small manifest, which is read as a file would be, so that an object means the same wherever it comes from. The
//! values of the fields are not judged here; an object of another shape than its kind's is left whole, so that reading
//! it says what is wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::collection::Kind;

/// The text of a manifest with what matters of an object. It says of which kind it is, as items of lists do not.
pub(super) fn strip(kind: Kind, object: &RawValue) -> String {
    let text = object.get();
    let stripped = match kind {
        Kind::Pod => manifest::<Pod>(kind, text),
        Kind::Namespace => manifest::<Namespace>(kind, text),
        Kind::NetworkPolicy | Kind::ClusterNetworkPolicy => policy(kind, text),
        Kind::Baseline | Kind::HostRules => manifest::<ConfigMap>(kind, text),
        Kind::Node => manifest::<Node>(kind, text),
        Kind::Service => manifest::<Service>(kind, text),
        Kind::EndpointSlice => manifest::<EndpointSlice>(kind, text),
    };
    stripped.unwrap_or_else(|_| whole(kind, object))
}

#[derive(Serialize)]
struct Manifest<T> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    object: T,
}

/// The same with all of the object. A watch says of which kind it is, and that must not stand there twice.
pub(super) fn whole(kind: Kind, object: &RawValue) -> String {
    let text = object.get();
    let object = serde_json::from_str::<serde_json::Map<String, Value>>(text);
    let written = object.and_then(|mut object| {
        object.remove("apiVersion");
        object.remove("kind");
        serde_json::to_string(&Manifest { api_version: kind.api_version(), kind: kind.name(), object })
    });
    written.unwrap_or_else(|_| text.to_owned())
}

fn manifest<'t, T: Deserialize<'t> + Serialize>(kind: Kind, text: &'t str) -> serde_json::Result<String> {
    let object = serde_json::from_str::<T>(text)?;
    serde_json::to_string(&Manifest { api_version: kind.api_version(), kind: kind.name(), object })
}

fn policy(kind: Kind, text: &str) -> serde_json::Result<String> {
    let mut object = serde_json::from_str::<Policy>(text)?;
    for field in ["apiVersion", "kind", "status"] {
        object.rest.remove(field);
    }
    // What changes without the policy, or is long.
    for field in ["annotations", "generation", "managedFields", "resourceVersion"] {
        object.metadata.remove(field);
    }
    serde_json::to_string(&Manifest { api_version: kind.api_version(), kind: kind.name(), object })
}

type Field = Option<Value>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Field,
}

#[derive(Deserialize, Serialize)]
struct Namespace {
    metadata: Metadata,
}

/// There are few, and a field that is not known must not vanish: it may be the one that denies.
#[derive(Deserialize, Serialize)]
struct Policy {
    metadata: serde_json::Map<String, Value>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct ConfigMap {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Field,
}

#[derive(Deserialize, Serialize)]
struct Pod {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<PodSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<PodStatus>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    node_name: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_network: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    containers: Option<Vec<Container>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_containers: Option<Vec<Container>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Vec<ContainerPort>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_policy: Field,
}

#[derive(Deserialize, Serialize)]
struct ContainerPort {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "containerPort")]
    number: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Field,
}

#[derive(Deserialize, Serialize)]
struct PodStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Field,
    #[serde(rename = "podIP", skip_serializing_if = "Option::is_none")]
    pod_ip: Field,
    #[serde(rename = "podIPs", skip_serializing_if = "Option::is_none")]
    pod_ips: Field,
}

#[derive(Deserialize, Serialize)]
struct Node {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<NodeSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<NodeStatus>,
}

#[derive(Deserialize, Serialize)]
struct NodeSpec {
    #[serde(rename = "podCIDR", skip_serializing_if = "Option::is_none")]
    pod_cidr: Field,
    #[serde(rename = "podCIDRs", skip_serializing_if = "Option::is_none")]
    pod_cidrs: Field,
}

/// Without what a kubelet reports every few seconds.
#[derive(Deserialize, Serialize)]
struct NodeStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Field,
}

#[derive(Deserialize, Serialize)]
struct Service {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<ServiceSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ServiceStatus>,
}

#[derive(Deserialize, Serialize)]
struct ServiceSpec {
    #[serde(rename = "clusterIP", skip_serializing_if = "Option::is_none")]
    cluster_ip: Field,
    #[serde(rename = "clusterIPs", skip_serializing_if = "Option::is_none")]
    cluster_ips: Field,
    #[serde(rename = "externalIPs", skip_serializing_if = "Option::is_none")]
    external_ips: Field,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer: Field,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointSlice {
    metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    address_type: Field,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Field,
}

/// A policy is about who a backend is, not about how it is.
#[derive(Deserialize, Serialize)]
struct Endpoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Field,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(kind: Kind, text: &str) -> String {
        strip(kind, &RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn a_pod_keeps_what_policy_reads_and_nothing_else() {
        let pod = r#"{"metadata":{"name":"p","namespace":"x","uid":"u","resourceVersion":"7","managedFields":[{"manager":"m"}],
            "labels":{"a":"b"},"annotations":{"secret":"s"}},
            "spec":{"nodeName":"n","containers":[{"name":"c","image":"i","env":[{"name":"TOKEN","value":"t"}],
                "ports":[{"name":"http","containerPort":80,"hostPort":1}]}],"volumes":[]},
            "status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}],"conditions":[{}]}}"#;
        let expected = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"x","labels":{"a":"b"}},"spec":{"nodeName":"n","containers":[{"ports":[{"name":"http","containerPort":80}]}]},"status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]}}"#;
        assert_eq!(stripped(Kind::Pod, pod), expected);
    }

    #[test]
    fn a_node_that_only_reports_that_it_lives_is_the_same_node() {
        let node = |beat: &str| {
            format!(
                r#"{{"metadata":{{"name":"n"}},"status":{{"addresses":[{{"type":"InternalIP","address":"192.0.2.1"}}],"conditions":[{{"lastHeartbeatTime":"{beat}"}}]}}}}"#
            )
        };
        assert_eq!(stripped(Kind::Node, &node("1")), stripped(Kind::Node, &node("2")));
    }

    #[test]
    fn an_object_of_another_shape_is_left_whole_and_gets_its_kind() {
        let text = r#"{"metadata":{"name":"p"},"spec":{"containers":"none"},"other":1}"#;
        let expected =
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"other":1,"spec":{"containers":"none"}}"#;
        assert_eq!(stripped(Kind::Pod, text), expected);
    }

    #[test]
    fn an_object_of_another_shape_that_a_watch_tells_of_says_its_kind_once() {
        let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":"none"}}"#;
        assert_eq!(stripped(Kind::Pod, text), text);
    }
}
