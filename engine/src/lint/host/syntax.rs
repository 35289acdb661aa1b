//! PAL600 host-syntax: host rules that break the grammar.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds brackets, semicolons and values that are missing or out of place.
    ///
    /// ## Why it bites
    ///
    /// Host rules with an error are not loaded at all.
    ///
    /// ## How it is decided
    ///
    /// By the parser.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 22 ACCEPT
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT { proto tcp dport 22 ACCEPT; }
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static SYNTAX = "PAL600" "host-syntax" Error Never On,
        "host rules that break the grammar", Check::Elsewhere;
}
