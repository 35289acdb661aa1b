//! PAL031 over-budget: policies of a namespace that take more than the kernel gets.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Names namespaces whose policies take more rules than a node is given.
    ///
    /// ## Why it bites
    ///
    /// Its isolated pods are closed in that direction.
    ///
    /// ## How it is decided
    ///
    /// Found when a ruleset is compiled for a node; docs/design/limits.md lists the bounds.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// thousands of rules that share nothing
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// the same with a few ranges
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static OVER_BUDGET = "PAL031" "over-budget" Warning Never Off,
        "policies of a namespace that take more than the kernel gets", Check::Elsewhere;
}
