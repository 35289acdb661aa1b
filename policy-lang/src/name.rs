//! Names of Kubernetes objects and labels.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Labels of a pod, a namespace or a node; compared byte for byte (sem-38).
pub type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// The label that the control plane keeps on every namespace (sem-29).
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The only label of a pod whose own labels or namespace could not be read; its value is `namespace/name`. No server
/// takes a key without a name part, so nobody else bears it.
pub const UNREADABLE_LABEL: &str = "palisade.dev/";

/// `namespace/name` of a namespaced object. The namespace is empty for cluster-scoped objects and plain files.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NamespacedName {
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl NamespacedName {
    /// Joins the two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}
