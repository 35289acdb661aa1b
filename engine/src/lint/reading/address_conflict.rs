//! PAL028 address-conflict: one address of two live pods.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Names addresses that belong to more than one live pod.
    ///
    /// ## Why it bites
    ///
    /// As a subject it is denied what any of them is denied; as a peer it counts only where all of them match.
    ///
    /// ## How it is decided
    ///
    /// Found when a ruleset is compiled for a node; manifests in a repository have no addresses.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// two pods with podIP 10.244.1.1
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// two pods with addresses of their own
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ADDRESS_CONFLICT = "PAL028" "address-conflict" Warning Never Off,
        "one address of two live pods", Check::Elsewhere;
}
