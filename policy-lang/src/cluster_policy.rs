//! policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy to [`Policy`]: what cluster admins demand of every namespace.
//!
//! Decoding is strict: an unknown field is an error, because a rule that is read without it may mean the opposite. The
//! server's own limits (C14) are errors for objects of a cluster and warnings in the baseline's ConfigMap, which no
//! server judges (D8).
//!
//! A broken one does not vanish, because what it denies would be open. Its stand-in is made of what can be read:
//!
//! - an unreadable rule that accepts is left out; one that denies, passes on, or does not say, denies: its peers at any
//!   port where all of them can be read, everything in its direction elsewhere (C13);
//! - where the subject, the tier or the priority cannot be read, nothing that it opens can be trusted: its rules that
//!   accept are left out, those that pass on deny, the subject is every pod, the tier Admin and the priority 0;
//! - where its text is cut short or it has no rules that can be told apart, it denies its subject everything.

mod conflict;
mod lower;
mod peer;
mod protocols;
mod rule;
mod spec;
#[cfg(test)]
mod tests;

use crate::diagnostic::{Diagnostic, ObjectRef};
use crate::manifest::reader::{Dialect, Reader};
use crate::manifest::tree::Value;
use crate::manifest::{ClusterNetworkPolicy, Damage, Metadata, Object};
use crate::network_policy::Strictness;
use crate::policy::{Policy, Tier};
use crate::source::Sources;

pub(crate) use conflict::same_rank;
pub(crate) use spec::priority;

/// The version that is read.
pub(crate) const API_VERSION: &str = "policy.networking.k8s.io/v1alpha2";

/// The kind that is read.
pub(crate) const KIND: &str = "ClusterNetworkPolicy";

/// Every ClusterNetworkPolicy among objects, and what is doubtful about them together (C6).
pub fn decode_all(objects: &[Object], sources: &Sources, strictness: Strictness) -> (Vec<Policy>, Vec<Diagnostic>) {
    let mut decoded = Vec::new();
    let mut diagnostics = Vec::new();
    for object in objects {
        let Object::ClusterNetworkPolicy(written) = object else { continue };
        let (policy, found) = decode(written, sources, strictness);
        diagnostics.extend(found);
        decoded.push((written.metadata.span, policy));
    }
    diagnostics.extend(same_rank(&decoded, Home::Cluster, strictness));
    (decoded.into_iter().map(|(_, policy)| policy).collect(), diagnostics)
}

/// What a ClusterNetworkPolicy of a cluster means. One with an error among the diagnostics gets the stand-in that fails
/// closed.
pub fn decode(policy: &ClusterNetworkPolicy, sources: &Sources, strictness: Strictness) -> (Policy, Vec<Diagnostic>) {
    let mut reader = Reader::new(sources, Dialect::Manifest);
    let ClusterNetworkPolicy { metadata, document, damage } = policy;
    let policy = read(document, metadata, *damage, Home::Cluster, strictness, &mut reader);
    let about = ObjectRef { kind: KIND.into(), namespace: "".into(), name: metadata.name.name.as_ref().into() };
    let diagnostics = reader.diagnostics.into_iter().map(|finding| finding.about(about.clone())).collect();
    (policy, diagnostics)
}

/// Where a ClusterNetworkPolicy is kept, which decides its layer (D3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Home {
    /// It is an object of the cluster.
    Cluster,
    /// It stands in the baseline's ConfigMap, or in a file of the baseline.
    Baseline,
}

/// Reads a document; errors are for the caller to see.
pub(crate) fn read(
    document: &Value,
    metadata: &Metadata,
    damage: Option<Damage>,
    home: Home,
    strictness: Strictness,
    reader: &mut Reader<'_>,
) -> Policy {
    let spec = spec::read(document, damage, &mut Context { home, strictness, reader });
    lower::policy(&spec, metadata, home, reader.sources)
}

/// What reading hangs on.
struct Context<'c, 's> {
    home: Home,
    strictness: Strictness,
    reader: &'c mut Reader<'s>,
}

/// `spec.tier`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Admin,
    Baseline,
}

impl Home {
    fn tier(self, level: Level) -> Tier {
        match (self, level) {
            (Self::Baseline, Level::Admin) => Tier::ConfigMapAdmin,
            (Self::Cluster, Level::Admin) => Tier::ClusterAdmin,
            (Self::Cluster, Level::Baseline) => Tier::ClusterBaseline,
            (Self::Baseline, Level::Baseline) => Tier::ConfigMapBaseline,
        }
    }
}
