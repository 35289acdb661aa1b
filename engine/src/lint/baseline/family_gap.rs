//! PAL509 baseline-family-gap: a denial of one family only.

use policy_lang::diagnostic::{Fix, Safety};
use policy_lang::policy::Tier;

use crate::lint::baseline::{entries, families};
use crate::lint::edit;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;

rule! {
    /// ## What it does
    ///
    /// Finds denials of `0.0.0.0/0` without `::/0`, and of the metadata service of IPv4 without that of IPv6.
    ///
    /// ## Why it bites
    ///
    /// On a cluster of both families the other one stays open.
    ///
    /// ## How it is decided
    ///
    /// Over the denials of all documents of the baseline together.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: palisade.dev/v1alpha1
    /// kind: EgressBaseline
    /// metadata: {name: standard}
    /// deny: [{to: [169.254.169.254/32]}]
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
    /// On clusters of one family.
    pub(crate) static FAMILY_GAP = "PAL509" "baseline-family-gap" Warning Unsafe Off,
        "a denial of one family only", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let policies: Vec<_> = world.tier(Tier::ConfigMapAdmin).collect();
    for (rule, denied, open) in families::gaps(&policies) {
        if let Some(span) = world.place(&rule.origin) {
            let finding = report.at(span, format!("this denies {denied}, and {open} stays open"));
            let entry = entries::find(world, &rule.origin);
            let networks = entry.as_ref().and_then(|(list, index)| list.value.items()?.get(*index)?.field("to"));
            let edit = networks.and_then(|list| edit::with_item(list, &format!("\"{open}\""), world.sources));
            finding.fix = edit.map(|edit| Fix::one(Safety::Unsafe, format!("deny {open} as well"), edit));
        }
    }
}
