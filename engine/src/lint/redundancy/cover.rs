//! Policies that others make superfluous.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy_lang::network_policy::RuleSpec;
use policy_lang::policy::Direction;

use crate::lint::containment::{pods_within, rule_within};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

/// Most policies of one namespace that are compared with one another: the effort grows with the square.
pub(crate) const COMPARED: usize = 1000;

/// Most comparisons of rules for one policy, and for all of them together.
const COMPARISONS: usize = 20_000;
const ALL_COMPARISONS: usize = 500_000;

/// What of a policy others cover.
pub(crate) struct Cover<'w, 'a> {
    pub(crate) policy: &'w Written<'a>,
    pub(crate) extent: Extent<'w, 'a>,
    /// Whether it is the first policy of its namespace that is covered as a whole.
    pub(crate) is_first: bool,
}

/// A rule, the policy that covers it, and the rule there that does.
pub(crate) type Covered<'w, 'a> = (Direction, &'w RuleSpec, &'w Written<'a>, &'w RuleSpec);

/// How much of it.
pub(crate) enum Extent<'w, 'a> {
    /// All of it, by these.
    Policy(Vec<&'w Written<'a>>),
    /// Some rules, each with the policy and the rule that contain it.
    Rules(Vec<Covered<'w, 'a>>),
}

/// The policies, by namespace.
pub(crate) fn by_namespace<'w, 'a>(world: &'w World<'a>) -> Vec<Vec<&'w Written<'a>>> {
    let mut namespaces: BTreeMap<&Arc<str>, Vec<&Written<'_>>> = BTreeMap::new();
    for policy in &world.policies {
        namespaces.entry(&policy.name().namespace).or_default().push(policy);
    }
    namespaces.into_values().collect()
}

/// What others cover, for every policy that selects workloads of the input.
pub(crate) fn all<'w, 'a>(world: &'w World<'a>) -> Vec<Cover<'w, 'a>> {
    let mut covers = Vec::new();
    let mut left = ALL_COMPARISONS;
    for policies in by_namespace(world) {
        let before = covers.len();
        let compared = policies.get(..policies.len().min(COMPARED)).unwrap_or_default();
        for policy in compared {
            let others = compared
                .iter()
                .filter(|other| other.name() != policy.name() && pods_within(&policy.subject, &other.subject));
            let others: Vec<_> = others.copied().collect();
            covers.extend(of(policy, &others, &mut left));
        }
        let mut of_namespace = covers.get_mut(before..).unwrap_or_default().iter_mut();
        if let Some(first) = of_namespace.find(|cover| matches!(cover.extent, Extent::Policy(_))) {
            first.is_first = true;
        }
    }
    covers
}

fn of<'w, 'a>(policy: &'w Written<'a>, others: &[&'w Written<'a>], left: &mut usize) -> Option<Cover<'w, 'a>> {
    let n_rules = policy.live_rules().count();
    if n_rules == 0 || *left == 0 || others.is_empty() || policy.selected.is_empty() {
        return None;
    }
    let mut budget = COMPARISONS.min(*left);
    let before = budget;
    let n_candidates = |direction| {
        let isolating = others.iter().filter(|other| other.spec.isolates(direction));
        isolating.map(|other| other.rules(direction).len()).sum::<usize>()
    };
    let mut covered = Vec::new();
    for (direction, rule) in policy.live_rules() {
        if budget == 0 {
            break;
        }
        let isolating = others.iter().filter(|other| other.spec.isolates(direction));
        let mut candidates = isolating.flat_map(|other| other.rules(direction).iter().map(move |rule| (*other, rule)));
        let found = candidates.by_ref().take(budget).enumerate().find(|(_, (_, other))| rule_within(rule, other));
        budget -= found.as_ref().map_or_else(|| n_candidates(direction).min(budget), |(at, _)| at + 1);
        let found = found.map(|(_, found)| found);
        covered.extend(found.map(|(other, by)| (direction, rule, other, by)));
    }
    *left -= before - budget;
    // Where each could go for the other, the later one is the superfluous one.
    covered.retain(|(_, rule, other, by)| {
        let mutual = rule_within(by, rule) && pods_within(&other.subject, &policy.subject);
        !mutual || other.span() < policy.span()
    });
    let closes = |direction| others.iter().any(|other| other.spec.isolates(direction));
    let is_closed = DIRECTIONS.into_iter().all(|direction| !policy.spec.isolates(direction) || closes(direction));
    let extent = if covered.len() == n_rules && is_closed {
        let mut by: Vec<_> = covered.iter().map(|(_, _, other, _)| *other).collect();
        by.sort_by_key(|other| other.span());
        by.dedup_by_key(|other| other.span());
        Extent::Policy(by)
    } else if covered.is_empty() {
        return None;
    } else {
        Extent::Rules(covered)
    };
    Some(Cover { policy, extent, is_first: false })
}
