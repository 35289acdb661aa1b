//! PAL025 not-loaded: a document that is no object, or too large.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds documents that look like manifests and are none: without a `kind`, of a misspelt kind, or larger than
    /// a server takes.
    ///
    /// ## Why it bites
    ///
    /// What is skipped enforces nothing.
    ///
    /// ## How it is decided
    ///
    /// By the loader.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// metadata: {name: web}
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
    /// For files of other programs among manifests: leave their folder out.
    pub(crate) static NOT_LOADED = "PAL025" "not-loaded" Error Never On,
        "a document that is no object, or too large", Check::Elsewhere;
}
