//! PAL508 baseline-empty: a baseline that denies nothing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds baselines without any denial.
    ///
    /// ## Why it bites
    ///
    /// It enforces nothing, and looks as if it did.
    ///
    /// ## How it is decided
    ///
    /// Neither `deny` has entries nor `default` or `otherwise` is `deny`.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: ["@metadata"]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// While a baseline is introduced step by step.
    pub(crate) static EMPTY = "PAL508" "baseline-empty" Warning Never On,
        "a baseline that denies nothing", Check::Elsewhere;
}
