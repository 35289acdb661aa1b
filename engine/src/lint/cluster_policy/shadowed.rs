//! PAL906 cluster-policy-shadowed: a rule that an earlier one decides.

use policy_lang::name::NamespacedName;
use policy_lang::policy::Tier;

use crate::lint::cluster_policy::order;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, reference};

rule! {
    /// ## What it does
    ///
    /// Finds rules of ClusterNetworkPolicies that can never decide, because a rule before them matches everything
    /// that they match.
    ///
    /// ## Why it bites
    ///
    /// A denial that is never asked denies nothing.
    ///
    /// ## How it is decided
    ///
    /// Tier, priority, name and place give the order. An earlier rule has a subject, peers and ports that contain
    /// those of the later one, by their words.
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
    ///   egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}]}]
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: b}
    /// spec:
    ///   tier: Admin
    ///   priority: 20
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Deny, to: [{networks: [10.1.0.0/16]}]}]
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
    ///   egress: [{action: Deny, to: [{networks: [10.1.0.0/16]}]}]
    /// ---
    /// apiVersion: policy.networking.k8s.io/v1alpha2
    /// kind: ClusterNetworkPolicy
    /// metadata: {name: b}
    /// spec:
    ///   tier: Admin
    ///   priority: 20
    ///   subject: {namespaces: {}}
    ///   egress: [{action: Accept, to: [{networks: [10.0.0.0/8]}]}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Never: move or delete the rule.
    pub(crate) static SHADOWED = "PAL906" "cluster-policy-shadowed" Warning Never On,
        "a rule that an earlier one decides", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for tier in [Tier::ClusterAdmin, Tier::ClusterBaseline] {
        for direction in DIRECTIONS {
            for shadow in order::shadows(world, tier, direction) {
                let Some(span) = world.place(&shadow.rule.origin) else { continue };
                let name = NamespacedName::new("", shadow.policy.name.name.as_ref());
                let earlier = &shadow.earlier.origin;
                let message = format!("{earlier} decides everything that this {direction} rule is about");
                let finding = report.about(reference("ClusterNetworkPolicy", &name), span, message);
                label(finding, world.place(earlier), format!("asked first, priority {}", shadow.by.priority));
                finding.help = Some("give it a lower priority number or an earlier place, or take it away".into());
            }
        }
    }
}
