//! PAL625 host-doubtful: accepted, and probably not what was meant.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds what ferm takes and what seldom does what its words say.
    ///
    /// ## Why it bites
    ///
    /// The words say one thing and the packets meet another.
    ///
    /// ## How it is decided
    ///
    /// By the parser and the compiler; the message says what.
    ///
    /// ## Bad
    ///
    /// ```text
    /// table nat chain INPUT SNAT to 192.0.2.1;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// table nat chain POSTROUTING SNAT to 192.0.2.1;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where it is meant.
    pub(crate) static DOUBTFUL = "PAL625" "host-doubtful" Warning Never On,
        "accepted, and probably not what was meant", Check::Elsewhere;
}
