//! PAL908 cluster-policy-family-gap: a denial of everything of one family only.

use policy_lang::name::NamespacedName;
use policy_lang::policy::Tier;

use crate::lint::baseline::families;
use crate::lint::rule::{Check, Report, rule};
use crate::lint::world::World;
use crate::lint::written::reference;

rule! {
    /// ## What it does
    ///
    /// Finds Deny rules for `0.0.0.0/0` without one for `::/0`, or the reverse.
    ///
    /// ## Why it bites
    ///
    /// A network of one family never matches the other, which stays open.
    ///
    /// ## How it is decided
    ///
    /// Over the egress denials of one policy.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: a}
    /// spec:
    ///   tier: Admin
    ///   priority: 10
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Deny, to: [{networks: [0.0.0.0/0, "::/0"]}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// On clusters of one family.
    pub(crate) static FAMILY_GAP = "PAL908" "cluster-policy-family-gap" Warning Never On,
        "a denial of everything of one family only", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for policy in world.tier(Tier::ClusterAdmin).chain(world.tier(Tier::ClusterBaseline)) {
        for (rule, denied, open) in families::gaps(&[policy]) {
            let is_whole = denied.ends_with("/0");
            let Some(span) = world.place(&rule.origin).filter(|_| is_whole) else { continue };
            let name = NamespacedName::new("", policy.name.name.as_ref());
            let message = format!("this denies {denied}, and {open} stays open");
            report.about(reference("ClusterNetworkPolicy", &name), span, message);
        }
    }
}
