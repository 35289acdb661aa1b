//! PAL623 host-operand: an operand that means nothing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds addresses, ports and names that are none, and operands of the wrong shape.
    ///
    /// ## Why it bites
    ///
    /// Host rules with an error are not loaded at all.
    ///
    /// ## How it is decided
    ///
    /// By the parser and the compiler.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT proto tcp dport 99999 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT proto tcp dport 9999 ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static OPERAND = "PAL623" "host-operand" Error Never On,
        "an operand that means nothing", Check::Elsewhere;
}
