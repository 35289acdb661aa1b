//! PAL510 baseline-exemption-wide: an exemption for every pod, or by a label that tenants may be able to set.

use crate::lint::rule::{Check, rule};

rule! {
    /// ## What it does
    ///
    /// Finds exemptions that cover every namespace, and exemptions by labels of pods.
    ///
    /// ## Why it bites
    ///
    /// Who may create pods can label them, and an exemption by such a label is for everybody.
    ///
    /// ## How it is decided
    ///
    /// The selector of the exemption is empty, or it selects by labels of pods in namespaces that are not named.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// exempt: [{pods: {matchLabels: {trusted: "yes"}}}]
    /// deny: [{to: ["@metadata"]}]
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
    /// exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    /// deny: [{to: ["@metadata"]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where an admission policy guards the label.
    pub(crate) static EXEMPTION_WIDE = "PAL510" "baseline-exemption-wide" Warning Never Off,
        "an exemption for every pod, or by a label that tenants may be able to set", Check::Elsewhere;
}
