//! PAL621 unsupported-feature: a match or target that cannot be expressed.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds modules and targets that have no form in nftables here.
    ///
    /// ## Why it bites
    ///
    /// It is refused rather than left out: a rule without one of its matches would say something else.
    ///
    /// ## How it is decided
    ///
    /// By the compiler.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT mod string algo bm string "x" DROP;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT proto tcp dport 25 DROP;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNSUPPORTED = "PAL621" "unsupported-feature" Error Never On,
        "a match or target that cannot be expressed", Check::Elsewhere;
}
