//! Policies of every tier.

use std::sync::Arc;

use policy_lang::name::NamespacedName;
use policy_lang::peer::{Namespaces, PodSelector};
use policy_lang::policy::{Direction, Policy, Rule, Subject, Tier};
use policy_lang::selector::Selector;
use policy_lang::source::Origin;

use super::{Draw, NAMESPACES};

/// How often a policy is of each tier.
const TIERS: [Tier; 8] = [
    Tier::NetworkPolicy,
    Tier::NetworkPolicy,
    Tier::NetworkPolicy,
    Tier::ConfigMapAdmin,
    Tier::ConfigMapAdmin,
    Tier::ClusterAdmin,
    Tier::ClusterBaseline,
    Tier::ConfigMapBaseline,
];

/// Every pod.
pub(in super::super) fn everyone() -> PodSelector {
    PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() }
}

impl Draw<'_> {
    pub(super) fn policy(&mut self, number: u8) -> Policy {
        let tier = self.pick(&TIERS);
        let namespace: Arc<str> = self.pick(&NAMESPACES).into();
        let priority = if tier == Tier::NetworkPolicy { 0 } else { self.below(3).into() };
        let name = NamespacedName::new(Arc::clone(&namespace), format!("policy-{number}"));
        let subject = self.subject(tier, &namespace);
        let mut rules = |direction| self.rules(&name, tier, direction);
        let ingress = rules(Direction::Ingress);
        let egress = rules(Direction::Egress);
        Policy {
            origin: Origin::default().with_subject(name.to_string()),
            name,
            tier,
            priority,
            subject,
            ingress,
            egress,
        }
    }

    fn subject(&mut self, tier: Tier, namespace: &Arc<str>) -> Subject {
        match tier {
            Tier::NetworkPolicy => {
                let namespaces = Namespaces::Named(Arc::clone(namespace));
                Subject { pods: PodSelector { namespaces, pods: self.selector() }, exempt: [].into() }
            }
            Tier::ClusterAdmin | Tier::ClusterBaseline => {
                let namespaces = Namespaces::Matching(self.selector());
                Subject { pods: PodSelector { namespaces, pods: self.selector() }, exempt: [].into() }
            }
            Tier::ConfigMapAdmin | Tier::ConfigMapBaseline => {
                let pods = match self.below(2) {
                    0 => everyone(),
                    _ => PodSelector { namespaces: Namespaces::Matching(self.selector()), pods: self.selector() },
                };
                let exempt = (0..self.below(3)).map(|_| self.pods(namespace)).collect();
                Subject { pods, exempt }
            }
        }
    }

    /// None, few, or so many that they are folded together.
    fn rules(&mut self, policy: &NamespacedName, tier: Tier, direction: Direction) -> Option<Vec<Rule>> {
        let n_rules = match self.below(9) {
            0..3 => self.below(4),
            3..6 => 1 + self.below(3),
            6 => 16 + self.below(24),
            _ => return None,
        };
        let rule = |number| {
            let origin = Origin::default().with_subject(format!("{policy} {direction}[{number}]"));
            if n_rules < 16 {
                self.rule(origin, policy, tier, direction)
            } else {
                self.plain_rule(origin, policy, tier)
            }
        };
        Some((0..n_rules).map(rule).collect())
    }
}
