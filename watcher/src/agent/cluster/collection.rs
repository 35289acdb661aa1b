//! What is watched: which objects, by which path of the API.

use policy_lang::name::NamespacedName;

/// A kind of object that the agent reads from a cluster.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// v1 Pod.
    Pod,
    /// v1 Namespace.
    Namespace,
    /// networking.k8s.io/v1 NetworkPolicy.
    NetworkPolicy,
    /// policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, where the cluster has it.
    ClusterNetworkPolicy,
    /// The one v1 ConfigMap that holds the baseline.
    Baseline,
    /// The one v1 ConfigMap that holds host rules.
    HostRules,
    /// v1 Node.
    Node,
    /// v1 Service.
    Service,
    /// discovery.k8s.io/v1 EndpointSlice.
    EndpointSlice,
}

impl Kind {
    /// Every kind.
    pub(super) const ALL: [Self; 9] = [
        Self::Pod,
        Self::Namespace,
        Self::NetworkPolicy,
        Self::ClusterNetworkPolicy,
        Self::Baseline,
        Self::Node,
        Self::Service,
        Self::EndpointSlice,
        Self::HostRules,
    ];

    /// What the source is called: the resource's name, as RBAC has it.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Namespace => "namespaces",
            Self::NetworkPolicy => "networkpolicies",
            Self::ClusterNetworkPolicy => "clusternetworkpolicies",
            Self::Baseline => "baseline",
            Self::HostRules => "host-configmap",
            Self::Node => "nodes",
            Self::Service => "services",
            Self::EndpointSlice => "endpointslices",
        }
    }

    /// `kind` of its objects.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Namespace => "Namespace",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
            Self::Baseline | Self::HostRules => "ConfigMap",
            Self::Node => "Node",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
        }
    }

    /// `apiVersion` of its objects.
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Pod | Self::Namespace | Self::Baseline | Self::HostRules | Self::Node | Self::Service => "v1",
            Self::NetworkPolicy => "networking.k8s.io/v1",
            Self::ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
            Self::EndpointSlice => "discovery.k8s.io/v1",
        }
    }

    /// Whether a server may be without it, which then means that there are no such objects.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Self::ClusterNetworkPolicy => true,
            Self::Pod
            | Self::Namespace
            | Self::NetworkPolicy
            | Self::Baseline
            | Self::HostRules
            | Self::Node
            | Self::Service
            | Self::EndpointSlice => false,
        }
    }
}

/// Objects of one kind that are watched together.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    /// The kind.
    pub(super) kind: Kind,
    /// The path of the collection.
    pub(super) path: String,
    /// The one object of it that is wanted; the others are not even permitted.
    pub(super) only: Option<String>,
}

impl Collection {
    /// Every object of a kind.
    pub(super) fn of(kind: Kind) -> Self {
        let group = kind.api_version();
        let root = if group.contains('/') { "apis" } else { "api" };
        Self { kind, path: format!("/{root}/{group}/{}", kind.source()), only: None }
    }

    /// The one ConfigMap of a kind, by its name: that is all that the agent's role lets it see.
    pub(super) fn config_map(kind: Kind, config_map: &NamespacedName) -> Self {
        let path = format!("/api/v1/namespaces/{}/configmaps", config_map.namespace);
        Self { kind, path, only: Some(config_map.name.to_string()) }
    }
}
