//! PAL003 misplaced-field: a field of the schema at the wrong level.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds fields that exist, but not at this place: `ports` inside an item of `from`, `policyTypes` under
    /// `metadata`.
    ///
    /// ## Why it bites
    ///
    /// A server without strict validation drops them. The policy then says less than was written, which for `ports`
    /// means more is open.
    ///
    /// ## How it is decided
    ///
    /// By the schema: the key is no field here, and one somewhere else.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from:
    ///     - podSelector: {}
    ///       ports: [{port: 80}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   ingress:
    ///   - from:
    ///     - podSelector: {}
    ///     ports: [{port: 80}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: no server takes it.
    pub(crate) static MISPLACED_FIELD = "PAL003" "misplaced-field" Error Never On,
        "a field of the schema at the wrong level", Check::Elsewhere;
}
