//! PAL626 host-limit: a bound of host rules is exceeded.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds nesting, lengths and products of lists beyond the bounds.
    ///
    /// ## Why it bites
    ///
    /// What is refused here would take minutes or gigabytes elsewhere.
    ///
    /// ## How it is decided
    ///
    /// By fixed bounds.
    ///
    /// ## Bad
    ///
    /// ```text
    /// a list of lists of lists that multiplies to millions of rules
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// the same as one set
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static LIMIT = "PAL626" "host-limit" Error Never On,
        "a bound of host rules is exceeded", Check::Elsewhere;
}
