//! PAL808 config-invalid: a configuration that cannot be understood.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds unknown keys and wrong values in `palisade.yaml`, and in files of assertions (`palisade test`) whatever
    /// cannot be understood.
    ///
    /// ## Why it bites
    ///
    /// A key with a slip in it configures nothing, and an assertion that is not understood holds nothing.
    ///
    /// ## How it is decided
    ///
    /// By the schema of the configuration, or of files of assertions. The exit code is 2: nothing is judged by half a configuration.
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
