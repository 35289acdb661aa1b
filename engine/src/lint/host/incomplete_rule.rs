//! PAL627 host-incomplete-rule: a rule with no action, with two, or empty.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds rules without an action and rules with more than one.
    ///
    /// ## Why it bites
    ///
    /// ferm refuses them.
    ///
    /// ## How it is decided
    ///
    /// By the parser.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT proto tcp dport 22;
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
    pub(crate) static INCOMPLETE_RULE = "PAL627" "host-incomplete-rule" Error Never On,
        "a rule with no action, with two, or empty", Check::Elsewhere;
}
