//! PAL808 config-invalid: a configuration that cannot be understood.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds unknown keys and wrong values in `palisade.yaml`.
    ///
    /// ## Why it bites
    ///
    /// A key with a slip in it configures nothing.
    ///
    /// ## How it is decided
    ///
    /// By the schema of the configuration. The exit code is 2: nothing is judged by half a configuration.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// version: 1
    /// selct: [PAL3]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// version: 1
    /// select: [PAL3]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static CONFIG_INVALID = "PAL808" "config-invalid" Error Never On,
        "a configuration that cannot be understood", Check::Elsewhere;
}
