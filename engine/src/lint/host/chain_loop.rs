//! PAL610 chain-loop: chains that call each other in a circle.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds chains that reach themselves by jumps, and calls deeper than the kernel walks.
    ///
    /// ## Why it bites
    ///
    /// The kernel refuses the ruleset.
    ///
    /// ## How it is decided
    ///
    /// By the graph of calls.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain a jump b;
    /// chain b jump a;
    /// chain INPUT jump a;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain a jump b;
    /// chain b DROP;
    /// chain INPUT jump a;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static CHAIN_LOOP = "PAL610" "chain-loop" Error Never On,
        "chains that call each other in a circle", Check::Elsewhere;
}
