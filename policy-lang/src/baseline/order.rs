//! Several documents together: their order, and what an earlier one does to a later one.

use std::collections::BTreeMap;

use crate::baseline::document::Decoded;
use crate::cluster_policy::{Home, same_rank};
use crate::diagnostic::Diagnostic;
use crate::manifest::code;
use crate::network_policy::Strictness;
use crate::peer::{Namespaces, Peer};
use crate::policy::{Action, Direction, Effect, Peers, Policy, PortMatches, Rule, Tier};
use crate::port::{PortMatch, Ports};
use crate::source::Span;

/// Most pairs of rules that are compared: a hint is not worth more.
const COMPARISONS_MAX: usize = 1_000_000;

/// Documents with the name of an earlier one: a name must say which.
pub(super) fn same_names(documents: &[Decoded]) -> Vec<Diagnostic> {
    let mut known = BTreeMap::new();
    let mut findings = Vec::new();
    for Decoded { name, span, policies: _ } in documents {
        if let Some(first) = known.insert(name, *span) {
            let message = format!("two documents of the baseline have the name `{name}`");
            findings.push(Diagnostic::error(code::BASELINE_SCHEMA, *span, message).label(first, "the other one"));
        }
    }
    findings
}

/// The policies in the order in which they are asked.
pub(super) fn sorted(documents: Vec<Decoded>) -> Vec<Policy> {
    let mut policies: Vec<_> = documents.into_iter().flat_map(|document| document.policies).collect();
    policies.sort_by(|a, b| rank(a).cmp(&rank(b)));
    policies
}

/// What several documents do to one another that their authors may not see.
pub(super) fn doubts(documents: &[Decoded]) -> Vec<Diagnostic> {
    let mut policies: Vec<_> =
        documents.iter().flat_map(|document| document.policies.iter().map(|policy| (document.span, policy))).collect();
    policies.sort_by(|(_, a), (_, b)| rank(a).cmp(&rank(b)));
    let ranked: Vec<_> = policies.iter().map(|(span, policy)| (Some(*span), (*policy).clone())).collect();
    let mut findings = same_rank(&ranked, Home::Baseline, Strictness::Lenient);
    let mut budget = COMPARISONS_MAX;
    for (index, (span, later)) in policies.iter().enumerate() {
        let earlier = policies.get(..index).unwrap_or_default();
        findings
            .extend(earlier.iter().find_map(|(other, policy)| shadow((*other, policy), (*span, later), &mut budget)));
    }
    findings
}

fn rank(policy: &Policy) -> (Tier, u16, &crate::name::NamespacedName) {
    (policy.tier, policy.priority, &policy.name)
}

/// What the earlier policy keeps from the later one of its tier.
fn shadow(
    (earlier_span, earlier): (Span, &Policy),
    (later_span, later): (Span, &Policy),
    budget: &mut usize,
) -> Option<Diagnostic> {
    if earlier.tier != later.tier {
        return None;
    }
    for direction in [Direction::Egress, Direction::Ingress] {
        let (Some(before), Some(after)) = (earlier.rules(direction), later.rules(direction)) else { continue };
        let says_more = after.iter().any(|rule| !(ends_it(rule) && rule.action == Action::Deny));
        if says_more && before.iter().any(ends_it) && binds_everyone(earlier) {
            let message =
                format!("nothing of {} is ever asked: {} decides everything before it", later.name, earlier.name);
            let finding = Diagnostic::warning(code::BASELINE_SHADOWED, later_span, message);
            return Some(finding.label(earlier_span, "decides everything that it does not list"));
        }
        for pass in before.iter().filter(|rule| rule.action == Action::Pass && rule.effect == Effect::Enforced) {
            for deny in after.iter().filter(|rule| rule.action == Action::Deny && rule.peers != Peers::Any) {
                *budget = budget.checked_sub(1)?;
                if overlap(pass, deny) {
                    let message = format!(
                        "`{pass}` lets past what `{deny}` denies: a rule that passes on skips the rest of the tier",
                        pass = pass.origin.subject.as_deref().unwrap_or_default(),
                        deny = deny.origin.subject.as_deref().unwrap_or_default(),
                    );
                    let finding = Diagnostic::warning(code::BASELINE_SHADOWED, later_span, message);
                    let help = "give the document that denies the lower priority";
                    return Some(finding.label(earlier_span, "is asked first").help(help));
                }
            }
        }
    }
    None
}

/// Whether nothing goes on to the next rule of the tier.
fn ends_it(rule: &Rule) -> bool {
    rule.peers == Peers::Any && rule.ports == PortMatches::Any && rule.effect == Effect::Enforced
}

fn binds_everyone(policy: &Policy) -> bool {
    let subject = &policy.subject;
    let every_namespace = match &subject.pods.namespaces {
        Namespaces::Named(_) => false,
        Namespaces::Matching(selector) => selector.is_everything(),
    };
    every_namespace && subject.pods.pods.is_everything() && subject.exempt.is_empty()
}

/// Whether two rules are known to have a connection in common.
fn overlap(one: &Rule, other: &Rule) -> bool {
    let peers = match (&one.peers, &other.peers) {
        (Peers::Any, _) | (_, Peers::Any) => true,
        (Peers::AnyOf(one), Peers::AnyOf(other)) => {
            one.iter().any(|one| other.iter().any(|other| peers_overlap(one, other)))
        }
    };
    let ports = match (&one.ports, &other.ports) {
        (PortMatches::Any, _) | (_, PortMatches::Any) => true,
        (PortMatches::AnyOf(ours), PortMatches::AnyOf(theirs)) => {
            let icmp = one.icmp.iter().any(|kind| other.icmp.contains(kind));
            icmp || ours.iter().any(|port| theirs.iter().any(|other| ports_overlap(port, other)))
        }
    };
    peers && ports
}

fn peers_overlap(one: &Peer, other: &Peer) -> bool {
    match (one, other) {
        (Peer::Addresses { cidr, .. }, Peer::Addresses { cidr: other, .. }) => {
            cidr.contains(other) || other.contains(cidr)
        }
        (Peer::Pods(one), Peer::Pods(other)) => {
            let everything = |pods: &crate::peer::PodSelector| {
                pods.pods.is_everything()
                    && matches!(&pods.namespaces, Namespaces::Matching(selector) if selector.is_everything())
            };
            one == other || everything(one) || everything(other)
        }
        (Peer::Nodes(one), Peer::Nodes(other)) => one == other || one.is_everything() || other.is_everything(),
        (Peer::Service { .. }, Peer::Service { .. }) => one == other,
        // Who has an address only the cluster knows.
        (Peer::Addresses { .. } | Peer::Pods(_) | Peer::Nodes(_) | Peer::Service { .. }, _) => false,
    }
}

fn ports_overlap(one: &PortMatch, other: &PortMatch) -> bool {
    one.protocol == other.protocol
        && match (&one.ports, &other.ports) {
            (Ports::All, _) | (_, Ports::All) => true,
            (Ports::Range(one), Ports::Range(other)) => one.first() <= other.last() && other.first() <= one.last(),
            (Ports::Named(one), Ports::Named(other)) => one == other,
            (Ports::Named(_), Ports::Range(_)) | (Ports::Range(_), Ports::Named(_)) => false,
        }
}
