//! PAL618 family-mismatch: an address of the other family.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds IPv4 addresses in the domain `ip6`, and the reverse.
    ///
    /// ## Why it bites
    ///
    /// Such a rule never matches, or is refused.
    ///
    /// ## How it is decided
    ///
    /// By the domain of the rule and the family of the address.
    ///
    /// ## Bad
    ///
    /// ```text
    /// domain ip6 chain INPUT saddr 192.0.2.1 ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// domain ip chain INPUT saddr 192.0.2.1 ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static FAMILY_MISMATCH = "PAL618" "family-mismatch" Error Never On,
        "an address of the other family", Check::Elsewhere;
}
