//! A pod as the tree that the loader reads.

use std::time::{Duration, UNIX_EPOCH};

use policy_lang::manifest::tree::{Entry, Value};
use policy_lang::source::Span;

use super::super::collection::Kind;
use super::super::nodes::Nodes;
use super::{Container, ContainerPort, ObjectMeta, Pod, PodSpec, PodStatus, Time};

impl Pod {
    /// What the JSON of this pod says, with this span on every node.
    pub(in super::super) fn tree(&self, span: Span) -> Value {
        let Self { metadata, spec, status } = self;
        let nodes = Nodes(span);
        let entries = [
            nodes.written("apiVersion", Kind::Pod.api_version()),
            nodes.written("kind", Kind::Pod.name()),
            metadata.as_ref().map(|metadata| nodes.entry("metadata", nodes.metadata(metadata))),
            spec.as_ref().map(|spec| nodes.entry("spec", nodes.spec(spec))),
            status.as_ref().map(|status| nodes.entry("status", nodes.status(status))),
        ];
        nodes.mapping(entries.into_iter().flatten().collect())
    }
}

impl Nodes {
    fn metadata(self, metadata: &ObjectMeta) -> Value {
        let ObjectMeta { name, namespace, resource_version: _, deletion_timestamp, labels, annotations: _ } = metadata;
        let labels = labels.iter().map(|(key, value)| self.entry(key, self.text(value))).collect();
        let entries = [
            self.written("name", name),
            self.written("namespace", namespace),
            self.some("labels", labels, Self::mapping),
            deletion_timestamp.map(|time| self.entry("deletionTimestamp", self.text(&rfc3339(time)))),
        ];
        self.mapping(entries.into_iter().flatten().collect())
    }

    fn spec(self, spec: &PodSpec) -> Value {
        let PodSpec { containers, node_name, host_network, init_containers } = spec;
        let all = |containers: &[Container]| containers.iter().map(|container| self.container(container)).collect();
        let entries = [
            self.written("nodeName", node_name),
            host_network.then(|| self.entry("hostNetwork", self.word("true"))),
            self.some("containers", all(containers), Self::list),
            self.some("initContainers", all(init_containers), Self::list),
        ];
        self.mapping(entries.into_iter().flatten().collect())
    }

    fn container(self, container: &Container) -> Value {
        let Container { ports, restart_policy } = container;
        let entries = [
            self.some("ports", ports.iter().map(|port| self.port(port)).collect(), Self::list),
            restart_policy.as_ref().and_then(|policy| self.written("restartPolicy", policy)),
        ];
        self.mapping(entries.into_iter().flatten().collect())
    }

    fn port(self, port: &ContainerPort) -> Value {
        let ContainerPort { name, number, protocol } = port;
        let entries = [
            self.written("name", name),
            Some(self.entry("containerPort", self.word(&number.to_string()))),
            self.written("protocol", protocol),
        ];
        self.mapping(entries.into_iter().flatten().collect())
    }

    fn status(self, status: &PodStatus) -> Value {
        let PodStatus { phase, pod_ip, pod_ips } = status;
        let ips = pod_ips.iter().map(|pod_ip| self.mapping(vec![self.entry("ip", self.text(&pod_ip.ip))])).collect();
        let entries =
            [self.written("phase", phase), self.written("podIP", pod_ip), self.some("podIPs", ips, Self::list)];
        self.mapping(entries.into_iter().flatten().collect())
    }

    /// A text, unless there is none: that is written too.
    fn written(self, key: &str, text: &str) -> Option<Entry> {
        (!text.is_empty()).then(|| self.entry(key, self.text(text)))
    }

    /// What has parts, unless there is none of them.
    fn some<T>(self, key: &str, parts: Vec<T>, value: impl FnOnce(Self, Vec<T>) -> Value) -> Option<Entry> {
        (!parts.is_empty()).then(|| self.entry(key, value(self, parts)))
    }
}

fn rfc3339(Time { seconds }: Time) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    // Beyond the year 9999 there is no such text; that it is there at all is what counts.
    let time = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    let is_told = seconds < 253_402_300_800;
    humantime::format_rfc3339_seconds(if is_told { time } else { UNIX_EPOCH }).to_string()
}
