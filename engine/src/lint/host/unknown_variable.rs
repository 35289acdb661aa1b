//! PAL603 unknown-variable: a variable that is not defined.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds variables without a definition.
    ///
    /// ## Why it bites
    ///
    /// Host rules with an error are not loaded at all.
    ///
    /// ## How it is decided
    ///
    /// By the definitions that are in force at that place.
    ///
    /// ## Bad
    ///
    /// ```text
    /// chain INPUT saddr $ADMINS ACCEPT;
    /// ```
    ///
    /// ## Good
    ///
    /// ```text
    /// @def $ADMINS = 192.0.2.0/24;
    /// chain INPUT saddr $ADMINS ACCEPT;
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static UNKNOWN_VARIABLE = "PAL603" "unknown-variable" Error Never On,
        "a variable that is not defined", Check::Elsewhere;
}
