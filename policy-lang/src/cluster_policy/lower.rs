//! From fields to the IR.

use std::sync::Arc;

use crate::cluster_policy::rule::RuleSpec;
use crate::cluster_policy::spec::{Rules, Spec, Trust};
use crate::cluster_policy::{Home, Level, peer};
use crate::manifest::Metadata;
use crate::name::NamespacedName;
use crate::peer::{Namespaces, PodSelector};
use crate::policy::{Action, Direction, Peers, Policy, PortMatches, Rule, Subject};
use crate::port::PortMatch;
use crate::selector::Selector;
use crate::source::{Origin, Sources};

/// The policy; what could not be read of it fails closed.
pub(super) fn policy(spec: &Spec, metadata: &Metadata, home: Home, sources: &Sources) -> Policy {
    let Spec { level, priority, subject, ingress, egress, trust } = spec;
    let everyone =
        || PodSelector { namespaces: Namespaces::Matching(Selector::everything()), pods: Selector::everything() };
    let name = NamespacedName::new("", Arc::clone(&metadata.name.name));
    let rules = |rules, direction| Lowering { trust: *trust, name: &name, metadata, direction, sources }.rules(rules);
    Policy {
        origin: metadata.origin.clone(),
        tier: home.tier(level.unwrap_or(Level::Admin)),
        // What denies at a place that is not known denies before anything accepts.
        priority: if *trust == Trust::Whole { priority.unwrap_or(0) } else { 0 },
        subject: Subject { pods: subject.clone().unwrap_or_else(everyone), exempt: Box::default() },
        ingress: rules(ingress, Direction::Ingress),
        egress: rules(egress, Direction::Egress),
        name: name.clone(),
    }
}

/// What lowering the rules of one direction hangs on.
struct Lowering<'a> {
    trust: Trust,
    name: &'a NamespacedName,
    metadata: &'a Metadata,
    direction: Direction,
    sources: &'a Sources,
}

impl Lowering<'_> {
    fn rules(&self, rules: &Rules) -> Option<Vec<Rule>> {
        let mut lowered = match rules {
            Rules::Absent => None,
            Rules::Listed(rules) => {
                Some(rules.iter().enumerate().flat_map(|(index, rule)| self.rule(index, rule)).collect::<Vec<_>>())
            }
            Rules::Unreadable(span) => {
                let subject = format!("{} {}", self.name, self.direction);
                Some(vec![everything(self.sources.origin(*span).with_subject(subject))])
            }
        };
        if self.trust == Trust::Nothing {
            // Whatever denies may be among what is lost.
            lowered.get_or_insert_default().push(everything(self.metadata.origin.clone()));
        }
        lowered
    }

    fn rule(&self, index: usize, rule: &RuleSpec) -> Vec<Rule> {
        let RuleSpec { span, name, action, peers, every_peer, ports, sound } = rule;
        let field = format!("{} {}[{index}]", self.name, self.direction);
        let subject = name.as_ref().map_or(field.clone(), |name| format!("{field} {name}"));
        let origin = self.sources.origin(*span).with_subject(subject);
        let trusted = *sound && self.trust == Trust::Whole;
        let action = match action {
            Some(Action::Accept) if trusted => Action::Accept,
            Some(Action::Accept) => return Vec::new(),
            Some(Action::Pass) if trusted && *every_peer => Action::Pass,
            Some(Action::Deny | Action::Pass) | None => Action::Deny,
        };
        if action == Action::Deny && !every_peer {
            return vec![everything(origin)];
        }
        let ports = ports.clone().filter(|_| *sound);
        let Some(ports) = ports else {
            return vec![Rule::new(origin, action, Peers::AnyOf(peers.clone()), PortMatches::Any)];
        };
        if !ports.iter().any(PortMatch::is_named) {
            return vec![Rule::new(origin, action, Peers::AnyOf(peers.clone()), PortMatches::AnyOf(ports))];
        }
        // C12: only of pods is it known which number a name stands for.
        let (addresses, pods): (Vec<_>, Vec<_>) = peers.iter().cloned().partition(peer::is_address);
        let mut rules = Vec::new();
        if !addresses.is_empty() {
            let numbers: Vec<_> = ports.iter().filter(|port| !port.is_named()).cloned().collect();
            let (action, ports) = match action {
                Action::Accept => (Action::Accept, PortMatches::AnyOf(numbers)),
                Action::Deny | Action::Pass => (Action::Deny, PortMatches::Any),
            };
            rules.push(Rule::new(origin.clone(), action, Peers::AnyOf(addresses), ports));
        }
        rules.push(Rule::new(origin, action, Peers::AnyOf(pods), PortMatches::AnyOf(ports)));
        rules.retain(|rule| rule.peers != Peers::AnyOf(Vec::new()) && rule.ports != PortMatches::AnyOf(Vec::new()));
        rules
    }
}

fn everything(origin: Origin) -> Rule {
    Rule::new(origin, Action::Deny, Peers::Any, PortMatches::Any)
}
