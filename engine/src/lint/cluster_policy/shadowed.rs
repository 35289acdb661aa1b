//! PAL906 cluster-policy-shadowed: a rule that an earlier one decides.

use policy_lang::name::NamespacedName;
use policy_lang::policy::{Effect, Tier};

use crate::lint::containment::{pods_within, tier_rule_within};
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

/// Most rules of one tier and direction that are compared with one another.
const COMPARED: usize = 1000;

fn check(world: &World<'_>, report: &mut Report<'_>) {
    for tier in [Tier::ClusterAdmin, Tier::ClusterBaseline] {
        for direction in DIRECTIONS {
            let policies = world.tier(tier);
            let rules = policies
                .flat_map(|policy| policy.rules(direction).unwrap_or_default().iter().map(move |rule| (policy, rule)));
            let rules: Vec<_> = rules.take(COMPARED).collect();
            for (index, (policy, rule)) in rules.iter().enumerate() {
                let earlier = rules.get(..index).unwrap_or_default().iter().find(|(other, earlier)| {
                    earlier.effect == Effect::Enforced
                        && pods_within(&policy.subject.pods, &other.subject.pods)
                        && tier_rule_within(rule, earlier)
                });
                let (Some((other, earlier)), Some(span)) = (earlier, world.place(&rule.origin)) else { continue };
                let name = NamespacedName::new("", policy.name.name.as_ref());
                let message = format!("{} decides everything that this {direction} rule is about", earlier.origin);
                let finding = report.about(reference("ClusterNetworkPolicy", &name), span, message);
                label(finding, world.place(&earlier.origin), format!("asked first, priority {}", other.priority));
                finding.help = Some("give it a lower priority number or an earlier place, or take it away".into());
            }
        }
    }
}
