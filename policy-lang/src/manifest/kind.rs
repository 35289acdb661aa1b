//! The kinds that are read, and how to tell them from others of the same name.

use crate::suggest::nearest;

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
        }
    }

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::Node | Self::Pod | Self::ConfigMap | Self::Service => "v1",
            Self::NetworkPolicy => "networking.k8s.io/v1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::EgressBaseline => "palisade.dev/v1alpha1",
            Self::ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
        }
    }

    pub(super) fn scope(self) -> Scope {
        match self {
            Self::Namespace | Self::Node | Self::EgressBaseline | Self::ClusterNetworkPolicy => Scope::Cluster,
            Self::Pod | Self::NetworkPolicy | Self::ConfigMap | Self::Service | Self::EndpointSlice => {
                Scope::Namespaced
            }
        }
    }

    fn of_group(self, group: &str) -> bool {
        // NetworkPolicy lived in `extensions` until 1.15, where it would be a mistake to skip it as foreign.
        group == self::group(self.api_version()) || (self == Self::NetworkPolicy && group == "extensions")
    }
}

/// The kind, and what is wrong with its `apiVersion`; nothing for kinds that are not read.
pub(super) fn recognise(api_version: Option<&str>, name: &str) -> Option<(Kind, Option<String>)> {
    let kind = *KINDS.iter().find(|kind| kind.name() == name)?;
    let Some(written) = api_version else {
        return Some((kind, Some(format!("a {name} needs its `apiVersion`"))));
    };
    if !kind.of_group(group(written)) {
        return None;
    }
    let fault = (written != kind.api_version()).then(|| format!("no server has `{written}` for a {name}"));
    Some((kind, fault))
}

/// The kind that was meant by a name that no API group of ours has: `Networkpolicy`, `NetworkPolicyies`. Skipped as
/// foreign, it would be missing in silence.
pub(super) fn meant(api_version: Option<&str>, name: &str) -> Option<Kind> {
    let is_possible = |kind: &&Kind| api_version.is_none_or(|written| kind.of_group(group(written)));
    let kinds: Vec<_> = KINDS.iter().filter(is_possible).collect();
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let near = nearest(name, &names)?;
    kinds.into_iter().find(|kind| kind.name() == near).copied()
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
pub(super) fn list<'n>(api_version: Option<&str>, name: &'n str) -> Option<List<'n>> {
    if name == "List" {
        return Some(List::Mixed);
    }
    let item = name.strip_suffix("List")?;
    recognise(api_version, item).map(|_| List::Of(item))
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
