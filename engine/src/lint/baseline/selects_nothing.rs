//! PAL507 baseline-selects-nothing: an exemption that matches nothing.

use std::collections::BTreeSet;

use policy_lang::diagnostic::Severity;
use policy_lang::policy::Tier;

use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds exemptions of the baseline that match no namespace of the input.
    ///
    /// ## Why it bites
    ///
    /// Who was to be exempt is bound. For parts of the control plane that is an outage.
    ///
    /// ## How it is decided
    ///
    /// Only where the input has Namespace objects. A note where not every namespace of the input has one.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: shop}
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// exempt: [{namespaces: {matchLabels: {exempt: "yes"}}}]
    /// deny: [{to: ["@metadata"]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Namespace
    /// metadata: {name: shop}
    /// ---
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// exempt: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}]
    /// deny: [{to: ["@metadata"]}]
    /// default: pass
    /// otherwise: allow
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the namespaces are to come, or are not in the input.
    pub(crate) static SELECTS_NOTHING = "PAL507" "baseline-selects-nothing" Warning Never On,
        "an exemption that matches nothing", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let written = world.namespaces.values().filter(|namespace| namespace.written.is_some()).count();
    if written == 0 {
        return;
    }
    let mut seen = BTreeSet::new();
    for policy in world.tier(Tier::ConfigMapAdmin).chain(world.tier(Tier::ConfigMapBaseline)) {
        let Some(span) = world.place(&policy.origin) else { continue };
        for exempt in &policy.subject.exempt {
            let matches = world.namespaces.keys().any(|name| world.selects_namespace(&exempt.namespaces, name));
            if matches || !seen.insert(exempt) {
                continue;
            }
            let finding = report.at(span, format!("an exemption of this baseline matches no namespace: {exempt}"));
            finding.help = Some(format!("the input has {} namespaces", world.namespaces.len()));
            if written < world.namespaces.len() {
                finding.severity = Severity::Note;
            }
        }
    }
}
