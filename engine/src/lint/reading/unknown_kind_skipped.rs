//! PAL024 unknown-kind-skipped: a kind of policy that is not enforced.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Names the kinds of policies of other products in the input, each once.
    ///
    /// ## Why it bites
    ///
    /// They are not part of any answer of palisade, so a connection may be denied by one of them all the same.
    ///
    /// ## How it is decided
    ///
    /// The kind ends in `NetworkPolicy` and is of another API group.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: crd.projectcalico.org/v1
    /// kind: GlobalNetworkPolicy
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
    /// Where two products are used on purpose.
    pub(crate) static UNKNOWN_KIND_SKIPPED = "PAL024" "unknown-kind-skipped" Note Never Off,
        "a kind of policy that is not enforced", Check::Elsewhere;
}
