//! networking.k8s.io/v1 NetworkPolicy to [`Policy`]: what its text means, or what to enforce if it means nothing.
//!
//! A broken policy does not vanish, because the pods that it selects would be open. Its stand-in isolates them in the
//! directions that it covers and lets nothing in; if its selector or its directions cannot be trusted, it isolates its
//! whole namespace in both directions.

mod lower;
pub(crate) mod peer;
pub(crate) mod port;
pub(crate) mod selector;
mod spec;
#[cfg(test)]
mod tests;

use crate::diagnostic::{Diagnostic, ObjectRef};
use crate::manifest::reader::{Dialect, Reader};
use crate::manifest::workload::Workload;
use crate::manifest::{NetworkPolicy, Pod};
use crate::policy::Policy;
use crate::source::Sources;

pub use spec::{Breakage, RuleSpec, Spec};

/// How to judge what servers have accepted for years and newer ones refuse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// Enforce it as the server reads it, with a warning: for objects that exist.
    Lenient,
    /// Refuse it: for objects that are being written.
    Strict,
}

/// What a NetworkPolicy means. One with an error among the diagnostics gets the stand-in that fails closed.
pub fn decode(policy: &NetworkPolicy, sources: &Sources, strictness: Strictness) -> (Policy, Vec<Diagnostic>) {
    let (spec, diagnostics) = read(policy, sources, strictness);
    (lower::policy(policy, &spec, sources), diagnostics)
}

/// What isolates a pod in both directions, if its labels or its namespace could not be read, so that it is not known
/// which policies are about it.
pub fn quarantine(pod: &Pod) -> Option<Policy> {
    pod.damage.map(|_| lower::quarantine(&pod.metadata))
}

/// The same for the pods of a workload.
pub fn quarantine_template(workload: &Workload) -> Option<Policy> {
    workload.damage.map(|_| lower::quarantine(&workload.metadata))
}

/// The fields of a NetworkPolicy, each with its place, and whether they can be trusted.
pub fn read(policy: &NetworkPolicy, sources: &Sources, strictness: Strictness) -> (Spec, Vec<Diagnostic>) {
    let mut reader = Reader::new(sources, Dialect::Manifest);
    let spec = spec::read(policy, strictness, &mut reader);
    let name = &policy.metadata.name;
    let about = ObjectRef {
        kind: "NetworkPolicy".into(),
        namespace: name.namespace.as_ref().into(),
        name: name.name.as_ref().into(),
    };
    let diagnostics = reader.diagnostics.into_iter().map(|finding| finding.about(about.clone())).collect();
    (spec, diagnostics)
}
