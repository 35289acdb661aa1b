//! PAL029 unknown-node: the node that a ruleset is for is not in the input.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Says that no Node of this name is in the input.
    ///
    /// ## Why it bites
    ///
    /// No pod is local to it, so nothing is enforced for pods.
    ///
    /// ## How it is decided
    ///
    /// Found when a ruleset is compiled for a node.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// palisade compile --node misspelt
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// palisade compile --node node-a
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_NODE = "PAL029" "unknown-node" Warning Never Off,
        "the node that a ruleset is for is not in the input", Check::Elsewhere;
}
