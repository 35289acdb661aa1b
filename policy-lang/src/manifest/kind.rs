//! The kinds that are read, and how to tell them from others of the same name.

use crate::manifest::workload::WorkloadKind;
use crate::suggest::nearest;

/// Which kinds are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reading {
    /// Those that are enforced, or that say what is: what a node wants to know.
    Enforced,
    /// Beside those, what makes pods and what leads to them: what somebody wants to know who has no cluster to ask.
    Everything,
}

/// A kind that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Namespace,
    Node,
    Pod,
    NetworkPolicy,
    ConfigMap,
    Service,
    EndpointSlice,
    EgressBaseline,
    ClusterNetworkPolicy,
    Workload(WorkloadKind),
    Ingress,
    HttpRoute,
}

const KINDS: &[Kind] = &[
    Kind::Namespace,
    Kind::Node,
    Kind::Pod,
    Kind::NetworkPolicy,
    Kind::ConfigMap,
    Kind::Service,
    Kind::EndpointSlice,
    Kind::EgressBaseline,
    Kind::ClusterNetworkPolicy,
];

/// Those that only [`Reading::Everything`] reads.
const ANALYSED: &[Kind] = &[
    Kind::Workload(WorkloadKind::Deployment),
    Kind::Workload(WorkloadKind::StatefulSet),
    Kind::Workload(WorkloadKind::DaemonSet),
    Kind::Workload(WorkloadKind::ReplicaSet),
    Kind::Workload(WorkloadKind::ReplicationController),
    Kind::Workload(WorkloadKind::Job),
    Kind::Workload(WorkloadKind::CronJob),
    Kind::Ingress,
    Kind::HttpRoute,
];

impl Reading {
    fn kinds(self) -> impl Iterator<Item = Kind> {
        let analysed = match self {
            Self::Enforced => &[],
            Self::Everything => ANALYSED,
        };
        KINDS.iter().chain(analysed).copied()
    }
}

/// Whether objects of a kind belong to a namespace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scope {
    Cluster,
    Namespaced,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Node => "Node",
            Self::Pod => "Pod",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::EgressBaseline => "EgressBaseline",
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            Self::Workload(kind) => kind.name(),
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
        }
    }

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Node | Self::Pod | Self::ConfigMap | Self::Service => "v1",
            Self::Workload(WorkloadKind::ReplicationController) => "v1",
            Self::Workload(
                WorkloadKind::Deployment
                | WorkloadKind::StatefulSet
                | WorkloadKind::DaemonSet
                | WorkloadKind::ReplicaSet,
            ) => "apps/v1",
            Self::Workload(WorkloadKind::Job | WorkloadKind::CronJob) => "batch/v1",
            Self::HttpRoute => "gateway.networking.k8s.io/v1",
            Self::NetworkPolicy | Self::Ingress => "networking.k8s.io/v1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::EgressBaseline => "palisade.dev/v1alpha1",
            Self::ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
        }
    }

    pub(super) fn scope(self) -> Scope {
        match self {
            Self::Namespace | Self::Node | Self::EgressBaseline | Self::ClusterNetworkPolicy => Scope::Cluster,
            Self::Pod
            | Self::NetworkPolicy
            | Self::ConfigMap
            | Self::Service
            | Self::EndpointSlice
            | Self::Workload(_)
            | Self::Ingress
            | Self::HttpRoute => Scope::Namespaced,
        }
    }

    fn of_group(self, group: &str) -> bool {
        // They lived in `extensions` once, where it would be a mistake to skip them as foreign.
        let was_extension = matches!(
            self,
            Self::NetworkPolicy
                | Self::Ingress
                | Self::Workload(WorkloadKind::Deployment | WorkloadKind::DaemonSet | WorkloadKind::ReplicaSet)
        );
        group == self::group(self.api_version()) || (was_extension && group == "extensions")
    }

    fn is_served_as(self, api_version: &str) -> bool {
        let older = self == Self::HttpRoute && api_version == "gateway.networking.k8s.io/v1beta1";
        older || api_version == self.api_version()
    }
}

/// The kind, and what is wrong with its `apiVersion`; nothing for kinds that are not read.
pub(super) fn recognise(reading: Reading, api_version: Option<&str>, name: &str) -> Option<(Kind, Option<String>)> {
    let kind = reading.kinds().find(|kind| kind.name() == name)?;
    let Some(written) = api_version else {
        return Some((kind, Some(format!("a {name} needs its `apiVersion`"))));
    };
    if !kind.of_group(group(written)) {
        return None;
    }
    let fault = (!kind.is_served_as(written)).then(|| format!("no server has `{written}` for a {name}"));
    Some((kind, fault))
}

/// The kind that was meant by a name that no API group of ours has: `Networkpolicy`, `NetworkPolicyies`. Skipped as
/// foreign, it would be missing in silence.
pub(super) fn meant(reading: Reading, api_version: Option<&str>, name: &str) -> Option<Kind> {
    let is_possible = |kind: &Kind| api_version.is_none_or(|written| kind.of_group(group(written)));
    let kinds: Vec<_> = reading.kinds().filter(is_possible).collect();
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let near = nearest(name, &names)?;
    kinds.into_iter().find(|kind| kind.name() == near)
}

/// A kind that holds other objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum List<'n> {
    /// `List`: every item says what it is.
    Mixed,
    /// `PodList` and its like: what the items are if they do not say.
    Of(&'n str),
}

/// Whether a kind is a list of objects that are read.
pub(super) fn list<'n>(reading: Reading, api_version: Option<&str>, name: &'n str) -> Option<List<'n>> {
    if name == "List" {
        return Some(List::Mixed);
    }
    let item = name.strip_suffix("List")?;
    recognise(reading, api_version, item).map(|_| List::Of(item))
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
