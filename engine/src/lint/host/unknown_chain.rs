//! PAL602 unknown-chain: a jump to a chain that is not defined.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds jumps and gotos to chains that nobody defines.
    ///
    /// ## Why it bites
    ///
    /// The rules are not loaded.
    ///
    /// ## How it is decided
    ///
    /// By the table of chains of the same domain and table.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT jump block;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain block DROP;
    /// chain INPUT jump block;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_CHAIN = "PAL602" "unknown-chain" Error Never On,
        "a jump to a chain that is not defined", Check::Elsewhere;
}
