//! PAL206 redundant-rule: a rule that another rule of the policy contains.

use policy_lang::diagnostic::{Fix, Safety};

use crate::lint::containment::rule_within;
use crate::lint::edit;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::{DIRECTIONS, Written};

rule! {
    /// ## What it does
    ///
    /// Finds rules that admit nothing which another rule of their policy does not admit.
    ///
    /// ## Why it bites
    ///
    /// It looks like a restriction and is none: the wider rule is what holds.
    ///
    /// ## How it is decided
    ///
    /// By the words alone, whatever pods there are. Deleting the rule is a safe fix.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    ///   - from: [{podSelector: {matchLabels: {app: web}}}]
    ///     ports: [{port: 80}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Ingress]
    ///   ingress:
    ///   - from: [{podSelector: {}}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where the rule documents something.
    pub(crate) static REDUNDANT_RULE = "PAL206" "redundant-rule" Warning Safe On,
        "a rule that another rule of the policy contains", Check::Policy(check);
}

/// Most rules of one direction that are compared with one another.
const COMPARED: usize = 200;

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for direction in DIRECTIONS.into_iter().filter(|direction| written.spec.isolates(*direction)) {
        let rules = written.rules(direction);
        let rules = rules.get(..rules.len().min(COMPARED)).unwrap_or_default();
        for (index, rule) in rules.iter().enumerate() {
            // Of two that say the same, the later one goes.
            let mut others = rules.iter().enumerate().filter(|(other_index, other)| {
                *other_index != index && rule_within(rule, other) && (*other_index < index || !rule_within(other, rule))
            });
            let Some((_, other)) = others.next() else { continue };
            let finding = report.at(rule.span, "this rule is contained in another one of the policy");
            label(finding, Some(other.span), "contains it");
            finding.help = Some("take it away: nothing changes".into());
            let list = written.field(&direction.to_string()).map(|entry| &entry.value);
            let edit = list.and_then(|list| edit::without_item(list, index, world.sources));
            finding.fix = edit.map(|edit| Fix::one(Safety::Safe, "take the rule away", edit));
        }
    }
}
