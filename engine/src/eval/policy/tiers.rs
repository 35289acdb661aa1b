//! The tiers, one after the other; the first that decides wins (decisions.md 12).

use policy_lang::policy::{Action, Direction, Effect, Policy, Rule, Tier};

use super::decision::{Answer, Bound, Cause, Judgement, Layer, Matched, Outcome};
use super::{Question, Subject};
use crate::compile::options::Quarantine;

impl<'a> Question<'a> {
    /// What the layers say about one end.
    pub(super) fn judge(&self, direction: Direction, subject: Subject<'a>) -> Judgement {
        let mut layers = Vec::new();
        let (outcome, cause) = self.decide(direction, subject, &mut layers);
        let outcome = self.observed(outcome, direction, subject);
        let subject = match subject {
            Subject::Pod((name, _)) => Bound::Pod(name.clone()),
            Subject::Unknown(address) => Bound::Unknown(address),
        };
        Judgement { subject, direction, outcome, cause, layers }
    }

    fn decide(&self, direction: Direction, subject: Subject<'a>, layers: &mut Vec<Layer>) -> (Outcome, Cause) {
        for tier in Tier::ALL {
            if tier == Tier::NetworkPolicy && self.is_hairpin(subject) {
                return (Outcome::Allowed, Cause::Hairpin);
            }
            let layer = self.ask(tier, direction, subject);
            let verdict = layer.verdict();
            layers.push(layer);
            if let Some(verdict) = verdict {
                return verdict;
            }
        }
        (Outcome::Allowed, Cause::NoRule)
    }

    /// A pod on its way to itself. Who is not known to be a pod is not known to be one and the same.
    fn is_hairpin(&self, subject: Subject<'_>) -> bool {
        match subject {
            Subject::Pod(_) => self.connection.source == self.connection.destination,
            Subject::Unknown(_) => false,
        }
    }

    fn ask(&self, tier: Tier, direction: Direction, subject: Subject<'a>) -> Layer {
        match (tier, subject) {
            (Tier::NetworkPolicy, Subject::Pod(_)) => self.network_policies(direction, subject),
            (Tier::NetworkPolicy, Subject::Unknown(_)) => self.quarantine(direction),
            (Tier::ConfigMapAdmin | Tier::ClusterAdmin | Tier::ClusterBaseline | Tier::ConfigMapBaseline, _) => {
                self.ordered_tier(tier, direction, subject)
            }
        }
    }

    /// A tier with an order: lower priorities first, then names; the first rule that matches decides, and `Pass`
    /// leaves the rest of the tier out (C2, C3).
    fn ordered_tier(&self, tier: Tier, direction: Direction, subject: Subject<'a>) -> Layer {
        let mut policies = self.binding(tier, direction, subject);
        policies.sort_by_key(|(policy, _)| (policy.priority, &policy.name));
        let mut layer = Layer { tier, audited: Vec::new(), answer: Answer::Unbound };
        for (policy, rules) in policies {
            layer.answer = Answer::NoMatch;
            for rule in rules.iter().filter(|rule| self.matches(rule, direction, subject)) {
                match rule.effect {
                    Effect::Audited => layer.audited.push(matched(policy, rule)),
                    Effect::Enforced => {
                        layer.answer = Answer::Rule(rule.action, matched(policy, rule));
                        return layer;
                    }
                }
            }
        }
        layer
    }

    /// NetworkPolicies have no order: they isolate together, and what any of their rules lists is permitted (sem-4).
    fn network_policies(&self, direction: Direction, subject: Subject<'a>) -> Layer {
        let mut policies = self.binding(Tier::NetworkPolicy, direction, subject);
        policies.sort_by_key(|(policy, _)| &policy.name);
        let grant = policies
            .iter()
            .flat_map(|(policy, rules)| rules.iter().map(move |rule| (policy, rule)))
            .filter(|(_, rule)| rule.action == Action::Accept && rule.effect == Effect::Enforced)
            .find(|(_, rule)| self.matches(rule, direction, subject));
        let answer = match grant {
            _ if policies.is_empty() => Answer::Unbound,
            Some((policy, rule)) => Answer::Rule(Action::Accept, matched(policy, rule)),
            None => Answer::Isolated { policies: policies.iter().map(|(policy, _)| policy.origin.clone()).collect() },
        };
        Layer { tier: Tier::NetworkPolicy, audited: Vec::new(), answer }
    }

    /// What NetworkPolicies mean for an address that may be any pod's.
    fn quarantine(&self, direction: Direction) -> Layer {
        let awaiting = self.awaiting(direction);
        let answer = match self.oracle.options.quarantine {
            _ if awaiting.is_empty() => Answer::Unbound,
            Quarantine::Drop => Answer::Quarantined { awaiting },
            Quarantine::Count => Answer::QuarantineCounted { awaiting },
        };
        Layer { tier: Tier::NetworkPolicy, audited: Vec::new(), answer }
    }

    /// The policies of a tier that bind somebody and say something about a direction, with what they say.
    pub(super) fn binding(
        &self,
        tier: Tier,
        direction: Direction,
        subject: Subject<'a>,
    ) -> Vec<(&'a Policy, &'a [Rule])> {
        self.oracle
            .policies
            .iter()
            .filter(|policy| policy.tier == tier && self.binds(policy, subject))
            .filter_map(|policy| policy.rules(direction).map(|rules| (policy, rules)))
            .collect()
    }

    fn binds(&self, policy: &Policy, subject: Subject<'a>) -> bool {
        match subject {
            Subject::Pod(pod) => {
                let exempt = policy.subject.exempt.iter().any(|exempt| self.selects(exempt, pod));
                self.selects(&policy.subject.pods, pod) && !exempt
            }
            Subject::Unknown(_) => Self::binds_unknown(policy),
        }
    }
}

fn matched(policy: &Policy, rule: &Rule) -> Matched {
    Matched { policy: policy.name.clone(), origin: rule.origin.clone(), logging: rule.logging }
}
