//! PAL624 host-place: a match, target or policy where it cannot work.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds matches and targets in a table, chain or protocol that does not have them.
    ///
    /// ## Why it bites
    ///
    /// The kernel refuses them, or they never match.
    ///
    /// ## How it is decided
    ///
    /// By the parser and the compiler.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT outerface eth0 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain OUTPUT outerface eth0 ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static PLACE = "PAL624" "host-place" Error Never On,
        "a match, target or policy where it cannot work", Check::Elsewhere;
}
