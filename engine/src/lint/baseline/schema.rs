//! PAL501 baseline-schema: a baseline that cannot be read as a whole.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds a baseline with a missing key, the wrong kind, unparsable data, two documents of one name, or a
    /// ConfigMap of its name in the wrong namespace.
    ///
    /// ## Why it bites
    ///
    /// A baseline with an error enforces nothing of itself: nodes keep the last good one, or a stand-in that is
    /// closed.
    ///
    /// ## How it is decided
    ///
    /// By the loader of the baseline.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// default: pass
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never.
    pub(crate) static SCHEMA = "PAL501" "baseline-schema" Error Never On,
        "a baseline that cannot be read as a whole", Check::Elsewhere;
}
