//! Names of Kubernetes objects and labels.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Labels of a pod, a namespace or a node; compared byte for byte (sem-38).
///
/// Sorted by key and shared: a clone is a pointer, so the pods of one workload can hold the same labels once.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

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

/// Up to so many labels are looked through one by one.
const LINEAR_MAX: usize = 8;

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&Arc<str>> {
        let found = if self.0.len() <= LINEAR_MAX {
            self.0.iter().find(|(known, _)| **known == *key)
        } else {
            let at = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
            self.0.get(at)
        };
        found.map(|(_, value)| value)
    }

    /// Whether there is a label of this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels of a namespace of which nothing but its name is known.
    pub fn of_namespace(name: &Arc<str>) -> Self {
        Self::from([(Arc::from(NAMESPACE_NAME_LABEL), Arc::clone(name))])
    }

    /// How many hold these very labels.
    pub(crate) fn n_holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Sets one label. The others are copied: for labels that are being read, not for large numbers of changes.
    pub fn insert(&mut self, key: Arc<str>, value: Arc<str>) {
        let former = std::mem::take(self);
        let former = former.iter().map(|(key, value)| (Arc::clone(key), Arc::clone(value)));
        *self = former.chain([(key, value)]).collect();
    }
}

/// Of several values for one key the last one counts.
impl FromIterator<(Arc<str>, Arc<str>)> for Labels {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Arc<str>)>>(labels: I) -> Self {
        let sorted: BTreeMap<Arc<str>, Arc<str>> = labels.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

impl<const N: usize> From<[(Arc<str>, Arc<str>); N]> for Labels {
    fn from(labels: [(Arc<str>, Arc<str>); N]) -> Self {
        labels.into_iter().collect()
    }
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
