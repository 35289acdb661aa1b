//! PAL806 forbidden-suppression: a suppression of a locked rule.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds comments and annotations that suppress a rule which the configuration has under `locked`. The finding
    /// itself stays.
    ///
    /// ## Why it bites
    ///
    /// Somebody decided that this rule has no exceptions.
    ///
    /// ## How it is decided
    ///
    /// By `locked` of the configuration.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// # palisade: ignore[PAL504] -- for a test
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static FORBIDDEN_SUPPRESSION = "PAL806" "forbidden-suppression" Error Never On,
        "a suppression of a locked rule", Check::Elsewhere;
}
