//! PAL026 namespace-assumed: a namespace without an object is assumed to have no labels of its own.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Names the namespaces that objects live in and that the input has no object of.
    ///
    /// ## Why it bites
    ///
    /// Selectors of namespaces by other labels than the name match them in the cluster and not here.
    ///
    /// ## How it is decided
    ///
    /// A namespace of some object has no Namespace document. It is assumed to bear its name label only.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: shop, labels: {team: a}}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where namespaces are selected by `kubernetes.io/metadata.name` only.
    pub(crate) static NAMESPACE_ASSUMED = "PAL026" "namespace-assumed" Note Never Off,
        "a namespace without an object is assumed to have no labels of its own", Check::Elsewhere;
}
