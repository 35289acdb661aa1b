//! Policies of one tier and one priority (C6): the API leaves open which of them is asked first.

use std::collections::BTreeMap;

use crate::cluster_policy::Home;
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifest::code;
use crate::network_policy::Strictness;
use crate::policy::{Action, Direction, Policy, Tier};
use crate::source::Span;

/// Who of a rank was the first with each action.
type FirstToAct<'p> = BTreeMap<Action, (Option<Span>, &'p Policy)>;

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// Reports policies that share tier and priority with an earlier one and act differently in some direction. Here their
/// names decide.
pub(crate) fn same_rank(policies: &[(Option<Span>, Policy)], home: Home, strictness: Strictness) -> Vec<Diagnostic> {
    let code = match home {
        Home::Cluster => code::CLUSTER_POLICY_SAME_RANK,
        Home::Baseline => code::BASELINE_SAME_RANK,
    };
    let mut known: BTreeMap<(Tier, u16, Direction), FirstToAct<'_>> = BTreeMap::new();
    let mut findings = Vec::new();
    for (span, policy) in policies {
        let mut other = None;
        for direction in DIRECTIONS {
            let seen = known.entry((policy.tier, policy.priority, direction)).or_default();
            let actions = policy.rules(direction).unwrap_or_default().iter().map(|rule| rule.action);
            let mut actions: Vec<_> = actions.collect();
            actions.sort_unstable();
            actions.dedup();
            let differs = |found: &Action| actions.iter().any(|action| action != found);
            other = other.or_else(|| seen.iter().find(|(action, _)| differs(action)).map(|(_, other)| *other));
            for action in actions {
                seen.entry(action).or_insert((*span, policy));
            }
        }
        let (Some(span), Some((other_span, other))) = (span, other) else { continue };
        let message = format!(
            "{} and {} have the priority {} and different actions: their names decide which comes first",
            other.name, policy.name, policy.priority
        );
        let mut finding = Diagnostic::warning(code, *span, message);
        finding.severity = match strictness {
            Strictness::Lenient => Severity::Warning,
            Strictness::Strict => Severity::Error,
        };
        findings.push(match other_span {
            Some(other) => finding.label(other, "the other one"),
            None => finding,
        });
    }
    findings
}
