//! PAL004 duplicate-key: one key twice in a mapping.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds keys that stand twice in one mapping.
    ///
    /// ## Why it bites
    ///
    /// Many parsers keep the last one and say nothing, so half of the policy is lost.
    ///
    /// ## How it is decided
    ///
    /// By the parser, which keeps every key.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress: []
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: web}}
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static DUPLICATE_KEY = "PAL004" "duplicate-key" Error Never On,
        "one key twice in a mapping", Check::Elsewhere;
}
