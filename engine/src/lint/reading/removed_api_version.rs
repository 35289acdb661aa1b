//! PAL020 removed-api-version: an `apiVersion` that no server has for this kind.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds kinds with a missing, removed or misspelt `apiVersion`, such as `extensions/v1beta1`.
    ///
    /// ## Why it bites
    ///
    /// No server since 1.16 takes it: the policy is not applied.
    ///
    /// ## How it is decided
    ///
    /// By the table of kinds that are read. The current version is a safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: extensions/v1beta1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static REMOVED_API_VERSION = "PAL020" "removed-api-version" Error Safe On,
        "an `apiVersion` that no server has for this kind", Check::Elsewhere;
}
