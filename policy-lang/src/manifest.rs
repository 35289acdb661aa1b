//! Everything that is read from Kubernetes manifests: text in, typed and located objects and diagnostics out.
//!
//! One loader serves the runtime and the linter: multi-document YAML, JSON, and lists of either. A document that
//! cannot be read never hides the ones beside it. Kinds that palisade has no use for are skipped with one note each.
//!
//! Invariant: nothing here decides what traffic may pass; that is what lowering to [`crate::policy`] does.

pub mod cidr;
pub mod code;
pub(crate) mod core;
mod kind;
mod load;
pub mod locate;
pub(crate) mod metadata;
mod object;
mod pod;
pub(crate) mod reader;
pub mod rendered;
pub mod route;
pub(crate) mod syntax;
pub mod tree;
pub mod workload;
pub mod yaml;

#[cfg(test)]
mod tests;

pub use kind::Reading;
pub use load::{load, load_kinds, load_tree, without_duplicates};
pub use object::{
    ClusterNetworkPolicy, ConfigMap, ContainerPort, Damage, DataEntry, EgressBaselineDocument, Endpoint, EndpointPort,
    EndpointSlice, Lifecycle, Metadata, Namespace, NetworkPolicy, Node, Object, Phase, Pod, PodNetwork, Readiness,
    Service, ServicePort, TargetPort,
};
