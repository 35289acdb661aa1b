//! PAL512 baseline-allow-opens-nothing: an `allow` that opens nothing by itself.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `allow` entries beside `otherwise: deny`, and beside `default: pass`.
    ///
    /// ## Why it bites
    ///
    /// `allow` lets past the denials of the baseline, and the policies of the pods decide. With `otherwise: deny`,
    /// pods without a policy stay closed; with `default: pass`, nothing is there to be let past.
    ///
    /// ## How it is decided
    ///
    /// By `default` and `otherwise` of the document.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: ["@metadata"]}]
    /// allow: [{to: [198.51.100.0/24]}]
    /// default: pass
    /// otherwise: deny
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: ["@metadata"]}]
    /// allow: [{to: [198.51.100.0/24]}]
    /// default: deny
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where pods have policies of their own that open it.
    pub(crate) static ALLOW_OPENS_NOTHING = "PAL512" "baseline-allow-opens-nothing" Warning Never On,
        "an `allow` that opens nothing by itself", Check::Elsewhere;
}
