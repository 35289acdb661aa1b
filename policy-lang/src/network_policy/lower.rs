//! From fields to the IR.

use crate::manifest::{Metadata, NetworkPolicy};
use crate::name::UNREADABLE_LABEL;
use crate::network_policy::spec::{Breakage, RuleSpec, Spec};
use crate::peer::{Namespaces, PodSelector};
use crate::policy::{Action, Direction, Peers, Policy, PortMatches, Rule, Subject, Tier};
use crate::selector::{Operator, Requirement, Selector};
use crate::source::Sources;
use std::sync::Arc;

/// The policy, or the stand-in of a broken one.
pub(super) fn policy(policy: &NetworkPolicy, spec: &Spec, sources: &Sources) -> Policy {
    let metadata = &policy.metadata;
    let rules = |direction, rules: &[RuleSpec]| {
        let lowered = |(index, rule)| lower_rule(policy, direction, index, rule, sources);
        rules.iter().enumerate().map(lowered).collect::<Vec<_>>()
    };
    let (pods, ingress, egress) = match spec.breakage {
        None => (
            spec.pod_selector.clone(),
            spec.isolates(Direction::Ingress).then(|| rules(Direction::Ingress, &spec.ingress)),
            spec.isolates(Direction::Egress).then(|| rules(Direction::Egress, &spec.egress)),
        ),
        Some(Breakage::Rules) => (
            spec.pod_selector.clone(),
            spec.isolates(Direction::Ingress).then(Vec::new),
            covers_egress(policy, spec).then(Vec::new),
        ),
        Some(Breakage::Subject) => (Selector::everything(), Some(Vec::new()), Some(Vec::new())),
    };
    let namespaces = Namespaces::Named(Arc::clone(&metadata.name.namespace));
    Policy {
        origin: metadata.origin.clone(),
        name: metadata.name.clone(),
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods: PodSelector { namespaces, pods }, exempt: Box::default() },
        ingress,
        egress,
    }
}

/// A policy about one pod, selected by the label that only unreadable pods bear.
pub(super) fn quarantine(metadata: &Metadata) -> Policy {
    let value = Arc::from(metadata.name.to_string());
    let operator = Operator::In([value].into());
    let pods = Selector::new([Requirement { key: UNREADABLE_LABEL.into(), operator }]);
    let namespaces = Namespaces::Named(Arc::clone(&metadata.name.namespace));
    Policy {
        origin: metadata.origin.clone(),
        name: metadata.name.clone(),
        tier: Tier::NetworkPolicy,
        priority: 0,
        subject: Subject { pods: PodSelector { namespaces, pods }, exempt: Box::default() },
        ingress: Some(Vec::new()),
        egress: Some(Vec::new()),
    }
}

/// As [`Spec::isolates`], but rules that could not be read count.
fn covers_egress(policy: &NetworkPolicy, spec: &Spec) -> bool {
    let written = || {
        let rules = policy.document.field("spec").and_then(|spec| spec.field("egress"));
        rules.and_then(|rules| rules.items()).is_some_and(|rules| !rules.is_empty())
    };
    spec.isolates(Direction::Egress) || (spec.policy_types.is_empty() && written())
}

fn lower_rule(policy: &NetworkPolicy, direction: Direction, index: usize, rule: &RuleSpec, sources: &Sources) -> Rule {
    let subject = format!("{} {direction}[{index}]", policy.metadata.name);
    let peers = rule.peers.iter().map(|peer| peer.value.clone()).collect::<Vec<_>>();
    let ports = rule.ports.iter().map(|port| port.value.clone()).collect::<Vec<_>>();
    let peers = if peers.is_empty() { Peers::Any } else { Peers::AnyOf(peers) };
    let ports = if ports.is_empty() { PortMatches::Any } else { PortMatches::AnyOf(ports) };
    Rule::new(sources.origin(rule.span).with_subject(subject), Action::Accept, peers, ports)
}
