//! PAL511 baseline-widened: the baseline permits more than it did.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// With `palisade lint --changed[=REF]`, finds lines of the enforced baseline by which pods may reach more than at
    /// that commit.
    ///
    /// ## Why it bites
    ///
    /// The baseline holds for every tenant. A line more in it is a hole in every namespace, and reads like any other
    /// line of a change.
    ///
    /// ## How it is decided
    ///
    /// Both baselines are solved for the namespaces, workloads and Services of the input as it is, with a pod in a
    /// namespace of its own beside them, and nothing but the baseline; what only the new one permits is a finding at the
    /// line that permits it. A baseline that is new narrows, whatever it says.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// always: [{to: ["@dns"]}, {to: [203.0.113.0/24]}]   # the network is new
    /// default: deny
    /// otherwise: deny
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// always: [{to: ["@dns"]}]   # as it was
    /// default: deny
    /// otherwise: deny
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the change was decided; the comment says by whom.
    pub(crate) static WIDENED = "PAL511" "baseline-widened" Warning Never On,
        "the baseline permits more than it did", Check::Elsewhere;
}
