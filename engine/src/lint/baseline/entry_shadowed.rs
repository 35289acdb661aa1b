//! PAL505 baseline-entry-shadowed: an entry that an earlier document decides.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds entries of a later document that an earlier one decides or lets past.
    ///
    /// ## Why it bites
    ///
    /// A denial that is never asked denies nothing.
    ///
    /// ## How it is decided
    ///
    /// The documents are asked in the order of priority and name; a verdict of one ends the tier.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// priority: 10
    /// always: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: later}
    /// priority: 20
    /// deny: [{to: [10.1.0.0/16]}]
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
    /// priority: 10
    /// always: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static ENTRY_SHADOWED = "PAL505" "baseline-entry-shadowed" Warning Never On,
        "an entry that an earlier document decides", Check::Elsewhere;
}
