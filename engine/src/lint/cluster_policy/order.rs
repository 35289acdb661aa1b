//! Rules of an ordered tier that are never asked.

use policy_lang::policy::{Direction, Effect, Policy, Rule, Tier};

use crate::lint::containment::{pods_within, tier_rule_within};
use crate::lint::world::World;

/// Most rules of one tier and direction that are compared with one another.
const COMPARED: usize = 1000;

/// A rule, and the one before it that decides everything it is about.
pub(crate) struct Shadow<'p> {
    pub(crate) policy: &'p Policy,
    pub(crate) rule: &'p Rule,
    pub(crate) by: &'p Policy,
    pub(crate) earlier: &'p Rule,
}

/// The rules of a tier that an earlier one shadows.
pub(crate) fn shadows<'a>(world: &World<'a>, tier: Tier, direction: Direction) -> Vec<Shadow<'a>> {
    let rules = world.tier(tier).flat_map(|policy| {
        let rules = policy.rules(direction).unwrap_or_default();
        rules.iter().map(move |rule| (policy, rule))
    });
    let rules: Vec<_> = rules.take(COMPARED).collect();
    let mut shadows = Vec::new();
    for (index, (policy, rule)) in rules.iter().enumerate() {
        let earlier = rules.get(..index).unwrap_or_default().iter().find(|(other, earlier)| {
            // Who is exempt from the earlier one meets the later one.
            earlier.effect == Effect::Enforced
                && other.subject.exempt.iter().all(|exempt| policy.subject.exempt.contains(exempt))
                && pods_within(&policy.subject.pods, &other.subject.pods)
                && tier_rule_within(rule, earlier)
        });
        shadows.extend(earlier.map(|(by, earlier)| Shadow { policy, rule, by, earlier }));
    }
    shadows
}
