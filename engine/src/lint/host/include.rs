//! PAL628 host-include: an included file that cannot be read.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds includes of files that are missing, unreadable or include themselves.
    ///
    /// ## Why it bites
    ///
    /// What was to be included would be missing.
    ///
    /// ## How it is decided
    ///
    /// By the parser.
    ///
    /// ## Bad
    ///
    /// ```text
    /// @include "missing.ferm";
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// chain INPUT ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static INCLUDE = "PAL628" "host-include" Error Never On,
        "an included file that cannot be read", Check::Elsewhere;
}
