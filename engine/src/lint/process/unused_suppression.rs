//! PAL803 unused-suppression: a comment that suppresses nothing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds suppressions whose findings no longer occur.
    ///
    /// ## Why it bites
    ///
    /// The next real finding at this place would be hidden by it.
    ///
    /// ## How it is decided
    ///
    /// The codes of the comment are compared with the findings of the node that it covers; codes that are not
    /// selected do not count.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// # palisade: ignore[PAL201] -- the pods are to come
    /// apiVersion: networking.k8s.io/v1
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
    /// Never.
    pub(crate) static UNUSED_SUPPRESSION = "PAL803" "unused-suppression" Warning Safe On,
        "a comment that suppresses nothing", Check::Elsewhere;
}
