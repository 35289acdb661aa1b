//! PAL502 baseline-entry-invalid: an entry of the baseline that cannot be read.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds wrong CIDRs, ports, words and fields in the entries of a baseline, host bits included.
    ///
    /// ## Why it bites
    ///
    /// One broken entry makes the whole baseline broken: there is no half of a guarantee.
    ///
    /// ## How it is decided
    ///
    /// By the loader of the baseline, which is strict.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: [10.0.0.5/24]}]
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
    /// deny: [{to: [10.0.0.0/24]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ENTRY_INVALID = "PAL502" "baseline-entry-invalid" Error Never On,
        "an entry of the baseline that cannot be read", Check::Elsewhere;
}
