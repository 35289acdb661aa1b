//! PAL021 duplicate-object: one object written twice.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds two objects of one kind, namespace and name.
    ///
    /// ## Why it bites
    ///
    /// Applied in turn, the later one overwrites the earlier one; which is later hangs on the names of the files.
    ///
    /// ## How it is decided
    ///
    /// All documents of the input are compared. The last one counts for the other rules.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {}}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec: {podSelector: {matchLabels: {app: web}}}
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
    /// Where several overlays of one application are linted in one run: lint each by itself.
    pub(crate) static DUPLICATE_OBJECT = "PAL021" "duplicate-object" Error Never On,
        "one object written twice", Check::Elsewhere;
}
