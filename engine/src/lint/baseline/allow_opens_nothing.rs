//! PAL512 baseline-allow-opens-nothing: an `allow` that opens nothing.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds `allow` entries beside `default: pass`.
    ///
    /// ## Why it bites
    ///
    /// `allow` lets past the denials of the same tier, and there are none after it: the entry has no effect.
    ///
    /// ## How it is decided
    ///
    /// The documents after it deny nothing, and `default` is `pass`.
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
    /// otherwise: deny
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ALLOW_OPENS_NOTHING = "PAL512" "baseline-allow-opens-nothing" Warning Never On,
        "an `allow` that opens nothing", Check::Elsewhere;
}
