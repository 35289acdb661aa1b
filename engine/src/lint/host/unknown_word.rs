//! PAL601 host-unknown-word: a keyword, function or module that does not exist.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds words that the language of host rules does not have, with the nearest one that it has.
    ///
    /// ## Why it bites
    ///
    /// Host rules with an error are not loaded at all.
    ///
    /// ## How it is decided
    ///
    /// By the tables of keywords.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT proto tcp dpot 22 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT proto tcp dport 22 ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_WORD = "PAL601" "host-unknown-word" Error Never On,
        "a keyword, function or module that does not exist", Check::Elsewhere;
}
