//! PAL506 baseline-overlap-conflict: documents of one priority with different actions.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds documents of the baseline with one priority that act differently.
    ///
    /// ## Why it bites
    ///
    /// Their names decide which is asked first, and a rename changes what is enforced.
    ///
    /// ## How it is decided
    ///
    /// Priority and actions of the documents are compared.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// priority: 9
    /// deny: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: other}
    /// priority: 9
    /// always: [{to: [10.1.0.0/16]}]
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
    /// priority: 9
    /// deny: [{to: [10.0.0.0/8]}]
    /// default: pass
    /// otherwise: allow
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: other}
    /// priority: 10
    /// always: [{to: [10.1.0.0/16]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static OVERLAP_CONFLICT = "PAL506" "baseline-overlap-conflict" Warning Never On,
        "documents of one priority with different actions", Check::Elsewhere;
}
